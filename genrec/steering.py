"""What a person's words add to a ranking: nothing where nothing is said, and else a term for each place.

log score(place) = log p(place) + strength * shift(place), where what is liked counts as far as kinds tell of where
people go in this city (see `words_worth`), a wish and what is avoided wholly. Of a clause, the shift is the difference
that it makes to the model's belief about kinds of places, log p(kind | the person says the clause), held against what
indifferent clauses make it (contextual calibration, Zhao et al. 2021), in units of their spread, as far as it stands
out. What is avoided has a positive wording and a negative sign (see `feelings`). A clause that names nothing counts
only if it tells anything of where somebody may go, and some kind stands out clearly. A kind or a place that a clause
names is always moved, what is avoided alone; and what a person likes gets at least a small share of the probability
together, however little their visits speak for it.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from genrec.cache import cache_home
from genrec.feelings import Feelings
from genrec.files import write_text
from genrec.llm.backend import AnswerScorer, Message
from genrec.llm.decoding import Trie, all_logprobs, telling
from genrec.profiles.named_places import PlaceNames
from genrec.profiles.place_kinds import place_kinds, vocabulary
from genrec.profiles.statements import Said
from genrec.prompting import name_in_prompt, one_line, prompt_version, render
from genrec.ranking import Ranking

Floats = NDArray[np.float64]

SAID: Final = ("said_user", "said_reference")  # the prompts
FLOOR: Final = 0.3  # nats, added to the spread: with few references it can be small by chance
STANDS_OUT: Final = 1.5  # spreads, from which on a difference counts
CLEARLY: Final = 2.0  # spreads, of the kind that stands out furthest, from which on a clause that names none counts
MOST: Final = 4.0  # by which one clause moves a place at strength 1, in nats
STRONGEST: Final = 2  # that one may ask for
NAMED: Final = 3.0  # by which it moves what it names, at least
BESIDE: Final = 0.3  # share of its effect on other kinds, if it names one that is liked
SHOWN: Final = 5  # kinds that a clause is said to move
BATCH: Final = 16  # wordings read side by side
LONGEST_CLAUSE: Final = 300  # characters that the model reads
STRONGLY: Final = 2.5  # nats from which on a kind that is not named counts as meant
LEAST_SHARE: Final = 0.15  # of the probability, at strength and worth 1, of all places that a liking clause means
TOLD: Final = 0.5  # nats from which on a reason says that words moved a place


@dataclass(frozen=True)
class Shift:
    """What clauses add to the log-score of each place.

    `said`: all clauses. `parts`: shape (clauses, pois). `strength`: with which they are to count. `worth`: the share
    of it with which kinds that are liked count; a wish, a place that is named, and what is avoided, count wholly.
    """

    said: tuple[Said, ...]
    parts: Floats
    strength: float = 1.0
    worth: float = 1.0

    @property
    def total(self) -> Floats:
        """Of all clauses together. Shape: (pois,)."""
        worths = np.reshape(self._worths, (-1, 1))
        return np.asarray(self.strength * np.where(self.parts > 0, worths * self.parts, self.parts).sum(axis=0))

    @property
    def _worths(self) -> list[float]:
        """Of each clause."""
        return [1.0 if clause.pois or clause.wish else self.worth for clause in self.said]

    def named(self, names: PlaceNames) -> "Shift":
        """The same, with places by their names in what was said."""
        return replace(self, said=tuple(replace(clause, text=names.plain(clause.text)) for clause in self.said))

    def applied(self, scores: Floats) -> Floats:
        """Log-probabilities of all places after the words; as they are if nothing counts. Shape: (..., pois), twice."""
        if not self.total.any():
            return scores
        moved = _normal(scores + self.total)
        for part, worth in zip(self.parts, self._worths, strict=True):
            meant = part >= STRONGLY
            if worth and meant.any():
                moved = _with_share(moved, meant, LEAST_SHARE * self.strength * worth)
        return moved

    def explained(self, ranking: Ranking, before: Floats, after: Floats) -> Ranking:
        """A ranking of what the words moved, which says so; scores of all places before and after. Shape: (pois,)."""
        places = [
            replace(
                place,
                probability=float(np.exp(after[place.poi])),
                reasons=[*self.told(place.poi), *place.reasons],
                rank_before=1 + int((before > before[place.poi]).sum()),
            )
            for place in ranking.places
        ]
        return replace(ranking, places=places, said=self.said)

    def told(self, poi: int) -> list[str]:
        """What to say of the clauses that move a place notably, the strongest first."""
        part = self.parts[:, poi]
        order = [i for i in np.argsort(-np.abs(part), kind="stable") if abs(part[i]) >= TOLD]
        return [f'{"because" if part[i] > 0 else "although"} you said "{self.said[i].text}"' for i in order]


class Steering:
    """Asks a model what clauses say about the kinds of one catalogue.

    `identity`: the model's settings, to keep what indifferent clauses say in the cache folder; None to keep nothing.
    `worth`: how much what is liked counts there, from 0 to 1.
    """

    def __init__(
        self,
        scorer: AnswerScorer,
        pois: pl.DataFrame,
        identity: Mapping[str, Any] | None = None,
        *,
        worth: float = 1.0,
    ) -> None:
        self._scorer, self._identity, self.worth = scorer, identity, worth
        kinds = place_kinds(pois)
        self.vocabulary = vocabulary(kinds)
        self._texts = list(dict.fromkeys(map(name_in_prompt, self.vocabulary)))
        number = {text: i for i, text in enumerate(self._texts)}
        self._kind = {name: number[name_in_prompt(name)] for name in self.vocabulary}
        # The numbers of each place's kinds, filled up with that of no kind. Shape: (pois, most).
        most = max(map(len, kinds), default=0)
        self._of_poi = np.full((len(kinds), max(most, 1)), len(self._texts), dtype=np.int64)
        for poi, of_place in enumerate(kinds):
            self._of_poi[poi, : len(of_place)] = [self._kind[kind] for kind in of_place]
        self._known: dict[str, Floats] = {}
        self._feelings = Feelings(scorer)

    def shift(self, said: Sequence[Said], at: datetime | None, strength: float = 1.0) -> Shift:
        """What clauses add at a local time (None: unknown).

        Those that are unclear, or about other days and hours, add nothing.
        """
        counting = [bool(clause.sign) and _applies(clause, at) for clause in said]
        asked = [clause.wording for clause, counts in zip(said, counting, strict=True) if counts and _is_open(clause)]
        self._ask(asked if strength else [])
        parts = np.zeros((len(said), len(self._of_poi)))
        for row, (clause, counts) in enumerate(zip(said, counting, strict=True)):
            if counts and strength:
                parts[row] = self._part(clause)
        return Shift(tuple(map(self._told, said, parts)), parts, strength, self.worth)

    def _told(self, clause: Said, part: Floats) -> Said:
        """The clause with the kinds that it moves, on average of their places: a place may be of several kinds."""
        each = np.repeat(np.abs(part), self._of_poi.shape[1])
        moved = np.bincount(self._of_poi.ravel(), each, len(self._texts) + 1)[:-1]
        far = moved / np.maximum(np.bincount(self._of_poi.ravel(), minlength=len(moved) + 1)[:-1], 1)
        order = [i for i in np.argsort(-far, kind="stable")[:SHOWN] if far[i] >= TOLD and not clause.pois]
        return replace(clause, moves=tuple(self._texts[i] for i in order))

    def learn(self, wordings: Sequence[str], progress: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Ask the model about many wordings ahead, some side by side."""
        new = [wording for wording in dict.fromkeys(wordings) if wording not in self._known]
        for first in range(0, len(new), BATCH):
            self._ask(new[first : first + BATCH])
            progress(min(first + BATCH, len(new)), len(new))

    def standing_out(self, wording: str) -> Floats:
        """How far a clause's difference stands out for each kind of the catalogue, in spreads. Shape: (kinds,)."""
        self._ask([wording])
        return self._known[wording]

    def signed(self, said: Sequence[Said]) -> list[Said]:
        """The clauses, each with the sign that its rules and the model together give it."""
        return self._feelings.signed(said)

    @property
    def kinds(self) -> list[str]:
        """The kinds of the catalogue, as the model reads them."""
        return self._texts

    def _part(self, clause: Said) -> Floats:
        part = np.zeros(len(self._of_poi))
        if clause.pois:
            part[[poi for poi in clause.pois if poi < len(part)]] = NAMED
            return clause.sign * part
        effect = np.zeros(len(self._texts) + 1)  # the last is of places of no known kind
        named = [self._kind[name] for name in clause.kinds if name in self._kind and clause.tells]
        known = self._known.get(clause.wording) if _is_open(clause) else None
        if known is not None and (named or (clause.tells and known.max() >= CLEARLY)):
            effect[:-1] = np.clip(known - STANDS_OUT, 0, MOST)
        if named:
            effect[:-1] *= BESIDE
            effect[named] = np.maximum(effect[named] / BESIDE, NAMED)
        return np.asarray(clause.sign * effect[self._of_poi].max(axis=1))

    def _ask(self, wordings: Sequence[str]) -> None:
        """Ask the model about new wordings, side by side."""
        new = [wording for wording in dict.fromkeys(wordings) if wording not in self._known]
        if not new or not self._texts:
            return
        mean, spread = self._reference
        for wording, scores in zip(new, self._scores(new), strict=True):
            self._known[wording] = (scores - mean) / (spread + FLOOR)

    def _scores(self, wordings: Sequence[str]) -> Floats:
        """Log-probability of each kind behind each wording. Shape: (wordings, kinds)."""
        prompts = [self._scorer.prompt_tokens(_message("said_user", wording)) for wording in wordings]
        trie, which = self._answers
        tries = [trie] * len(prompts)
        return np.array(all_logprobs(self._scorer.read(prompts, tries, "catalogue"), tries))[:, which]

    @cached_property
    def _answers(self) -> tuple[Trie, list[int]]:
        """The kinds as a model writes them, and which of them each kind is: two may be written alike."""
        tokens = [tuple(answer) for answer in self._scorer.answer_tokens(self._texts)]
        number = {answer: i for i, answer in enumerate(dict.fromkeys(tokens))}
        return telling(list(number)), [number[answer] for answer in tokens]

    @cached_property
    def _reference(self) -> tuple[Floats, Floats]:
        """Mean and spread of each kind's log-probability behind clauses that say nothing of places."""
        path = None
        if self._identity is not None:
            made_of = json.dumps([self._identity, prompt_version(SAID), self._texts], sort_keys=True)
            path = cache_home() / "steering" / f"{hashlib.sha256(made_of.encode()).hexdigest()[:24]}.json"
            if path.exists() and (kept := _read(path.read_bytes(), len(self._texts))) is not None:
                return kept[0], kept[1]
        scores = self._scores(render("said_reference").splitlines())
        both = np.stack([scores.mean(axis=0), scores.std(axis=0)])
        if path is not None:
            write_text(path, json.dumps(both.round(6).tolist()))
        return both[0], both[1]


