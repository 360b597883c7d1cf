import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import KINDS, at, made_checkins, make, quick

from genrec.habits import city_habits, habits_of
from genrec.rankers.habits import HabitWeights, rank_habits
from genrec.rankers.why import habit_reasons
from genrec.trajectories import all_visits

HOME, OFFICE, COFFEE, UNIVERSITY, PUB, GYM, PARK, MUSEUM = range(8)


def week(user: str, days: int = 28):
    """Weekdays: coffee, then the office; weekends: the park; every other evening the pub."""
    for day in range(days):
        if day % 7 < 5:
            yield from ((user, COFFEE, at(day, 8)), (user, OFFICE, at(day, 9)))
        else:
            yield user, PARK, at(day, 14)
        if day % 2:
            yield user, PUB, at(day, 21)


@pytest.fixture
def town():
    """The habits of one regular, of the city with two other visitors, and the places."""
    others = [("b", GYM, at(day, 18)) for day in range(9)] + [("c", GYM, at(2, 18)), ("c", MUSEUM, at(3, 11))]
    checkins = make([*week("a"), *others])
    as_of = at(28)  # a Monday
    return habits_of(checkins, "a", as_of), city_habits(checkins, as_of), checkins.pois


@pytest.mark.parametrize(
    ("moment", "best"), [((28, 8), COFFEE), ((28, 9.2), OFFICE), ((33, 14), PARK), ((28, 21), PUB), ((29, 21), PUB)]
)
def test_the_hour_and_the_day_decide(town, moment, best):
    assert rank_habits(*town, at=at(*moment)).argmax() == best


def test_hours_pass_midnight():
    checkins = make([("a", PUB, at(day, 23.8)) for day in range(4)] + [("a", COFFEE, at(day, 12)) for day in range(6)])
    ranked = rank_habits(habits_of(checkins, "a"), city_habits(checkins), checkins.pois, at=at(11, 0.2))
    assert ranked.argmax() == PUB


def test_next_steps_decide_when_the_time_is_unknown(town):
    before = rank_habits(*town, at=None)
    after = rank_habits(*town, at=None, prefix=[(at(28, 8), COFFEE)])
    assert after.argmax() == OFFICE
    assert after[OFFICE] > before[OFFICE]
    assert after[COFFEE] < before[COFFEE]


def test_places_abandoned_long_ago_fade_but_stay_possible():
    old = [("a", GYM, at(day, 18)) for day in range(10)]
    new = [("a", PARK, at(400 + day, 18)) for day in range(5)]
    checkins = make(old + new)
    habits, city = habits_of(checkins, "a"), city_habits(checkins)
    assert rank_habits(habits, city, checkins.pois, at=at(406, 18)).argmax() == PARK
    forgetful = HabitWeights(recency_half_life=0.01)
    ranked = rank_habits(habits, city, checkins.pois, at=at(100_000, 18), weights=forgetful)
    assert (ranked > 0).all()


def test_a_visit_of_the_current_trajectory_makes_a_place_known(town):
    habits, _, _ = town
    assert MUSEUM not in {place.poi for place in habits.places}
    before = rank_habits(*town, at=at(28, 11))
    after = rank_habits(*town, at=at(28, 12), prefix=[(at(28, 11), MUSEUM), (at(28, 11.5), PARK)])
    assert after[MUSEUM] > before[MUSEUM]


def test_a_stranger_goes_where_all_go_and_near(town):
    _, city, pois = town
    stranger = habits_of(make(week("a")), "z", city.as_of)
    ranked = rank_habits(stranger, city, pois, at=None)
    assert ranked.argmax() == city.visits.argmax()
    assert np.allclose(ranked, (city.visits + 0.5) / (city.visits + 0.5).sum())
    near = rank_habits(stranger, city, pois, at=None, prefix=[(at(27, 20), UNIVERSITY)])
    assert near[COFFEE] > near[OFFICE]  # as popular, but nearer to the university


def test_new_places_get_more_from_explorers():
    returning = make([("a", day % 2, at(day)) for day in range(6)])
    exploring = make([("a", day, at(day)) for day in range(6)])
    mass = [
        rank_habits(habits_of(c, "a"), city_habits(c), c.pois, at=at(7))[[GYM + 1, MUSEUM]].sum()
        for c in (returning, exploring)
    ]
    assert mass[0] < mass[1]


