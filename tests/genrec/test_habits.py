from collections import Counter
from dataclasses import replace
from math import log2

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import KINDS, at, made_checkins, make, quick

from genrec.habit_models import Habits
from genrec.habits import all_habits, city_habits, habits_of

HOME, OFFICE, COFFEE, UNIVERSITY, PUB = range(5)
moments = st.integers(0, 24 * 12).map(lambda hour: at(hour=hour))


@pytest.fixture
def worker() -> Habits:
    """Two working weeks: coffee and the office from Monday to Friday, home on the weekends; then nothing counts."""
    visits = [
        ("a", poi, at(day, hour)) for day in range(14) if day % 7 < 5 for poi, hour in ((COFFEE, 8.5), (OFFICE, 9))
    ]
    visits += [("a", HOME, at(day, 22)) for day in (5, 6, 12, 13)]
    visits += [("a", PUB, at(20)), ("b", PUB, at(3))]
    return habits_of(make(visits), "a", at(20))


def test_counts_of_a_worker(worker):
    assert worker.checkins == 24
    assert (worker.first, worker.last, worker.as_of) == (at(0, 8.5), at(13, 22), at(20))
    assert worker.active_days == 14
    assert [(p.poi, p.visits, p.hours) for p in worker.places] == [
        (OFFICE, 10, {9: 10}),  # as often as coffee, but later the last time
        (COFFEE, 10, {8: 10}),
        (HOME, 4, {22: 4}),
    ]
    office = worker.places[0]
    assert (office.poi_id, office.category, office.longitude) == ("p1", "Office", -114.0)
    assert (office.first_visit, office.last_visit) == (at(0, 9), at(11, 9))
    assert office.weekdays == {0: 2, 1: 2, 2: 2, 3: 2, 4: 2}
    assert office.share == pytest.approx(10 / 24)
    assert [(c.category, c.visits) for c in worker.categories] == [
        ("Coffee Shop", 10),
        ("Office", 10),
        ("Home (private)", 4),
    ]
    assert worker.hours[8] == worker.hours[9] == 10
    assert worker.weekdays == [4, 4, 4, 4, 4, 2, 2]
    assert [visit.poi for visit in worker.recent] == [OFFICE, COFFEE, OFFICE, HOME, HOME]


def test_measures_of_a_worker(worker):
    shares = [10 / 24, 10 / 24, 4 / 24]
    entropy = -sum(share * log2(share) for share in shares)
    assert worker.entropy == pytest.approx(entropy)
    assert worker.regularity == pytest.approx(1 - entropy / log2(3))
    assert worker.exploration_rate == pytest.approx(3 / 24)
    # 0.009 degrees of latitude are 1.0008 km; home is at 0, the office at 1, coffee at 2.
    positions = np.repeat([0, 1, 2], [4, 10, 10]) * 1.0008
    assert worker.radius_of_gyration_km == pytest.approx(positions.std(), rel=1e-3)


def test_transitions_stay_within_trajectories(worker):
    steps = {(t.from_poi, t.to_poi): (t.count, t.departures) for t in worker.transitions}
    # From the office to the next day's coffee on 2 x 4 evenings. Friday to Saturday is more than a day, and
    # from Sunday evening to Monday's coffee happens once, which is no habit.
    assert steps == {(COFFEE, OFFICE): (10, 10), (OFFICE, COFFEE): (8, 8)}


def test_anchors_of_a_worker(worker):
    assert [(a.kind, a.poi, a.why) for a in worker.anchors] == [
        ("home-like", HOME, "category Home (private), 4 visits"),
        ("work-like", OFFICE, "category Office, 10 visits"),
    ]


@pytest.mark.parametrize(
    "kinds", [("Ev", "İş Yeri", "Üniversite"), ("自宅", "オフィス", "大学"), ("Domicile", "BUREAU", "École")]
)
def test_anchors_abroad(kinds):
    visits = [("a", poi, at(day, 9 + poi)) for day in range(4) for poi in range(5)]
    anchors = habits_of(make(visits, [*kinds, "Bürobedarf", "Casa do Livro"]), "a").anchors
    assert [(anchor.kind, anchor.poi) for anchor in anchors] == [("home-like", 0), ("work-like", 1), ("study-like", 2)]


def test_hours_speak_only_where_the_category_is_silent():
    visits = [("a", poi, at(day, 21)) for day in range(10) for poi in (0, 1)]
    visits += [("a", 2, at(day, 10)) for day in range(5)]
    home, work = habits_of(make(visits, ["Pub", "unknown", "Building"]), "a").anchors
    assert (home.kind, home.poi, home.why) == ("home-like", 1, "10 of its 10 visits between 20 and 7")
    assert (work.kind, work.poi, work.why) == ("work-like", 2, "5 of its 5 visits on weekdays between 8 and 17")


