"""Who, when -> ranking with reasons: by the fusion or by habits from the check-ins alone, by a model from a profile."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal

import polars as pl

from genrec.beside import Beside
from genrec.by_person import ByPerson
from genrec.checkins import Checkins
from genrec.clock import before, local_span
from genrec.columns import LATITUDE, LONGITUDE, POI, TIME, USER
from genrec.evidence import Evidence
from genrec.explaining import Ask, Explaining, described
from genrec.geo import haversine_km
from genrec.llm.backend import AnswerScorer, CacheUse, Over
from genrec.profiles.profile import Level, Profile, require_catalogue
from genrec.prompting import prompt_version
from genrec.rankers.diary import DIARY
from genrec.rankers.diary_ranker import DiaryRanker
from genrec.rankers.habits import rank_habits
from genrec.rankers.llm import LlmRanker, ProfileQuery, TopK
from genrec.rankers.ranker import Bools, Pick, Query, best
from genrec.rankers.ranking_prompt import RANKING
from genrec.rankers.tables import LatestTables
from genrec.rankers.why import habit_reasons
from genrec.ranking import Place, Prompted, Ranking
from genrec.steering import Shift
from genrec.trajectories import GAP_HOURS, Visit, sessionise


def trajectory(checkins: Checkins, user: str, at: datetime | None) -> tuple[Visit, ...]:
    """As `trajectory_of`, of a user among others."""
    return trajectory_of(checkins.frame.filter(pl.col(USER).cast(pl.String) == user), at)


def trajectory_of(visits: pl.DataFrame, at: datetime | None) -> tuple[Visit, ...]:
    """A user's trajectory that is going on at a time, or their latest if the time is unknown; empty if there is none.

    Nothing at or after that time is looked at.
    """
    if at is not None:
        visits = before(visits, at)
    over = at is not None and len(visits) and at - visits[-1, TIME] >= timedelta(hours=GAP_HOURS)
    if over or visits.is_empty():
        return ()
    trajectories = sessionise(visits)
    return tuple(visits.filter(trajectories == trajectories[-1]).select(TIME, POI).iter_rows())


def query(checkins: Checkins, profile: Profile, at: datetime | None) -> ProfileQuery:
    """Ask a model about a user at a time, during the trajectory of then.

    Raises GenRecError, before any model is loaded, if the profile was written for other data or knows later visits.
    """
    require_catalogue([profile], checkins.pois)
    return ProfileQuery(profile, at, trajectory(checkins, profile.user_id, at))


class Recommender(Explaining):
    """Ranks from check-ins in memory; `rankers` and `beside` as of `Explaining`."""

    def __init__(self, checkins: Checkins, rankers: Path | None = None, beside: Beside | None = None) -> None:
        super().__init__(rankers, beside, local_span(checkins.frame)[1] + timedelta(seconds=1), LatestTables())
        self._checkins = checkins
        self._earlier: Evidence | None = None

    def _looked_up(self, asks: Sequence[Ask], moment: datetime) -> tuple[list[Query], Evidence]:
        """What is asked, with the trajectories of then, and what was before a moment."""
        queries = [Query(user, at, trajectory_of(self._by_person.of([user]), at)) for user, at in asks]
        return queries, self.evidence(moment)

    def rank_as_of(
        self,
        moment: datetime | None,
        queries: Sequence[Query],
        by: Literal["fusion", "habits"],
        *,
        k: int = 10,
        words: Shift | None = None,
        among: Bools | None = None,
    ) -> list[Ranking]:
        """Rank for queries from what was before a moment (None: from all); `among`: which places may be named."""
        return self._ranked(self.evidence(moment), queries, by, Pick(k, among), words)

    def evidence(self, moment: datetime | None = None) -> Evidence:
        """All that was before a moment, or all; what is counted of all, and of the moment asked about last, is kept."""
        if moment is None or moment >= self._end:
            return self._latest
        if self._earlier is None or self._earlier.as_of != moment:
            self._earlier = Evidence(self._checkins, moment)
        return self._earlier

    @cached_property
    def _by_person(self) -> ByPerson:
        return ByPerson(self._checkins.frame)

    @cached_property
    def _latest(self) -> Evidence:
        return Evidence(self._checkins, self._end)


class LlmRecommender:
    """Ranks the places of one catalogue by a model that reads a profile, beside what its habits alone would say.

    `prompt`: the hash of the words that it is asked in.
    """

    def __init__(self, scorer: AnswerScorer, checkins: Checkins, over: Over = "catalogue") -> None:
        """Ask as the model's adapter has learned to be asked; without one, by diaries. `over`: see `Over`.

        Raises GenRecError if the adapter was trained for another catalogue or prompt.
        """
        numbers = scorer.adapter and scorer.adapter.ranking_prompt == prompt_version(RANKING)
        self.prompt = prompt_version(RANKING if numbers else DIARY)
        made = LlmRanker(scorer, checkins, over=over) if numbers else DiaryRanker(scorer, checkins, over)
        self._ranker: LlmRanker | DiaryRanker = made
        self._over = over
        self._pois = checkins.pois

    def cache_use(self) -> CacheUse:
        """How much of the prompts the model's prefix cache has spared so far."""
        return self._ranker.cache_use()

    def recommend(self, query: ProfileQuery, *, k: int = 10, level: Level = "full") -> Ranking:
        """As `recommend_all`, for one."""
        return self.recommend_all([query], k=k, level=level)[0]

    def recommend_all(self, queries: Sequence[ProfileQuery], *, k: int = 10, level: Level = "full") -> list[Ranking]:
        """Rank all places for each query and say what speaks for them; errors as in `LlmRanker.rank`."""
        start = time.perf_counter()
        ranked = self._ranker.rank(queries, k=k, level=level)
        seconds = (time.perf_counter() - start) / max(len(queries), 1)
        return [self._explain(query, top, k, level, seconds) for query, top in zip(queries, ranked, strict=True)]

    def _explain(self, query: ProfileQuery, top: TopK, k: int, level: Level, seconds: float) -> Ranking:
        profile = query.profile
        city = self._ranker.city(profile.as_of)
        habits = rank_habits(profile.habits, city, self._pois, at=query.at, prefix=query.prefix)

        def place(poi: int, probability: float) -> Place:
            return described(
                self._pois,
                poi,
                distance_km=self._distance(query, poi),
                probability=probability,
                habits_probability=float(habits[poi]),
                reasons=habit_reasons(profile.habits, city, self._pois, poi, at=query.at, prefix=query.prefix),
            )

        [usual] = best(habits[None], k)
        return Ranking(
            user_id=profile.user_id,
            at=query.at,
            by="llm",
            as_of=profile.as_of,
            checkins=profile.habits.checkins,
            places=[place(poi, p) for poi, p in zip(top.pois, top.probabilities, strict=True)],
            by_habits=[place(poi, float(habits[poi])) for poi in usual.tolist()],
            seconds=seconds,
            how=Prompted(self._ranker.name, level, top.prompt_tokens, top.dropped_lines, self._over),
        )

    def _distance(self, query: ProfileQuery, poi: int) -> float | None:
        recent = query.profile.habits.recent
        if query.prefix:
            last = query.prefix[-1][1]
        elif recent:
            last = recent[-1].poi
        else:
            return None
        here, there = self._pois.row(last, named=True), self._pois.row(poi, named=True)
        return float(haversine_km(here[LATITUDE], here[LONGITUDE], there[LATITUDE], there[LONGITUDE]))
