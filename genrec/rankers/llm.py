"""The language model as a ranker: it reads a profile in a prompt, and gives the exact top-k of the places."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import polars as pl

from genrec.checkins import Checkins
from genrec.errors import GenRecError
from genrec.habits import CityHabits, city_habits
from genrec.llm.backend import AnswerScorer, CacheUse, Over
from genrec.llm.decoding import Trie, top_k
from genrec.prepared import catalogue_hash
from genrec.profiles.profile import Level, Profile, require_catalogue
from genrec.prompting import prompt_version
from genrec.rankers.diary import DIARY
from genrec.rankers.genup_prompt import GENUP, genup_messages
from genrec.rankers.ranking_prompt import MOST_VISITS, RANKING, RankingPrompt, ranking_messages
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


def answered(scorer: AnswerScorer, prompts: Sequence[Asked], trie: Trie, over: Over, k: int) -> list[TopK]:
    """The k most probable answers to each prompt, side by side; the answers are the places, in their order."""
    tries = [trie] * len(prompts)
    ranked = top_k(scorer.read([prompt.tokens for prompt in prompts], tries, over), tries, k)
    return [
        TopK(
            [scored.answer for scored in best],
            [float(np.exp(scored.logprob)) for scored in best],
            prompt.pois,
            len(prompt.tokens),
            prompt.dropped,
        )
        for prompt, best in zip(prompts, ranked, strict=True)
    ]


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
    count_tokens: Callable[[str], int],
    budget: int,
    habit_table: bool = True,
    most_visits: int = MOST_VISITS,
) -> RankingPrompt:
    """Ask for the next place in GenRec's words, as `ranking_messages` says, or in GenUP's, which are never cut."""
    if style == "genup":
        return genup_messages(profile, pois, at=at, prefix=prefix, level=level)
    return ranking_messages(
        profile,
        city,
        pois,
        at=at,
        prefix=prefix,
        level=level,
        count_tokens=count_tokens,
        budget=budget,
        habit_table=habit_table,
        most_visits=most_visits,
    )


class LlmRanker:
    """Ranks the places of one catalogue with one model, which answers with their numbers; `over`: see `Over`."""

    def __init__(
        self, scorer: AnswerScorer, checkins: Checkins, prompt: PromptStyle = "genrec", over: Over = "model"
    ) -> None:
        """Raises GenRecError if the model's adapter was trained for another catalogue or prompt."""
        if scorer.adapter:
            scorer.adapter.require(catalogue_hash(checkins.pois), prompt_version(PROMPTS[prompt]))
        self.name = scorer.name
        self._prompt_style, self._over = prompt, over
        self._scorer = scorer
        self._checkins = checkins
        self._pois = checkins.pois
        self._cities: dict[datetime, CityHabits] = {}

    @cached_property
    def _trie(self) -> Trie:
        return place_trie(self._scorer, len(self._pois))

    def cache_use(self) -> CacheUse:
        """How much of the prompts the model's prefix cache has spared so far."""
        return self._scorer.cache_use()

    def rank(
        self, queries: Sequence[ProfileQuery], *, k: int = 10, level: Level = "full", habit_table: bool = True
    ) -> list[TopK]:
        """Rank all POIs for each query, side by side; `habit_table` may leave the table out of the prompts.

        Raises GenRecError if a profile was written for other data.
        """
        require_catalogue((query.profile for query in queries), self._pois)
        prompts = [self._prompt(query, level, habit_table=habit_table) for query in queries]
        read = [Asked(self._scorer.prompt_tokens(one.messages), one.pois, one.dropped) for one in prompts]
        return answered(self._scorer, read, self._trie, self._over, k)

    def _prompt(self, query: ProfileQuery, level: Level, *, habit_table: bool) -> RankingPrompt:
        return ask(
            self._prompt_style,
            query.profile,
            self.city(query.profile.as_of),
            self._pois,
            at=query.at,
            prefix=query.prefix,
            level=level,
            count_tokens=self._scorer.count_tokens,
            budget=TOKEN_BUDGET,
            habit_table=habit_table,
        )

    def city(self, as_of: datetime) -> CityHabits:
        """Everybody's habits as of a moment; those of the last one are kept."""
        if as_of not in self._cities:
            self._cities = {as_of: city_habits(self._checkins, as_of)}
        return self._cities[as_of]
