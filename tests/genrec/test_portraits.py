"""Portraits: every sentence is supported, what changes is told from chance, and hardly two are alike."""

import random
import re
from collections import Counter
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import KINDS, at, make

from genrec.columns import CATEGORY
from genrec.habit_models import Habits
from genrec.habits import all_habits, habits_of
from genrec.profiles.change import changed, is_new
from genrec.profiles.faithfulness import check, supported
from genrec.profiles.patterns import novelty, share_within
from genrec.profiles.portrait.facts import IMPORTANT, facts
from genrec.profiles.portrait.plan import ORDER, plan
from genrec.profiles.portrait.realise import Realiser
from genrec.profiles.portrait.writer import PortraitWriter
from genrec.profiles.writer import Subject


@st.composite
def long_lives(draw):
    """Somebody with habits over months, at places of which some come late or go, with or without known kinds."""
    kinds = draw(st.sampled_from([KINDS, ["unknown"] * 8, ["Bar"] * 8, ["Büro", "パン屋", "New Places", "Pub 7"] * 2]))
    rng = random.Random(draw(st.integers(0, 10_000)))
    odds = [draw(st.integers(0, 6)) for _ in kinds]
    late = [draw(st.sampled_from([0, 0, 60, 90])) for _ in kinds]
    gone = [draw(st.sampled_from([130, 130, 70])) for _ in kinds]
    hours = [rng.randrange(24) for _ in kinds]
    visits = []
    for day in range(120):
        open_now = [o if late[i] <= day < gone[i] else 0 for i, o in enumerate(odds)]
        for _ in range(rng.randrange(3) if any(open_now) else 0):
            [poi] = rng.choices(range(len(kinds)), open_now)
            visits.append(("u", poi, at(day, min(23.9, hours[poi] + rng.random() * rng.choice([1, 6])))))
    return make(visits or [("u", 0, at(0))], kinds)


def claims(text, habits, kinds=KINDS):
    return check(text, habits, kinds)


@settings(max_examples=20, deadline=None)
@given(long_lives())
def test_every_sentence_of_a_portrait_is_supported(checkins):
    habits = habits_of(checkins, "u")
    kinds = checkins.pois[CATEGORY].to_list()
    [profile] = PortraitWriter(kinds).write([Subject(habits)])
    assert profile.provenance.dropped == []
    for one in profile.statements():
        assert supported(check(one.text, habits, kinds)), one.text


@settings(max_examples=10, deadline=None)
@given(long_lives())
def test_facts_are_few_weighted_and_said_once(checkins):
    habits = habits_of(checkins, "u")
    found = facts(habits)
    assert len(found) <= IMPORTANT
    assert not found or sum(fact.weight for fact in found) == pytest.approx(1)
    assert [fact.weight for fact in found] == sorted((fact.weight for fact in found), reverse=True)
    paragraphs = plan(habits)
    said = [(fact.kind, fact.names) for p in paragraphs for group in p.groups for fact in group]
    assert Counter(said) == Counter((fact.kind, fact.names) for fact in found)
    assert all(fact.kind in ORDER[p.section] for p in paragraphs for group in p.groups for fact in group)
    first, again = Realiser("u"), Realiser("u")
    assert [first.paragraph(p) for p in paragraphs] == [again.paragraph(p) for p in paragraphs]


def life(*, gym_from=0, pub_until=200, days=100):
    """Work and coffee each weekday; the gym from a day on, the pub up to one."""
    visits = []
    for day in range(days):
        if day % 7 < 5:
            visits += [("u", 1, at(day, 9)), ("u", 2, at(day, 8))]
        if day >= gym_from and day % 3 == 0:
            visits.append(("u", 5, at(day, 18)))
        if day < pub_until and day % 2 == 0:
            visits.append(("u", 4, at(day, 21)))
    return habits_of(make(visits), "u")


