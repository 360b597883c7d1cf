"""The language model as a ranker: it reads a profile in a prompt, and gives the exact top-k of the places."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl

from genrec.checkins import Checkins
from genrec.errors import GenRecError
from genrec.evidence import Evidence
from genrec.habits import CityHabits
from genrec.llm.backend import AnswerScorer, CacheUse, Over
from genrec.llm.decoding import Trie, top_k
from genrec.prepared import catalogue_hash
from genrec.profiles.profile import Level, Profile, require_catalogue
from genrec.prompting import prompt_version
from genrec.rankers.diary import DIARY
from genrec.rankers.genup_prompt import GENUP, genup_messages
from genrec.rankers.ranking_prompt import RANKING, RankingPrompt, ranking_messages
from genrec.trajectories import Visit

# Tokens for the user's lines of a prompt (profile and habit table).
TOKEN_BUDGET = 400

PromptStyle = Literal["genrec", "genup", "diary"]
PROMPTS: dict[PromptStyle, tuple[str, ...]] = {"genrec": RANKING, "genup": GENUP, "diary": DIARY}


@dataclass(frozen=True)
class ProfileQuery:
    """Who asks, when (None: unknown), and the earlier visits of the current trajectory.

    Raises GenRecError if the profile knows visits after that time.
    """

    profile: Profile
    at: datetime | None
    prefix: Sequence[tuple[datetime, int]] = ()

    def __post_init__(self) -> None:
        if self.at and self.at < self.profile.as_of:
            raise GenRecError(
                f"the profile of {self.profile.user_id!r} is as of {self.profile.as_of}, after the time asked about, "
                f"{self.at}: it may know the answer. Ask about a later time, or write profiles with an earlier --as-of."
            )


@dataclass(frozen=True)
class TopK:
    """The k most probable POIs by the model, best first, and what its prompt was like."""

    pois: list[int]
    probabilities: list[float]
    prompt_pois: frozenset[int]
    prompt_tokens: int
    dropped_lines: int


class Asked(NamedTuple):
    """A prompt in tokens, the POIs that it names, and how many lines of it were left out."""

    tokens: list[int]
    pois: frozenset[int]
    dropped: int = 0


def place_trie(ranker: AnswerScorer, count: int) -> Trie:
    """The answers to a ranking prompt: the numbers of a catalogue's `count` places, as the ranker reads them."""
    return Trie(ranker.answer_tokens([str(poi) for poi in range(count)]))


def ask(
    style: PromptStyle,
    profile: Profile,
    city: CityHabits,
    pois: pl.DataFrame,
    *,
    at: datetime | None,
    prefix: Sequence[Visit],
    level: Level,
    **bounds: Any,
) -> RankingPrompt:
    """Ask for the next place in GenRec's words, with `bounds` as `ranking_messages` has them, or in GenUP's, uncut."""
    if style == "genup":
        return genup_messages(profile, pois, at=at, prefix=prefix, level=level)
    return ranking_messages(profile, city, pois, at=at, prefix=prefix, level=level, **bounds)


class ModelRanker(ABC):
    """Ranks the places of one catalogue with one model; `over`: see `Over`."""

    def __init__(self, scorer: AnswerScorer, checkins: Checkins, words: tuple[str, ...], over: Over) -> None:
        """`words`: the prompts that it asks in.

        Raises GenRecError if the model's adapter was trained for another catalogue or prompt.
        """
        if scorer.adapter:
            scorer.adapter.require(catalogue_hash(checkins.pois), prompt_version(words))
        self.name = scorer.name
        self._scorer, self._checkins, self._over = scorer, checkins, over
        self._evidence: Evidence | None = None

    def cache_use(self) -> CacheUse:
        """How much of the prompts the model's prefix cache has spared so far."""
        return self._scorer.cache_use()

    def city(self, as_of: datetime) -> CityHabits:
        """Everybody's habits as of a moment."""
        return self._as_of(as_of).city

    def _as_of(self, moment: datetime) -> Evidence:
        """What is known as of a moment; that of the last one is kept."""
        if self._evidence is None or self._evidence.as_of != moment:
            self._evidence = Evidence(self._checkins, moment)
        return self._evidence

    @property
    @abstractmethod
    def trie(self) -> Trie:
        """The answers: all places, in their order."""

    def _answered(self, queries: Sequence[ProfileQuery], prompt: Callable[[ProfileQuery], Asked], k: int) -> list[TopK]:
        """The k most probable places of each query, side by side.

        Raises GenRecError if a profile was written for other data.
        """
        require_catalogue((query.profile for query in queries), self._checkins.pois)
        prompts = [prompt(query) for query in queries]
        tries = [self.trie] * len(prompts)
        people = [query.profile.user_id for query in queries]
        ranked = top_k(self._scorer.read([asked.tokens for asked in prompts], tries, self._over, people), tries, k)
        return [
            TopK(
                [scored.answer for scored in best],
                [float(np.exp(scored.logprob)) for scored in best],
                asked.pois,
                len(asked.tokens),
                asked.dropped,
            )
            for asked, best in zip(prompts, ranked, strict=True)
        ]


class LlmRanker(ModelRanker):
    """Ranks places by their numbers."""

    def __init__(
        self, scorer: AnswerScorer, checkins: Checkins, prompt: PromptStyle = "genrec", over: Over = "model"
    ) -> None:
        """See `ModelRanker`."""
        super().__init__(scorer, checkins, PROMPTS[prompt], over)
        self._prompt_style = prompt

    @cached_property
    def trie(self) -> Trie:
        """See `ModelRanker`."""
        return place_trie(self._scorer, len(self._checkins.pois))

    def rank(
        self, queries: Sequence[ProfileQuery], *, k: int = 10, level: Level = "full", habit_table: bool = True
    ) -> list[TopK]:
        """Rank all POIs for each query, side by side; `habit_table` may leave the table out of the prompts.

        Raises GenRecError if a profile was written for other data.
        """
        return self._answered(queries, partial(self._prompt, level=level, habit_table=habit_table), k)

    def _prompt(self, query: ProfileQuery, *, level: Level, habit_table: bool) -> Asked:
        prompt = ask(
            self._prompt_style,
            query.profile,
            self.city(query.profile.as_of),
            self._checkins.pois,
            at=query.at,
            prefix=query.prefix,
            level=level,
            count_tokens=self._scorer.count_tokens,
            budget=TOKEN_BUDGET,
            habit_table=habit_table,
        )
        return Asked(self._scorer.prompt_tokens(prompt.messages), prompt.pois, prompt.dropped)