@quick
@given(made_checkins(), st.booleans(), st.sampled_from(["test", "validation"]))
def test_it_is_a_distribution_over_all_places(checkins, timed, part):
    for example in all_visits(checkins, part).examples:
        habits, city = habits_of(checkins, example.user_id, example.as_of), city_habits(checkins, example.as_of)
        arguments = {"at": example.time if timed else None, "prefix": example.prefix}
        ranked = rank_habits(habits, city, checkins.pois, **arguments)
        assert ranked.shape == (len(KINDS),)
        assert ranked.sum() == pytest.approx(1)
        assert (ranked > 0).all()
        assert np.array_equal(ranked, rank_habits(habits, city, checkins.pois, **arguments))


def test_a_user_who_knows_every_place_has_no_new_ones():
    checkins = make([("a", poi, at(poi)) for poi in range(8)])
    ranked = rank_habits(habits_of(checkins, "a"), city_habits(checkins), checkins.pois, at=at(8))
    assert ranked.sum() == pytest.approx(1)


def test_reasons_of_a_known_place(town):
    facts = habit_reasons(*town, OFFICE, at=at(29, 9.5), prefix=[(at(29, 8), COFFEE)])
    assert facts == [
        "visited 20 of 62 times",
        "20 of its visits between 8 and 11",
        "4 of its visits on Tuesdays",
        "follows POI 2 (Coffee Shop) in 20 of 20 cases",
        "last visit 4 days ago",
    ]
    assert habit_reasons(*town, OFFICE, at=None) == ["visited 20 of 62 times", "last visit on 2024-01-26"]
    assert habit_reasons(*town, PUB, at=at(28, 22.5))[1] == "14 of its visits between 21 and 0"


def test_reasons_of_a_new_place(town):
    assert habit_reasons(*town, GYM, at=at(28, 9)) == [
        "never visited before",
        "10 visits by 2 people",
        "1.0 km from the last visit",
    ]
    assert habit_reasons(*town, MUSEUM, at=None)[1] == "1 visit by 1 person"
    assert habit_reasons(*town, UNIVERSITY, at=None)[1] == "no visits by anybody"
    assert habit_reasons(*town, MUSEUM, at=None, prefix=[(at(28, 9), MUSEUM)]) == ["visited earlier in this trajectory"]


@quick
@given(made_checkins(), st.integers(0, len(KINDS) - 1), st.booleans())
def test_reasons_are_true(checkins, poi, timed):
    """Each sentence is recounted from the check-ins themselves."""
    example = all_visits(checkins).examples[-1]
    past = checkins.frame.filter(checkins.frame["time"] < example.as_of)
    own = past.filter(user_id=example.user_id)
    there = own.filter(poi=poi)["time"]
    everybody = past.filter(poi=poi)
    now = example.time if timed else None
    habits, city = habits_of(checkins, example.user_id, example.as_of), city_habits(checkins, example.as_of)
    facts = habit_reasons(habits, city, checkins.pois, poi, at=now, prefix=example.prefix)
    assert facts
    for fact in facts:
        numbers = [int(number) for number in re.findall(r"\d+", fact)]
        if fact.startswith("visited") and "trajectory" not in fact:
            assert numbers == [len(there), len(own)]
        elif "between" in fact:
            count, start, end = numbers
            assert count == sum(hour in ((start + i) % 24 for i in range(3)) for hour in there.dt.hour())
            assert (end - start) % 24 == 3
        elif "of its visits on" in fact:
            assert numbers == [sum(time.weekday() == now.weekday() for time in there)]
        elif "people" in fact or "person" in fact:
            assert numbers == [len(everybody), everybody["user_id"].n_unique()]
        elif fact == "visited earlier in this trajectory":
            assert poi in {visited for _, visited in example.prefix}
        elif fact == "never visited before":
            assert not len(there)
        elif "ago" in fact and numbers:
            assert numbers == [(now - there[-1]).days]


def test_reasons_say_nothing_of_a_kind_that_is_not_known():
    visits = [("u", poi, at(day, 8 + poi)) for day in range(3) for poi in (0, 1)]
    checkins = make(visits, ["unknown", "Office"])
    habits, city = habits_of(checkins, "u"), city_habits(checkins)
    said = habit_reasons(habits, city, checkins.pois, 1, at=at(4, 9), prefix=((at(4, 8), 0),))
    assert "follows POI 0 in 3 of 3 cases" in said
    assert "unknown" not in str(said)
