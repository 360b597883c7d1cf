"""The fusion: weighs what the other rankers and fields of evidence say, by person and situation, and says which did.

It scores a few hundred candidates a query with a small network; all other places share what is left, by popularity and
nearness, so that probabilities over the whole catalogue sum to 1.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from genrec.errors import InputError
from genrec.evidence import Evidence
from genrec.llm.identity import folder_hash
from genrec.rankers.asked import Asked, asked
from genrec.rankers.candidates import PRIOR, Candidates, candidates
from genrec.rankers.features import ALL_FIELDS, Features, features, heard, layout
from genrec.rankers.fusion_file import NAME, SHIPPED, read_fusion
from genrec.rankers.fusion_net import Fused
from genrec.rankers.networks import networks_in
from genrec.rankers.parts import WHOLE, Parts
from genrec.rankers.ranker import Floats, Query, Voice, best
from genrec.rankers.reasons import PersonFacts, Reason
from genrec.rankers.simple import CountingRanker
from genrec.rankers.tables import LatestTables, Tables
from genrec.rankers.trained import require_grown
from genrec.versions import settled

BATCH = 256  # queries computed at once
FEW = 4  # queries that one thread computes as fast as several
TINY = 1e-300  # instead of nothing, below a fraction
COUNTED = ("habits", "markov")  # rankers that need no training


@dataclass(frozen=True)
class Explanation:
    """What carried a ranking: the weight of each field in this situation, and the first places with their reasons."""

    gate: dict[str, float]
    places: tuple[Reason, ...]
    rest: float  # probability of all places that were not looked at


@dataclass(frozen=True)
class Looked:
    """One batch of queries, with all that was computed of it.

    `rest`: probability of all places that are not candidates. Shape: (queries,).
    """

    evidence: Evidence
    tables: Tables
    asked: Asked
    found: Candidates
    features: Features
    fused: Fused
    rest: Floats

    @cached_property
    def scores(self) -> Floats:
        """Log-probabilities of all places: of candidates by the network, of the others by how much they draw people.

        Shape: (queries, pois).
        """
        found, rest = self.found, self.rest
        own = self.fused.log.double().numpy()
        own -= np.logaddexp.reduce(np.where(found.mask, own, -np.inf), axis=1, keepdims=True)
        own += np.log1p(-rest)[:, None]
        scores = np.empty((len(own), self.tables.places.count))
        with np.errstate(divide="ignore"):  # nothing is left for places that are not candidates
            for row, mask in enumerate(found.mask):  # one by one: all that is computed of all places stays in the cache
                inside = found.poi[row, mask]
                draw = self._draw(row)
                draw[inside] = 0
                draw *= rest[row] / max(draw.sum(), TINY)
                np.log(draw, out=scores[row])
                scores[row, inside] = own[row, mask]
        return scores

    def _draw(self, row: int) -> Floats:
        """How much each place draws the person as such: by its visits, and how near it is. Shape: (places,)."""
        tables, last = self.tables, self.asked.last[row]
        draw = tables.crowd.popularity[:, 1] + PRIOR
        if last >= 0:
            east, north = (tables.places.xy - tables.places.xy[last]).T
            draw /= 1 + np.sqrt(east**2 + north**2)
        return np.asarray(draw)

    def person(self, row: int) -> PersonFacts:
        """What is known of one query's person."""
        return PersonFacts(self.tables, self.asked, row, self.evidence.positions)

    def explain(self, row: int, pois: Sequence[int]) -> Explanation:
        """The gate of one query, and what carried each of these places."""
        gate, person = self.fused.gate[row].double().numpy(), self.person(row)
        places = tuple(
            Reason(poi, float(np.exp(self.scores[row, poi])), self._shares(row, gate, poi), person.about(poi))
            for poi in pois
        )
        weights = {field: float(gate[i]) for i, field in enumerate(ALL_FIELDS) if self.features.present[row, i]}
        return Explanation(weights, places, float(self.rest[row]))

    def _shares(self, row: int, gate: Floats, poi: int) -> dict[str, float]:
        """See `Reason.fields`."""
        [place] = np.flatnonzero(self.found.poi[row] == poi)[:1].tolist() or [None]
        if place is None:
            return {}
        parts = gate * np.exp(self.fused.fields[row, place].double().numpy())
        parts /= max(parts.sum(), TINY)
        order = np.argsort(-parts, kind="stable")
        return {ALL_FIELDS[i]: float(parts[i]) for i in order if parts[i] > 0}