def test_changes_are_told():
    stayed, changing = life(), life(gym_from=75, pub_until=60)
    assert f"{stayed.lately.since:%Y-%m-%d}" == "2024-03-01"
    assert [changed(stayed, {poi}) for poi in (1, 2, 4, 5)] == [None] * 4
    assert (changed(changing, {5}), changed(changing, {4}), changed(changing, {1})) == ("more", "less", None)
    assert is_new(changing, 5) and not is_new(stayed, 5)
    right = {
        "Since March 2024, they have gone to POI 4 (Pub) less often than before.",
        "Has visited POI 5 (Gym) more often since March.",
        "Since March, this person more often visits the Gym.",
        "New since March 2024: POI 5.",
        "They newly visit POI 5 (Gym) since March 2024.",
        "Their new place since March 2024 is POI 5.",
        "Lately, they go to POI 5 more often.",
    }
    for text in right:
        assert supported(claims(text, changing)), claims(text, changing)
        assert not supported(claims(text, stayed)), text
    for text in (
        "Since March 2024, they have gone to POI 4 (Pub) more often than before.",
        "Since April 2024, they have gone to POI 4 (Pub) less often than before.",
        "Since March 2023, they have gone to POI 4 (Pub) less often than before.",
        "Since March 2024, they have gone to POI 1 (Office) less often than before.",
        "Since March 2024, they have gone to POI 4 and POI 1 less often than before.",
        "New since March 2024: POI 4.",
        "New since March 2024: POI 5 and POI 1.",
        "Since March 2024, everybody has gone to POI 4 (Pub) less often than before.",
        "Since March 2024, they have gone to POI 3 more often than before.",
        "Since March 2024, life is different.",
    ):
        assert not supported(claims(text, changing)), text


def test_chance_is_not_a_change():
    """People who do not change are hardly ever said to."""
    visits = []
    for number in range(60):
        rng = random.Random(number)
        odds = [rng.random() ** 2 for _ in KINDS]
        visits += [(f"u{number}", rng.choices(range(8), odds)[0], at(rng.random() * 100)) for _ in range(120)]
    found = [fact for habits in all_habits(make(visits)).values() for fact in facts(habits)]
    assert sum(fact.kind in ("more", "less") for fact in found) <= 1


def test_patterns_are_checked():
    habits = life()
    assert novelty(habits) == "known"
    assert share_within(habits, 2, 1.5) < 1 == share_within(habits, 2, 4)
    for text, right in {
        "They mostly return to known places.": True,
        "They often go to new places.": False,
        "Most of their visits are within 4 km of POI 2.": True,
        "Mostly stays within 4 km of POI 2 (Coffee Shop).": True,
        "Most of their visits are within 0 km of POI 4.": False,
        "Most of the city's visits are within 4 km of POI 2.": False,
        "Their most visited place is POI 1.": habits.places[0].poi == 1,
        "Their favourite place is POI 5.": False,
        "They likely work at POI 1 on weekdays around 9.": True,
        "They likely live at POI 1.": False,
        "They likely work at POI 2.": False,
        "They come home to POI 4.": False,
        "They often go to POI 1, likely to work.": True,
    }.items():
        assert supported(claims(text, habits)) == right, (text, claims(text, habits))


def test_names_that_look_like_patterns_stay_names():
    kinds = ["New Places", "Since March", "Most Visited"]
    visits = [("u", poi, at(day, 8 + poi)) for day in range(10) for poi in range(3)]
    habits = habits_of(make(visits, kinds), "u")
    for kind, poi in zip(kinds, range(3), strict=True):
        assert supported(check(f"Often goes to POI {poi} ({kind}).", habits, kinds))
        assert supported(check(f"Likes {kind}.", habits, kinds))
    late = habits_of(make([*visits, *(("u", 3, at(day, 20)) for day in (8, 9))], [*kinds, "Bar"]), "u")
    assert supported(check("Since January 2024, they also go to POI 3 (Bar), a new place.", late, [*kinds, "Bar"]))


def test_habits_of_before_changes_were_counted_still_load():
    data = life().model_dump(mode="json")
    del data["lately"]
    assert Habits.model_validate(data).lately is None
    assert Habits.model_validate(life().model_dump(mode="json")) == life()
    broken = life().model_dump(mode="json")
    broken["lately"]["visits"] += 1
    with pytest.raises(ValueError, match="the places have"):
        Habits.model_validate(broken)


@pytest.mark.slow
def test_hardly_two_portraits_are_alike():
    from training.data.cities import training_city

    city = training_city(77)
    nameless = replace(city, pois=city.pois.with_columns(pl.lit("unknown").alias(CATEGORY)))
    for checkins in (city, nameless):
        kinds = checkins.pois[CATEGORY].unique().to_list()
        everybody = [Subject(habits) for habits in all_habits(checkins).values()]
        profiles = PortraitWriter(kinds).write(everybody)
        texts = [" ".join(one.text for one in profile.statements()) for profile in profiles]
        alike = Counter(re.sub(r"POI \d+", "POI", text) for text in texts if text)
        assert alike.most_common(1)[0][1] == 1
        assert not any(profile.provenance.dropped for profile in profiles)
