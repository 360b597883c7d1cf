"""The checker in plainer words: the same said in another way stands, and with one thing changed does not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import KINDS, at, make

from genrec.habits import habits_of
from genrec.profiles.faithfulness import check, supported


def _habits():
    """The office on weekdays around 9, the pub on ten Fridays around 21: 80 visits in 14 weeks."""
    visits = []
    for day in range(98):
        if day % 7 < 5:
            visits.append(("u", 1, at(day, 9)))
        if day % 7 == 4 and day < 70:
            visits.append(("u", 4, at(day, 21)))
    return habits_of(make(visits), "u")


HABITS = _habits()


def stands(text):
    return supported(check(text, HABITS, KINDS))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("They're at POI 4 on Fridays.", "They're at POI 4 on Mondays."),
        ("They've been to POI 4 ten times.", "They've been to POI 4 nine times."),
        ("Fri: POI 4.", "Mon: POI 4."),
        ("POI 1 is visited from Mon to Fri.", "POI 4 is visited from Mon to Wed."),
        ("They are at POI 1 at nine in the morning.", "They are at POI 1 at nine in the evening."),
        ("They are at POI 4 around 8 or 9 in the evening.", "They are at POI 4 around 8 or 9 in the morning."),
        ("POI 1 is visited on all five weekdays.", "POI 4 is visited on all five weekdays."),
        ("POI 1 is visited throughout the week.", "POI 4 is visited throughout the week."),
        ("You will find them at POI 4 on Fridays.", "You will find them at POI 4 on Mondays."),
        ("You won't see them at POI 1 on Sundays.", "You won't see them at POI 1 on Fridays."),
        ("They go to POI 4, which they visit on Fridays.", "They go to POI 4, which they visit on Sundays."),
        ("POI 4 is their pub, with ten visits.", "POI 4 is their pub, with seven visits."),
        ("POI 1 and POI 4 have 70 and 10 visits respectively.", "POI 1 and POI 4 have 10 and 70 visits respectively."),
        (
            "Fridays are the busiest day, with a third of the check-ins.",
            "Fridays are the busiest day, with half of them.",
        ),
    ],
)
def test_what_is_said_in_another_way_is_read(right, wrong):
    assert stands(right), right
    assert not stands(wrong), wrong


@pytest.mark.parametrize(
    "text",
    [
        "The pub is quiet on Fridays.",
        "They win at POI 4 on Fridays.",
        "They go alone to POI 4 on Fridays.",
        "They are strong at POI 4.",
        "They are defined by POI 1.",
        "They are confined to POI 1 on weekdays.",
        "POI 4 (Pub) is the liveliest pub.",
        "POI 4 is visited on Fridays, and so is POI 1 on Sundays.",
        "Pub visits (POI 1) are on Fridays.",
        "All check-ins were made between January and January.",
    ],
)
def test_new_words_do_not_let_anything_else_stand(text):
    assert not stands(text)


def test_dates_without_between_are_no_error():
    check("Check-ins were made from January and up to April, at POI 1.", HABITS, KINDS)
    check("A total of 80 check-ins, to April and to March.", HABITS, KINDS)


_OPENINGS = (
    "They go to {place} {when}",
    "They're at {place} {when}",
    "{place} is visited {when}",
    "They visit {place} {when}",
)
_PLACES = {"POI 1": (range(5), range(8, 11)), "POI 4": (range(4, 5), range(20, 23))}
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(_OPENINGS), st.sampled_from(sorted(_PLACES)), st.integers(0, 6), st.booleans())
def test_facts_in_any_form_stand_and_others_do_not(opening, place, day, is_short):
    name = _DAYS[day][:3] if is_short else f"{_DAYS[day]}s"
    text = opening.format(place=place, when=f"on {name}, never at the weekend") + "."
    on_this_day = day in _PLACES[place][0] and (place == "POI 4")
    if on_this_day:
        assert stands(text), text
    elif day not in _PLACES[place][0]:
        assert not stands(text), text


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(_PLACES)), st.integers(0, 90))
def test_a_number_of_visits_stands_only_if_it_is_right(place, said):
    right = {"POI 1": 70, "POI 4": 10}[place]
    assert stands(f"They go to {place}, with {said} visits.") == (said == right)