def _message(prompt: str, wording: str) -> list[Message]:
    return [{"role": "user", "content": render(prompt, wording=one_line(wording)[:LONGEST_CLAUSE])}]


def _is_open(clause: Said) -> bool:
    """Whether a clause may move what it does not name: not if it names a place, or a kind that is avoided."""
    return not clause.pois and not (clause.kinds and clause.sign < 0)


def _applies(clause: Said, at: datetime | None) -> bool:
    """Whether a clause is about this time."""
    if at is None:
        return True
    return (not clause.days or at.weekday() in clause.days) and (not clause.hours or at.hour in clause.hours)


def _read(data: bytes, kinds: int) -> Floats | None:
    """What was kept; None if it is damaged."""
    try:
        kept = np.array(json.loads(data), dtype=np.float64)
    except (ValueError, TypeError):
        return None
    return kept if kept.shape == (2, kinds) and np.isfinite(kept).all() else None


def _normal(scores: Floats) -> Floats:
    return np.asarray(scores - np.logaddexp.reduce(scores, axis=-1, keepdims=True))


def _with_share(scores: Floats, meant: NDArray[np.bool_], least: float) -> Floats:
    """Log-probabilities in which some places have at least a share together, each as much of it as before."""
    have = np.logaddexp.reduce(scores[..., meant], axis=-1, keepdims=True)
    lacking = np.log(least) - np.log1p(-least) - have + np.log1p(-np.minimum(np.exp(have), 1 - 1e-12))
    return _normal(scores + meant * np.maximum(lacking, 0))
