"""(profile, trajectory, time) -> ranking: the exact top-k of the model beside that of the habits alone."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from genrec.checkins import Checkins
from genrec.clock import before
from genrec.columns import CATEGORY, LATITUDE, LONGITUDE, NAME, POI, POI_ID, TIME, USER
from genrec.errors import GenRecError
from genrec.geo import haversine_km
from genrec.habits import CityHabits, city_habits
from genrec.llm.backend import AnswerScorer, CacheUse
from genrec.llm.decoding import Trie, top_k
from genrec.prepared import catalogue_hash
from genrec.profiles.profile import Level, Profile, require_catalogue
from genrec.prompting import prompt_version
from genrec.rankers.genup_prompt import GENUP, genup_messages
from genrec.rankers.habits import rank_habits, reasons
from genrec.rankers.ranking_prompt import MOST_VISITS, RANKING, RankingPrompt, ranking_messages
from genrec.trajectories import GAP_HOURS, Visit, sessionise

# Tokens for the user's lines of a prompt (profile and habit table).
TOKEN_BUDGET = 400

PromptStyle = Literal["genrec", "genup"]
PROMPTS: dict[PromptStyle, tuple[str, ...]] = {"genrec": RANKING, "genup": GENUP}


@dataclass(frozen=True)
class Place:
    """One row of a ranking. `distance_km` is from the user's last known place, None if there is none."""

    poi: int
    poi_id: str
    name: str | None
    category: str
    distance_km: float | None
    probability: float
    habits_probability: float
    reasons: list[str]


@dataclass(frozen=True)
class Query:
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


@dataclass(frozen=True)
class Ranking:
    """The k most probable next places by the model, and by habits alone."""

    user_id: str
    at: datetime | None
    level: Level
    model: str
    places: list[Place]
    by_habits: list[Place]
    prompt_tokens: int
    dropped_lines: int
    seconds: float  # of the model; of rankings made side by side, each one's share


def query(checkins: Checkins, profile: Profile, at: datetime | None) -> Query:
    """Ask about a user at a time: the trajectory that is going on then, or the latest if the time is unknown.

    Raises GenRecError, before any model is loaded, if the profile was written for other data or knows later visits.
    """
    require_catalogue([profile], checkins.pois)
    visits = checkins.frame.filter(pl.col(USER).cast(pl.String) == profile.user_id)
    if at is not None:
        visits = before(visits, at)
    over = at is not None and len(visits) and at - visits[-1, TIME] >= timedelta(hours=GAP_HOURS)
    if over or visits.is_empty():
        return Query(profile, at)
    trajectories = sessionise(visits)
    return Query(profile, at, tuple(visits.filter(trajectories == trajectories[-1]).select(TIME, POI).iter_rows()))


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


class Recommender:
    """Ranks the POIs of one catalogue with one model."""

    def __init__(self, scorer: AnswerScorer, checkins: Checkins, prompt: PromptStyle = "genrec") -> None:
        """Raises GenRecError if the model's adapter was trained for another catalogue or prompt."""
        if scorer.adapter:
            scorer.adapter.require(catalogue_hash(checkins.pois), prompt_version(PROMPTS[prompt]))
        self._prompt_style = prompt
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
        self, queries: Sequence[Query], *, k: int = 10, level: Level = "full", habit_table: bool = True
    ) -> list[TopK]:
        """Rank all POIs for each query, side by side; `habit_table` may leave the table out of the prompts.

        Raises GenRecError if a profile was written for other data.
        """
        require_catalogue((query.profile for query in queries), self._pois)
        prompts = [self._prompt(query, level, habit_table=habit_table) for query in queries]
        tokens = [self._scorer.prompt_tokens(prompt.messages) for prompt in prompts]
        tries = [self._trie] * len(tokens)
        return [
            TopK(
                [scored.answer for scored in best],
                [float(np.exp(scored.logprob)) for scored in best],
                prompt.pois,
                len(read),
                prompt.dropped,
            )
            for prompt, read, best in zip(
                prompts, tokens, top_k(self._scorer.read(tokens, tries), tries, k), strict=True
            )
        ]

    def _prompt(self, query: Query, level: Level, *, habit_table: bool) -> RankingPrompt:
        return ask(
            self._prompt_style,
            query.profile,
            self._city(query.profile.as_of),
            self._pois,
            at=query.at,
            prefix=query.prefix,
            level=level,
            count_tokens=self._scorer.count_tokens,
            budget=TOKEN_BUDGET,
            habit_table=habit_table,
        )

    def recommend(self, query: Query, *, k: int = 10, level: Level = "full") -> Ranking:
        """As `recommend_all`, for one."""
        return self.recommend_all([query], k=k, level=level)[0]

    def recommend_all(self, queries: Sequence[Query], *, k: int = 10, level: Level = "full") -> list[Ranking]:
        """Rank all POIs for each query and say what speaks for them; errors as in `rank`."""
        start = time.perf_counter()
        ranked = self.rank(queries, k=k, level=level)
        seconds = (time.perf_counter() - start) / max(len(queries), 1)
        return [self._explain(query, top, k, level, seconds) for query, top in zip(queries, ranked, strict=True)]

    def _explain(self, query: Query, top: TopK, k: int, level: Level, seconds: float) -> Ranking:
        profile = query.profile
        city = self._city(profile.as_of)
        habits = rank_habits(profile.habits, city, self._pois, at=query.at, prefix=query.prefix)
        best = np.argsort(-habits, kind="stable")[:k]
        return Ranking(
            user_id=profile.user_id,
            at=query.at,
            level=level,
            model=self._scorer.name,
            places=[
                self._place(query, city, habits, poi, p) for poi, p in zip(top.pois, top.probabilities, strict=True)
            ],
            by_habits=[self._place(query, city, habits, int(poi), float(habits[poi])) for poi in best],
            prompt_tokens=top.prompt_tokens,
            dropped_lines=top.dropped_lines,
            seconds=seconds,
        )

    def _city(self, as_of: datetime) -> CityHabits:
        if as_of not in self._cities:
            self._cities = {as_of: city_habits(self._checkins, as_of)}
        return self._cities[as_of]

    def _place(
        self, query: Query, city: CityHabits, habits: NDArray[np.float64], poi: int, probability: float
    ) -> Place:
        row = self._pois.row(poi, named=True)
        return Place(
            poi=poi,
            poi_id=row[POI_ID],
            name=row.get(NAME),
            category=row[CATEGORY],
            distance_km=self._distance(query, row[LATITUDE], row[LONGITUDE]),
            probability=probability,
            habits_probability=float(habits[poi]),
            reasons=reasons(query.profile.habits, city, self._pois, poi, at=query.at, prefix=query.prefix),
        )

    def _distance(self, query: Query, latitude: float, longitude: float) -> float | None:
        recent = query.profile.habits.recent
        if query.prefix:
            last = query.prefix[-1][1]
        elif recent:
            last = recent[-1].poi
        else:
            return None
        here = self._pois.row(last, named=True)
        return float(haversine_km(here[LATITUDE], here[LONGITUDE], latitude, longitude))