class Fusion:
    """The fusion as a ranker: the one that comes with GenRec, or a trained one from a folder.

    It listens to those rankers that it has learned to weigh: to ones that count, and to the networks beside it in the
    folder, of which any may be missing. `parts`: what is left out, to be measured. `tables`: those of somebody who asks
    about the same evidence. Raises InputError for a folder that holds no fusion, or a damaged one, or a network that
    knows more than it.
    """

    name = NAME

    def __init__(self, folder: Path | None = None, parts: Parts = WHOLE, tables: LatestTables | None = None) -> None:
        self._folder = settled(folder or SHIPPED)
        self.trained, self._network = read_fusion(self._folder, layout())
        learned = self.trained.learned.rankers
        parts.require(learned)
        self.parts = parts
        networks = networks_in(self._folder, learned)
        for name, network in networks.items():
            theirs, own = network.trained.trained_on.last, self.trained.trained_on.last
            if theirs > own:
                raise InputError(
                    f"has seen check-ins up to {theirs}, and the fusion beside it only up to {own}.",
                    file=self._folder / f"{name}.json",
                    fix="Train both again, into one folder.",
                )
        voices: dict[str, Voice] = {**counting(learned), **networks}
        self._voices = {name: voice for name, voice in voices.items() if name != parts.without}
        self._tables = tables or LatestTables()
        self._for: pl.DataFrame | None = None  # the catalogue that it has been found to be for

    @property
    def ships(self) -> bool:
        """Whether it is the one that comes with GenRec, wherever it lies."""
        return self.trained == read_fusion(SHIPPED, layout())[0]

    def settings(self) -> dict[str, Any]:
        """See `Ranker`."""
        return {
            **self.trained.model_dump(mode="json", exclude={"learned"}),
            **self.parts.settings(),
            "rankers": {name: voice.settings() for name, voice in self._voices.items()},
        }

    def identity(self) -> dict[str, Any]:
        """What tells its rankings from those of another fusion, in plain types."""
        return {
            "rankers_sha256": folder_hash(self._folder),
            "trained_on": self.trained.trained_on.model_dump(mode="json"),
        }

    def score(self, queries: Sequence[Query], evidence: Evidence) -> Floats:
        """See `Ranker`."""
        rows = [looked.scores for looked in self.look(queries, evidence)]
        return np.concatenate(rows) if rows else np.zeros((0, len(evidence.past.pois)))

    def explain(self, queries: Sequence[Query], evidence: Evidence, k: int = 5) -> list[Explanation]:
        """For each query the gate, and the first `k` places with what carried them."""
        return [
            looked.explain(row, pois.tolist())
            for looked in self.look(queries, evidence)
            for row, pois in enumerate(best(looked.scores, k))
        ]

    def look(self, queries: Sequence[Query], evidence: Evidence) -> Iterator[Looked]:
        """The queries in batches, in their order."""
        tables = self._counted(evidence)
        for first in range(0, len(queries), BATCH):
            batch = queries[first : first + BATCH]
            questions = asked(batch, tables, evidence.as_of)
            found = candidates(tables, questions)
            made = features(tables, questions, found, heard(self._voices, batch, evidence, found))
            made = replace(made, present=self.parts.heard(made.present))
            fused, rest = self._weighed(tables, found, made)
            yield Looked(evidence, tables, questions, found, made, fused, rest)

    def again(self, looked: Looked) -> Looked:
        """What another fusion, which hears the same rankers, has looked at, as this one weighs it."""
        fused, rest = self._weighed(looked.tables, looked.found, looked.features)
        return replace(looked, fused=fused, rest=rest)

    def _weighed(self, tables: Tables, found: Candidates, made: Features) -> tuple[Fused, Floats]:
        mask, present = torch.from_numpy(found.mask), torch.from_numpy(made.present)
        with torch.inference_mode(), _threads(len(present)):
            fused = self._network(torch.from_numpy(made.x), torch.from_numpy(made.about), mask, present)
            fused = self.parts.of(fused, mask, present, self._network.temperature)
        rest: Floats = torch.sigmoid(fused.rest.double()).numpy()
        rest[found.mask.sum(axis=1) == tables.places.count] = 0.0  # all places are candidates
        return fused, rest

    def _counted(self, evidence: Evidence) -> Tables:
        pois = evidence.past.pois
        if self._for is not pois:
            require_grown(self.trained, pois)
            self._for = pois
        return self._tables.of(evidence)


def counting(names: Collection[str] = COUNTED) -> dict[str, Voice]:
    """The rankers that need no training, as far as they are named."""
    return {name: CountingRanker(name) for name in COUNTED if name in names}


@contextmanager
def _threads(queries: int) -> Iterator[None]:
    """One thread for a few queries: several would wait for each other longer than they work."""
    usual = torch.get_num_threads()
    if queries <= FEW:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(usual)
