"""What is said of a place is true of the check-ins before the moment asked about, and what carried it comes first."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from made import KINDS, at, made_checkins, make
from made_city import town

from genrec.geo import haversine_km
from genrec.phrases import WEEKDAYS
from genrec.rankers.reasons import NEAR_KM, Facts, Reason
from genrec.rankers.why import reasons
from genrec.recommender import Recommender

NOTHING = Facts(
    visits=0, checkins=20, at_hour=0, on_day=0, last_visit=None, last=None, here=False, steps=0, departures=0,
    crowd_steps=0, kind_visits=0, visitors=0, alike=0.0, near_visits=0, km=None,
)  # fmt: skip
DAY = timedelta(days=1)


class Recount:
    """The facts counted again from the check-ins, row by row, and all sentences that they make true."""

    def __init__(self, checkins, user, moment):
        self.pois, self.at, self.user = checkins.pois, moment, user
        rows = checkins.frame.select("user_id", "poi", "time").rows()
        self.past = rows[: next((i for i, (_, _, time) in enumerate(rows) if time >= moment), len(rows))]
        self.own = [(time, poi) for who, poi, time in self.past if who == user]
        self.last = self.own[-1][1] if self.own else None

    def steps(self, users):
        trails = [[(time, poi) for who, poi, time in self.past if who == user] for user in users]
        return [(a, b) for trail in trails for (t, a), (u, b) in pairwise(trail) if u - t < DAY]

    def km(self, one, other):
        there = [self.pois.row(poi, named=True) for poi in (one, other)]
        return float(haversine_km(*(place[axis] for place in there for axis in ("latitude", "longitude"))))

    def truths(self, poi):
        visits = [time for time, other in self.own if other == poi]
        true = self._of_others(poi) | self._of_other_places(poi, [other for _, other in self.own if other != poi])
        if not visits:
            return true
        gaps = [abs(time - self.at) % DAY for time in visits]
        around = sum(min(gap, DAY - gap) <= timedelta(hours=1) for gap in gaps)
        today = sum(time.weekday() == self.at.weekday() for time in visits)
        often = f"visited {len(visits)} of {len(self.own)} time{'s' * (len(self.own) > 1)}"
        which = "" if len(visits) == 1 else "all of them " if around == len(visits) else f"{around} of them "
        taken = [b for a, b in self.steps([self.user]) if a == self.last]
        days = (self.at - visits[-1]).days
        return true | {
            often,
            f"{often}, {which}within an hour of {self.at:%H:%M}" if around else "",
            f"{today} of its visits on {WEEKDAYS[self.at.weekday()]}s",
            f"last visit {days} day{'s' * (days > 1)} ago" if days else "last visit less than a day ago",
            f"follows {self.name(self.last)} in {taken.count(poi)} of {len(taken)} case{'s' * (len(taken) > 1)}",
            "where the last visit was" if poi == self.last else "",
        }

    def _of_others(self, poi):
        visitors = {who for who, other, _ in self.past if other == poi}
        others = len(visitors - {self.user})
        people = f"{others} other {'people' if others > 1 else 'person'}"
        if not others:
            return set() if visitors else {"no visits by anybody"}
        true = {f"visited by {people}", "people with like habits go there"}
        if self.last is not None:
            steps = self.steps({who for who, _, _ in self.past} - {self.user})
            true.add(f"others went on from {self.name(self.last)} to there {steps.count((self.last, poi))} times")
        return true

    def _of_other_places(self, poi, others):
        kind = self.pois["category"][poi]
        alike = sum(self.pois["category"][other] == kind for other in others)
        near = sum(self.km(poi, other) <= NEAR_KM for other in others)
        true = {
            f"{count} visit{'s' * (count > 1)} to other places {where}"
            for count, where in ((alike, f"of its kind, {kind}"), (near, "within 500 m"))
            if count
        }
        if self.last is not None:
            km = self.km(poi, self.last)
            true.add(f"{km:.1f} km from the last visit" if km >= 1 else f"{km * 100:.0f}0 m from the last visit")
        return true

    def name(self, poi):
        return f"POI {poi} ({self.pois['category'][poi]})"


@settings(max_examples=40, deadline=None)
@given(
    checkins=made_checkins(),
    hours=st.integers(1, 24 * 14),
    user=st.sampled_from("abz"),
    by=st.sampled_from(["fusion", "habits"]),
)
def test_each_sentence_is_true(checkins, hours, user, by):
    moment = at(hour=hours)
    recount = Recount(checkins, user, moment)
    [ranking] = Recommender(checkins).rank([(user, moment)], by, k=8)
    for place in [*ranking.places, *ranking.by_habits]:
        assert 1 <= len(place.reasons) <= 3
        assert len(set(place.reasons)) == len(place.reasons)
        for text in place.reasons:
            assert text in recount.truths(place.poi)


def said(facts, fields, moment=None, poi=4, pois=None):
    return reasons(Reason(poi, 0.5, fields, facts), town().pois if pois is None else pois, moment)


def test_the_field_that_carried_most_speaks_first():
    facts = replace(
        NOTHING, visits=6, at_hour=4, on_day=5, last_visit=at(4, 21), last=1, steps=3, departures=4, visitors=2, km=0.31
    )
    own = ["visited 6 of 20 times, 4 of them within an hour of 21:30", "5 of its visits on Fridays"]
    follows = "follows POI 1 (Office) in 3 of 4 cases"
    assert said(facts, {"own": 0.7, "sequence": 0.3}, at(11, 21.5)) == [*own, follows]
    assert said(facts, {"sequence": 0.7, "own": 0.3}, at(11, 21.5)) == [follows, own[0]]
    assert said(facts, {"geography": 0.6, "popularity": 0.4}) == [
        "310 m from the last visit",
        "visited by 2 other people",
    ]
    assert said(facts, {"own": 0.97, "geography": 0.03}, at(11, 21.5)) == own


def test_what_says_little_is_not_said():
    facts = replace(NOTHING, visits=14, at_hour=1, on_day=2, last_visit=at(1), last=1, steps=1, departures=9, km=7.0)
    assert said(facts, {"own": 0.5, "sequence": 0.3, "geography": 0.2}, at(3)) == [
        "visited 14 of 20 times", "last visit 2 days ago",
    ]  # fmt: skip
    assert said(replace(facts, here=True), {"own": 1.0}, at(3)) == [
        "visited 14 of 20 times",
        "where the last visit was",
    ]


def test_kinds_that_are_unknown_are_not_named():
    pois = town().pois.with_columns(category=pl.lit("unknown"))
    facts = replace(NOTHING, visits=2, last_visit=at(1), last=1, steps=2, departures=2, kind_visits=9)
    assert said(facts, {"category": 0.6, "sequence": 0.4}, pois=pois) == [
        "follows POI 1 in 2 of 2 cases",
        "visited 2 of 20 times",
    ]
    named = pois.with_columns(name=pl.lit("The Old Inn"))
    assert "follows POI 1 (The Old Inn) in 2 of 2 cases" in said(facts, {"sequence": 1.0}, pois=named)


def test_a_place_of_which_nothing_is_known():
    assert said(NOTHING, {"own": 1.0}) == ["no visits by anybody"]
    assert said(replace(NOTHING, visitors=1), {}) == ["visited by 1 other person"]


def test_hours_are_not_told_of_dates():
    visits = [("u", poi, at(day)) for day in range(9) for poi in (0, 1)]
    checkins = replace(make(visits, KINDS), dates_only=True)
    [ranking] = Recommender(checkins).rank([("u", at(10, 9))], "fusion")
    assert not [text for place in ranking.places for text in place.reasons if "hour" in text]
