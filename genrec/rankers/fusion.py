"""The fusion: weighs what the other rankers and fields of evidence say, by person and situation, and says which did.

It scores a few hundred candidates a query with a small network; all other places share what is left, by popularity and
nearness, so that probabilities over the whole catalogue sum to 1.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from genrec.errors import InputError
from genrec.evidence import Evidence
from genrec.prepared import catalogue_hash
from genrec.rankers.asked import Asked, asked
from genrec.rankers.candidates import PRIOR, Candidates, candidates
from genrec.rankers.features import ALL_FIELDS, Features, features, heard, layout
from genrec.rankers.fusion_file import NAME, SHIPPED, read_fusion
from genrec.rankers.fusion_net import Fused
from genrec.rankers.networks import networks_in
from genrec.rankers.places import Places, places_of
from genrec.rankers.ranker import Floats, Query, Voice
from genrec.rankers.reasons import Facts, facts
from genrec.rankers.simple import CountingRanker
from genrec.rankers.tables import Tables
from genrec.rankers.trained import require_catalogue

BATCH = 256  # queries computed at once
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

    It listens to those rankers that it has learned to weigh: to ones that count, and to the networks beside it in the
    folder, of which any may be missing. Raises InputError for a folder that holds no fusion, or a damaged one, or a
    network that knows more than it.
    """

    name = NAME

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or SHIPPED
        self.trained, self._network = read_fusion(folder, layout())
        learned = self.trained.learned.rankers
        networks = networks_in(folder, learned)
        for name, network in networks.items():
            theirs, own = network.trained.trained_on.last, self.trained.trained_on.last
            if theirs > own:
                raise InputError(
                    f"has seen check-ins up to {theirs}, and the fusion beside it only up to {own}.",
                    file=folder / f"{name}.json",
                    fix="Train both again, into one folder.",
                )
        self._voices: dict[str, Voice] = {**counting(learned), **networks}
        self._places: tuple[pl.DataFrame, Places] | None = None
        self._tables: tuple[Evidence, Tables] | None = None

    @property
    def ships(self) -> bool:
        """Whether it is the one that comes with GenRec, wherever it lies."""
        return self.trained == read_fusion(SHIPPED, layout())[0]

    def settings(self) -> dict[str, Any]:
        """See `Ranker`."""
        return {
            **self.trained.model_dump(mode="json", exclude={"learned"}),
            "rankers": {name: voice.settings() for name, voice in self._voices.items()},
        }

    def score(self, queries: Sequence[Query], evidence: Evidence) -> Floats:
        """See `Ranker`."""
        rows = [self._spread(looked) for looked in self._look(queries, evidence)]
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
            made = features(tables, questions, found, heard(self._voices, batch, evidence, found))
            with torch.inference_mode():
                fused = self._network(
                    torch.from_numpy(made.x),
                    torch.from_numpy(made.about),
                    torch.from_numpy(found.mask),
                    torch.from_numpy(made.present),
                )
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

    def _spread(self, looked: _Looked) -> Floats:
        """Log-probabilities of all places."""
        found, rest = looked.found, looked.rest
        scores = _draw(looked)
        inside = found.mask.nonzero()
        scores[inside[0], found.poi[inside]] = -np.inf
        outside = np.logaddexp.reduce(scores, axis=1, keepdims=True)
        outside[rest == 0] = 0.0
        with np.errstate(divide="ignore"):
            scores += np.log(rest)[:, None] - outside
        own = looked.fused.log.double().numpy()
        own -= np.logaddexp.reduce(np.where(found.mask, own, -np.inf), axis=1, keepdims=True)
        scores[inside[0], found.poi[inside]] = (own + np.log1p(-rest)[:, None])[inside]
        return scores


def counting(names: Collection[str] = COUNTED) -> dict[str, Voice]:
    """The rankers that need no training, as far as they are named."""
    return {name: CountingRanker(name) for name in COUNTED if name in names}


def _draw(looked: _Looked) -> Floats:
    """How much each place draws the person as such, as logarithms: by its visits, and how near it is."""
    tables, questions = looked.tables, looked.asked
    draw = np.log(tables.crowd.popularity[:, 1] + PRIOR)
    scores = np.repeat(draw[None], len(questions), axis=0)
    seen = np.flatnonzero(questions.last >= 0)
    xy = tables.places.xy
    scores[seen] -= np.log1p(np.linalg.norm(xy[None] - xy[questions.last[seen]][:, None], axis=2))
    return scores


def _explanation(looked: _Looked, row: int, k: int) -> Explanation:
    fused, found = looked.fused, looked.found
    gate = fused.gate[row].double().numpy()
    rest = float(looked.rest[row])
    log = fused.log[row].double().numpy()
    best = [place for place in np.argsort(-log, kind="stable")[:k] if found.mask[row, place]]
    places = []
    for place in best:
        parts = gate * np.exp(fused.fields[row, place].double().numpy())
        parts /= max(parts.sum(), 1e-300)
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
