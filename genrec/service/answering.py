"""From a question to an answer: what is known of the person now, who ranks, and what the answer says of itself."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import numpy as np

from genrec.assistant import STRANGER
from genrec.columns import POI, TIME
from genrec.profiles.editing import stated
from genrec.profiles.named_places import PlaceNames
from genrec.rankers.ranker import Bools, Query
from genrec.ranking import Fused, Ranking
from genrec.recommender import trajectory_of
from genrec.service.errors import Refused, referred
from genrec.service.exploring import BEHIND, with_chance
from genrec.service.live import Counted
from genrec.service.popular import popular
from genrec.service.questions import Answer, Ask, Evidence
from genrec.service.state import Service
from genrec.steering import Shift
from genrec.store.protocol import ConsentError
from genrec.store.records import Answer as Kept
from genrec.store.records import Version, now
from genrec.trajectories import Visit

GONE = {"dislike", "hide"}  # feedback after which a place is not named any more
MOST_PASSED = 200  # places that a model may rank in vain, because they may not be named


@dataclass(frozen=True)
class Asker:
    """What is known of who asks: nothing of a stranger, and nothing that may be used without consent.

    `visits`: of their trajectory. `last`: the local time of their latest stored visit. `gone`: places that they do not
    want to see.
    """

    person: str | None
    profiled: bool
    strength: float
    visits: tuple[Visit, ...]
    last: datetime | None
    gone: frozenset[int]
    profile: Version | None
    own: frozenset[int] = frozenset()

    @property
    def said(self) -> list[str]:
        """What they have put into their profile."""
        return stated(self.profile.profile) if self.profile else []


def asker(service: Service, ask: Ask, counted: Counted, viewer: str | None) -> Asker:
    """Look up who asks; raises Refused or ConsentError for what cannot be."""
    catalogue, size = service.live.catalogue, len(counted.assistant.checkins.pois)
    if ask.contradiction is not None:
        raise Refused(400, ask.contradiction)
    with referred():
        visits = tuple((visit.time, catalogue.poi(visit.poi_id, viewer)) for visit in ask.visits)
        settings = None if ask.person is None else service.store.person(ask.person)
    if ask.person is None or settings is None:
        return Asker(None, True, 1.0, _countable(visits, size), None, frozenset(), None)
    said = service.store.feedback(ask.person)
    gone = frozenset(catalogue.index[one.poi_id] for one in said if one.kind in GONE and one.poi_id in catalogue.index)
    if not settings.consent:
        if ask.says or ask.by != "fusion":
            raise ConsentError(
                f"{ask.person!r} does not want a profile: ask without `says` and `by`, or without `person`"
            )
        return Asker(ask.person, False, 0.0, (), None, gone, None)
    frame = service.store.frame(ask.person)
    last = None if frame.is_empty() else frame[-1, TIME]
    prefix = _countable(trajectory_of(frame, ask.time or ask.as_of), size)
    profile = service.store.profile(ask.person)
    return Asker(ask.person, True, settings.strength, prefix, last, gone, profile, frozenset(frame[POI]))


def _countable(visits: Sequence[Visit], size: int) -> tuple[Visit, ...]:
    """Without visits of places that have not been counted yet."""
    return tuple(visit for visit in visits if visit[1] < size)


@dataclass(frozen=True)
class _Case:
    """A question with all that it needs. `gone`: places not to be named; `among`: all others. Shape: (pois,)."""

    service: Service
    counted: Counted
    ask: Ask
    who: Asker
    k: int
    gone: frozenset[int]
    among: Bools

    @property
    def moment(self) -> datetime | None:
        """As of when to answer; None: from all that is known. What is past for the person must not be used."""
        ask, last = self.ask, self.who.last
        if ask.as_of is None and ask.time is not None and last is not None and ask.time <= last:
            return ask.time
        return ask.as_of


def answer(service: Service, ask: Ask, k: int, viewer: str | None, only: int | None = None) -> Answer:
    """Rank and keep the answer; `only`: the one place to be told about."""
    start, counted, catalogue = time.perf_counter(), service.live.counted, service.live.catalogue
    who = asker(service, ask, counted, viewer)
    gone = who.gone | {catalogue.index[place] for place in ask.exclude if place in catalogue.index}
    among = catalogue.among(len(counted.assistant.checkins.pois), viewer, gone)
    if only is not None:
        among &= np.arange(len(among)) == only
    explore = service.explore and ask.by == "fusion" and who.profiled and only is None
    case = _Case(service, counted, ask, who, k + BEHIND * explore, gone, among)
    words = _words(case, viewer) if ask.by == "fusion" and who.profiled else None
    made = _told(case, _ranking(case, words), words)
    made.places, chances = with_chance(made.places, k if explore else len(made.places))
    made.used["propensities"] = list(chances)
    del made.by_habits[k:]
    made.seconds = time.perf_counter() - start
    named = [place.poi_id for place in made.places]
    with service.writing:
        service.store.add_answer(
            Kept(id=made.id, person=made.person, at=now(), method=made.method, used=made.used, places=named)
        )
    return made


def _words(case: _Case, viewer: str | None) -> Shift | None:
    """What all that was said adds, or None if nothing was; the model is asked only where it can matter."""
    said, at = [*case.ask.says, *case.who.said], case.ask.time
    strength = case.who.strength if case.ask.steer is None else case.ask.steer
    if not said:
        return None
    catalogue = case.service.live.catalogue
    names = PlaceNames(catalogue.names, catalogue.hidden(viewer), case.who.own)
    said = [names.numbered(text) for text in said]
    reader = case.counted.assistant.words
    if not strength or not reader.needs_model(said):
        return reader.shift(said, at, strength).named(names)
    return case.service.queue.ask(lambda: reader.shift(said, at, strength)).named(names)


def _ranking(case: _Case, words: Shift | None) -> Ranking:
    ask, moment, counted = case.ask, case.moment, case.counted
    if ask.by == "llm":
        return _by_llm(case)
    asked = [Query(case.who.person or STRANGER, ask.time, case.who.visits)]
    latest = moment is None
    ranker, turn = (counted.assistant.recommender, counted.turn) if latest else (counted.past, case.service.live.past)
    with turn:
        if not case.who.profiled:
            evidence = ranker.evidence(moment)
            places = popular(evidence, ask.time, ask.near, case.k, case.among)
            return Ranking(STRANGER, ask.time, "habits", evidence.as_of, 0, places, [], 0.0)
        return ranker.rank_as_of(moment, asked, ask.by, k=case.k, words=words, among=case.among)[0]


def _by_llm(case: _Case) -> Ranking:
    """By the model from the person's profile, or from one that is written of what a stranger says."""
    ask, who, assistant = case.ask, case.who, case.counted.assistant
    if ask.as_of is not None or ask.visits:
        raise Refused(400, "by llm: `as_of` and `visits` are for the fusion and habits")
    if ask.person is not None and (who.profile is None or ask.says):
        what = "`says` is for the fusion" if ask.says else f"there is no profile of {ask.person!r}: write one first"
        raise Refused(409, f"by llm a stored person is ranked for from their profile: {what}")
    if ask.person is None and not ask.says:
        raise Refused(400, "by llm: say with `person` or `says` who they are")
    more = min(case.k + min(int((~case.among).sum()), MOST_PASSED), len(case.among))

    def rank() -> Ranking:
        profile = who.profile.profile if who.profile else assistant.profile(None, " ".join(ask.says), ask.time)
        return assistant.rank_profiles([(profile, ask.time)], more, ask.level)[0]

    ranking = case.service.queue.ask(rank)
    for places in (ranking.places, ranking.by_habits):
        places[:] = [place for place in places if case.among[place.poi]][: case.k]
    return ranking


