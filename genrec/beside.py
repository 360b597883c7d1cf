"""A language model beside the fusion: asked where a gate says so, and mixed into what the fusion says.

`genrec-eval beside` learns the gate on validation visits, for one fusion, one model and one city, into `gate.json`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from genrec.checkins import Checkins
from genrec.errors import InputError
from genrec.evidence import Evidence
from genrec.files import file_hash, write_text
from genrec.jsonl import differing
from genrec.llm.backend import AnswerScorer
from genrec.prepared import catalogue_hash
from genrec.profiles.profile import Profile, require_catalogue
from genrec.profiles.shelf import ProfileShelf, shown
from genrec.prompting import prompt_version
from genrec.rankers.beside import Gate, completed, mixed, situations
from genrec.rankers.diary import DIARY
from genrec.rankers.diary_ranker import DiaryRanker
from genrec.rankers.llm import ProfileQuery, TopK
from genrec.rankers.ranker import Floats, Query
from genrec.ranking import Consulted, Fused, Place, Ranking
from genrec.validation import read_json

GATE: Final = "gate.json"
MODEL: Final = "model"  # beside the names of fields
REMEDY: Final = "Learn one with `genrec-eval beside CITY --out DIR`."


class LearnedGate(BaseModel):
    """A gate, how many places the model is asked for, and what it was learned with.

    `model`: see `genrec.llm.identity`; `fusion`: see `Fusion.identity`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    gate: Gate
    k: int = Field(ge=1, le=1000)
    model: dict[str, Any]
    fusion: dict[str, Any]
    catalogue: str
    made_from: dict[str, Any]

    def write(self, folder: Path) -> None:
        """Put it into a folder."""
        write_text(folder / GATE, self.model_dump_json(indent=2) + "\n")


class Beside:
    """Asks a model by diaries where a gate says so; the model is loaded when somebody has to be asked.

    It reads people's `profiles` as far as they know nothing later, and for all others what templates write.
    """

    def __init__(
        self,
        folder: Path,
        checkins: Checkins,
        profiles: Collection[Profile],
        model: Mapping[str, Any],
        scorer: Callable[[], AnswerScorer],
    ) -> None:
        """Take the gate of a folder; `model`: what is known of the one that `scorer` gives.

        Raises InputError if there is no gate, or one that was learned for another city or with another model.
        """
        self._path = folder / GATE
        self._learned = read_json(self._path, LearnedGate, "a gate", fix=REMEDY)
        if self._learned.catalogue != catalogue_hash(checkins.pois):
            raise InputError("learned for another catalogue of places.", file=self._path, fix=REMEDY)
        self._require("model", self._learned.model, asked_by_diaries(model), "--model, --server, --adapter")
        require_catalogue(profiles, checkins.pois)
        self._checkins, self._scorer = checkins, scorer
        self._shelf = ProfileShelf(list(profiles), checkins)

    def require(self, fusion: Mapping[str, Any]) -> None:
        """Raise InputError if the gate was learned with another fusion."""
        self._require("fusion", self._learned.fusion, fusion, "--rankers")

    def _require(self, what: str, learned: Mapping[str, Any], given: Mapping[str, Any], options: str) -> None:
        if others := differing(learned, given):
            name = others[0]
            raise InputError(
                f"learned with another {what} ({name} {_short(learned.get(name))} and not {_short(given.get(name))}).",
                file=self._path,
                fix=f"Name that one ({options}), or another gate.",
            )

    def identity(self) -> dict[str, Any]:
        """What tells its answers from those with another gate, in plain types."""
        return {"gate_sha256": file_hash(self._path)}

    def mixed(self, scores: Floats, queries: Sequence[Query], evidence: Evidence) -> "Mixture":
        """What the fusion says, mixed with the model where that is asked. Shape of `scores`: (queries, pois)."""
        gate = self._learned.gate
        seen = situations(scores, queries, [len(evidence.visits(query.user_id)) for query in queries])
        asks, shares, both = gate.asks(seen), gate.share(seen), scores.copy()
        profiles = {row: self._profile(queries[row], evidence) for row in np.flatnonzero(asks).tolist()}
        asked = [ProfileQuery(profile, queries[row].at, queries[row].prefix) for row, profile in profiles.items()]
        tops = dict(zip(profiles, self._ranker.rank(asked, k=self._learned.k), strict=True)) if asked else {}
        for row, top in tops.items():
            both[row] = mixed(scores[row], completed(scores[row], top.pois, top.probabilities), float(shares[row]))
        consulted = [
            Consulted(
                asked=row in tops,
                share=float(shares[row]) if row in tops else 0.0,
                entropy=float(entropy),
                ask_from=gate.ask_from,
                profile_by=profiles[row].provenance.writer if row in tops else None,
            )
            for row, entropy in enumerate(gate.entropy(seen))
        ]
        return Mixture(both, scores, consulted, tops)

    def _profile(self, query: Query, evidence: Evidence) -> Profile:
        return shown(self._shelf.source(query.user_id, evidence), query.user_id, evidence)

    @cached_property
    def _ranker(self) -> DiaryRanker:
        return DiaryRanker(self._scorer(), self._checkins)


@dataclass(frozen=True)
class Mixture:
    """What both say together, and what each said. Shape of the scores, which are of all places: (queries, pois)."""

    scores: Floats
    fusion: Floats
    consulted: list[Consulted]
    tops: Mapping[int, TopK]

    def explained(self, ranking: Ranking, row: int) -> Ranking:
        """The ranking of a query's places by the fusion, with what the model changed, and told so."""
        how = ranking.how
        if isinstance(how, Fused):
            ranking = replace(ranking, how=replace(how, beside=self.consulted[row]))
        if row not in self.tops:
            return ranking
        top = self.tops[row]
        said = dict(zip(top.pois, top.probabilities, strict=True))
        return replace(ranking, places=[self._with_model(place, row, said.get(place.poi)) for place in ranking.places])

    def _with_model(self, place: Place, row: int, said: float | None) -> Place:
        """`said`: its probability by the model; None if it is not among the model's first."""
        probability, alone = (float(np.exp(scores[row, place.poi])) for scores in (self.scores, self.fusion))
        if not said:
            told = f"not among the model's first {len(self.tops[row].pois)}, {alone:.2f} by the fusion"
            return replace(place, probability=probability, reasons=[told, *place.reasons])
        part = self.consulted[row].share * said / probability
        fields = {name: share * (1 - part) for name, share in place.fields.items()} | {MODEL: part}
        return replace(
            place,
            probability=probability,
            fields=dict(sorted(fields.items(), key=lambda item: -item[1])),
            reasons=[f"{said:.2f} by the model, {alone:.2f} by the fusion", *place.reasons],
        )


def asked_by_diaries(model: Mapping[str, Any]) -> dict[str, Any]:
    """A model's settings, wherever its folder lies, with the words that it is asked in."""
    name = model["model"]
    return {**model, "model": Path(name).name if "model_sha256" in model else name, "prompt": prompt_version(DIARY)}


def _short(value: object) -> str:
    """A name in a message; of a long one, such as a hash, the beginning."""
    return "none" if value is None else str(value)[:24]
