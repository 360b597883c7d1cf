"""The fusion: weighs what the other rankers and fields of evidence say, by person and situation, and says which did.

It scores a few hundred candidates a query with a small network; all other places share what is left, by popularity and
nearness, so that probabilities over the whole catalogue sum to 1.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from genrec.evidence import Evidence
from genrec.prepared import catalogue_hash
from genrec.rankers.asked import Asked, asked
from genrec.rankers.candidates import PRIOR, Candidates, candidates
from genrec.rankers.features import ALL_FIELDS, Features, features, layout
from genrec.rankers.fusion_file import SHIPPED, read_fusion
from genrec.rankers.fusion_net import Fused
from genrec.rankers.parts import WHOLE, Parts
from genrec.rankers.places import Places, places_of
from genrec.rankers.ranker import Floats, Query, Ranker
from genrec.rankers.reasons import Facts, facts
from genrec.rankers.simple import CountingRanker
from genrec.rankers.tables import Tables
from genrec.rankers.trained import require_catalogue

BATCH = 256  # queries computed at once
TINY = 1e-300  # instead of nothing, below a fraction
COUNTED = ("habits", "markov")  # rankers that need no training


@dataclass(frozen=True)
class Reason:
    """Why a place is where it is in a ranking.

    Attributes:
        poi: the place.
        probability: of a visit there next.
        fields: which part of the place's probability each field brought, the largest first; they sum to 1.
        facts: what is known of the person and the place.

    """

    poi: int
    probability: float
    fields: dict[str, float]
    facts: Facts


@dataclass(frozen=True)
class Explanation:
    """What carried a ranking: the weight of each field in this situation, and the first places with their reasons."""

    gate: dict[str, float]
    places: tuple[Reason, ...]
    rest: float  # probability of all places that were not looked at


@dataclass(frozen=True)
class _Looked:
    """One batch, with all that was computed of it."""

    tables: Tables
    asked: Asked
    found: Candidates
    features: Features
    fused: Fused
    rest: Floats  # (queries,) probability of all places that are not candidates


class Fusion:
    """The fusion as a ranker: the one that comes with GenRec, or a trained one from a folder.

    `rankers`: trained rankers whose scores it weighs, by their names; any may be missing. `parts`: what is left out, to
    be measured. Raises InputError for a folder that holds no fusion, or a damaged one.
    """

    name = "fusion"

    def __init__(
        self, folder: Path | None = None, rankers: Mapping[str, Ranker] | None = None, parts: Parts = WHOLE
    ) -> None:
        self.trained, self._network = read_fusion(folder or SHIPPED, layout())
        parts.require(self.trained.learned.rankers)
        self.parts = parts
        counted = {name: CountingRanker(name) for name in COUNTED}
        learned = set(self.trained.learned.rankers) - {parts.without}
        self._rankers = {name: r for name, r in (counted | dict(rankers or {})).items() if name in learned}
        self._places: tuple[pl.DataFrame, Places] | None = None
        self._tables: tuple[Evidence, Tables] | None = None

    def settings(self) -> dict[str, Any]:
        """See `Ranker`."""
        return {
            **self.trained.model_dump(mode="json", exclude={"learned"}),
            **self.parts.settings(),
            "rankers": {name: ranker.settings() for name, ranker in self._rankers.items()},
        }

    def score(self, queries: Sequence[Query], evidence: Evidence) -> Floats:
        """See `Ranker`."""
        rows = [_spread(looked) for looked in self._look(queries, evidence)]
        return np.concatenate(rows) if rows else np.zeros((0, len(evidence.past.pois)))

    def explain(self, queries: Sequence[Query], evidence: Evidence, k: int = 5) -> list[Explanation]:
        """For each query the gate, and the first `k` places with what carried them."""
        explained = []
        for looked in self._look(queries, evidence):
            explained += [_explanation(looked, row, k) for row in range(len(looked.asked))]
        return explained

    def _look(self, queries: Sequence[Query], evidence: Evidence) -> Iterator[_Looked]:
        tables = self._counted(evidence)
        for first in range(0, len(queries), BATCH):
            batch = queries[first : first + BATCH]
            questions = asked(batch, tables, evidence.as_of)
            found = candidates(tables, questions)
            scores = {name: ranker.score(batch, evidence) for name, ranker in self._rankers.items()}
            made = features(tables, questions, found, scores)
            made = replace(made, present=self.parts.heard(made.present))
            mask, present = torch.from_numpy(found.mask), torch.from_numpy(made.present)
            with torch.inference_mode():
                fused = self._network(torch.from_numpy(made.x), torch.from_numpy(made.about), mask, present)
                fused = self.parts.of(fused, mask, present, self._network.temperature)
            rest = torch.sigmoid(fused.rest.double()).numpy()
            rest[found.mask.sum(axis=1) == tables.places.count] = 0.0  # all places are candidates
            yield _Looked(tables, questions, found, made, fused, rest)

    def _counted(self, evidence: Evidence) -> Tables:
        """The tables of the evidence; those of the last one are kept, and the catalogue as long as it stays."""
        if self._tables is None or self._tables[0] is not evidence:
            pois = evidence.past.pois
            if self._places is None or self._places[0] is not pois:
                require_catalogue(self.trained, catalogue_hash(pois))
                self._places = pois, places_of(pois)
            self._tables = evidence, Tables(evidence, self._places[1])
        return self._tables[1]


def _spread(looked: _Looked) -> Floats:
    """Log-probabilities of all places: of candidates by the network, of the others by how much they draw people."""
    found, rest = looked.found, looked.rest
    own = looked.fused.log.double().numpy()
    own -= np.logaddexp.reduce(np.where(found.mask, own, -np.inf), axis=1, keepdims=True)
    own += np.log1p(-rest)[:, None]
    scores = np.empty((len(own), looked.tables.places.count))
    with np.errstate(divide="ignore"):  # nothing is left for places that are not candidates
        for row, mask in enumerate(found.mask):  # one by one: all that is computed of all places stays in the cache
            inside = found.poi[row, mask]
            draw = _draw(looked, row)
            draw[inside] = 0
            draw *= rest[row] / max(draw.sum(), TINY)
            np.log(draw, out=scores[row])
            scores[row, inside] = own[row, mask]
    return scores


def _draw(looked: _Looked, row: int) -> Floats:
    """How much each place draws the person as such: by its visits, and how near it is. Shape: (places,)."""
    tables, last = looked.tables, looked.asked.last[row]
    draw = tables.crowd.popularity[:, 1] + PRIOR
    if last >= 0:
        east, north = (tables.places.xy - tables.places.xy[last]).T
        draw /= 1 + np.sqrt(east**2 + north**2)
    return np.asarray(draw)


def _explanation(looked: _Looked, row: int, k: int) -> Explanation:
    fused, found = looked.fused, looked.found
    gate = fused.gate[row].double().numpy()
    rest = float(looked.rest[row])
    log = fused.log[row].double().numpy()
    best = [place for place in np.argsort(-log, kind="stable")[:k] if found.mask[row, place]]
    places = []
    for place in best:
        parts = gate * np.exp(fused.fields[row, place].double().numpy())
        parts /= max(parts.sum(), TINY)
        order = np.argsort(-parts, kind="stable")
        places.append(
            Reason(
                poi=int(found.poi[row, place]),
                probability=float(np.exp(log[place]) * (1 - rest)),
                fields={ALL_FIELDS[i]: float(parts[i]) for i in order if parts[i] > 0},
                facts=facts(looked.tables, looked.asked, row, int(found.poi[row, place])),
            )
        )
    weights = {field: float(gate[i]) for i, field in enumerate(ALL_FIELDS) if looked.features.present[row, i]}
    return Explanation(weights, tuple(places), rest)