@pytest.mark.parametrize(
    ("hours", "name", "lives"),
    [
        ((21,), "71 Irving", True),
        ((21,), None, True),
        ((21,), "JFK Airport", False),
        ((18, 19, 21), "71 Irving", False),
    ],
)
def test_nobody_lives_at_an_airport(hours, name, lives):
    """Of places of unknown kinds: the one most visited at night, unless its name or the other visits say otherwise."""
    visits = [("a", 0, at(day, hour)) for day in range(10) for hour in hours]
    visits += [("a", 1, at(day, 23)) for day in range(6)]
    checkins = make(visits, ["unknown"] * 2)
    named = replace(
        checkins, pois=checkins.pois.with_columns(name=pl.Series([name, "12 Grove Street"], dtype=pl.String))
    )
    assert [(anchor.kind, anchor.poi) for anchor in habits_of(named, "a").anchors] == [("home-like", 0)] * lives


@pytest.mark.parametrize(
    ("category", "kind"),
    [
        ("Residential Building (Apartment / Condo)", "home-like"),
        ("Coworking Space", "work-like"),
        ("College Academic Building", "study-like"),
        ("Post Office", None),
        ("Doctor's Office", None),
        ("Furniture / Home Store", None),
        ("Coffee House", None),
    ],
)
def test_what_a_category_says(category, kind):
    checkins = make([("a", 0, at(day, 12)) for day in range(9)], [category])
    assert [anchor.kind for anchor in habits_of(checkins, "a").anchors] == ([kind] if kind else [])


def test_a_stranger_has_no_habits():
    checkins = make([("a", 0, at(5))])
    for habits in (habits_of(checkins, "z", at(5)), habits_of(checkins, "a", at(5))):
        assert habits.checkins == habits.active_days == 0
        assert habits.first is habits.last is None
        assert habits.places == habits.categories == habits.transitions == habits.anchors == habits.recent == []
        assert habits.hours == [0] * 24
        assert habits.weekdays == [0] * 7
        assert habits.entropy == habits.regularity == habits.radius_of_gyration_km == 0
        assert Habits.model_validate_json(habits.model_dump_json()) == habits


def test_one_place_is_perfectly_regular():
    habits = habits_of(make([("a", 3, at(i)) for i in range(4)]), "a")
    assert (habits.entropy, habits.regularity, habits.exploration_rate) == (0, 1, 0.25)
    assert habits.radius_of_gyration_km == pytest.approx(0, abs=1e-6)
    assert habits.as_of > habits.last


@quick
@given(made_checkins(), moments)
def test_batch_and_single_agree_and_survive_json(checkins, as_of):
    batch = all_habits(checkins, as_of)
    assert set(batch) == set(checkins.frame["user_id"])
    for user, habits in batch.items():
        assert habits == habits_of(checkins, user, as_of)
        assert Habits.model_validate_json(habits.model_dump_json()) == habits


@quick
@given(made_checkins(), moments)
def test_nothing_at_or_after_as_of_is_seen(checkins, as_of):
    past = checkins.frame.filter(checkins.frame["time"] < as_of)
    cut = type(checkins)(past, checkins.pois, checkins.source, [])
    users = set(checkins.frame["user_id"])
    assert all_habits(checkins, as_of, users) == all_habits(cut, as_of, users)
    whole, part = city_habits(checkins, as_of), city_habits(cut, as_of)
    for name in ("visits", "users", "category", "category_hours"):
        assert np.array_equal(getattr(whole, name), getattr(part, name))


@quick
@given(made_checkins(), moments)
def test_every_count_adds_up(checkins, as_of):
    for user, habits in all_habits(checkins, as_of).items():
        rows = checkins.frame.filter(checkins.frame["time"] < as_of, user_id=user)
        assert habits.checkins == len(rows) == sum(habits.hours) == sum(habits.weekdays)
        assert {p.poi: p.visits for p in habits.places} == Counter(rows["poi"])
        for group in (habits.places, habits.categories):
            assert sum(item.visits for item in group) == habits.checkins
            assert sum(item.share for item in group) == pytest.approx(1 if len(rows) else 0)
            assert all(sum(i.hours.values()) == sum(i.weekdays.values()) == i.visits for i in group)
            visits = [item.visits for item in group]
            assert visits == sorted(visits, reverse=True)
        assert 0 <= habits.regularity <= 1
        assert all(2 <= t.count <= t.departures for t in habits.transitions)


@quick
@given(made_checkins(), moments)
def test_the_city_is_the_sum_of_its_users(checkins, as_of):
    city = city_habits(checkins, as_of)
    everybody = all_habits(checkins, as_of).values()
    for poi in range(len(KINDS)):
        visits = [p.visits for habits in everybody for p in habits.places if p.poi == poi]
        assert (city.visits[poi], city.users[poi]) == (sum(visits), len(visits))
        assert city.categories[city.category[poi]] == KINDS[poi]
    for category, hours in zip(city.categories, city.category_hours, strict=True):
        own = Counter()
        for habit in (c for habits in everybody for c in habits.categories if c.category == category):
            own.update(habit.hours)
        assert [own[hour] for hour in range(24)] == hours.tolist()
    best = city.most_visited(3)
    assert len(best) == min(3, (city.visits > 0).sum())
    assert all(city.visits[best[-1]] >= city.visits[poi] for poi in range(len(KINDS)) if best and poi not in best)