def _told(case: _Case, ranking: Ranking, words: Shift | None) -> Answer:
    """The ranking with what it was made from."""
    ask, who, counted = case.ask, case.who, case.counted
    moved = words is not None and bool(words.total.any())
    used: dict[str, Any] = {
        "checkins": ranking.checkins,
        "session": len(who.visits),
        "crowd": True,
        "profile": who.profile.number if who.profile and (ask.by == "llm" or (words and who.said)) else None,
        "words": len(words.said) if words else 0,
        "time": ask.time is not None,
        "asked": ask.time.isoformat() if ask.time else None,
        "excluded": len(case.gone),
    }
    how = ranking.how if isinstance(ranking.how, Fused) else None
    return Answer(
        id=uuid4().hex,
        person=ask.person,
        time=ask.time,
        method=(ranking.by + "+words" * moved) if who.profiled else "popularity",
        cold_start=_lacking(case),
        used=used,
        evidence=Evidence(as_of=ranking.as_of, counted_at=counted.at, waiting=case.service.live.waiting),
        places=ranking.places,
        by_habits=ranking.by_habits,
        gate=how.gate if how else None,
        not_looked_at=how.not_looked_at if how else None,
        said=list(ranking.said),
        seconds=0.0,
    )


def _lacking(case: _Case) -> str | None:
    """What is not known of the person, if little is."""
    who = case.who
    if not who.profiled:
        return "no profile is wanted: nothing of the person was used"
    if who.person in case.counted.assistant.users or (case.ask.by == "llm" and who.profile):
        return None
    if who.last is not None:
        return "the person's visits are not counted yet: only those of the trajectory that is going on were used"
    return "only the visits given with the question are known" if who.visits else "no visits are known"
