"""Facts in many phrasings stand, and with one number, place, day or hour changed do not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import KINDS, at, make

from genrec.habits import habits_of
from genrec.profiles.faithfulness import check, sentences, supported


def _habits():
    """14 weeks: the office on weekdays around 9 (70 visits), then eight times coffee; the pub on ten Fridays."""
    visits = []
    for day in range(98):
        if day % 7 < 5:
            visits.append(("u", 1, at(day, 9)))
        if day % 7 == 1 and day < 56:
            visits.append(("u", 2, at(day, 10)))
        if day % 7 == 4 and day < 70:
            visits.append(("u", 4, at(day, 21)))
    return habits_of(make(visits), "u")


HABITS = _habits()


def stands(text):
    return all(supported(check(one, HABITS, KINDS)) for one in sentences(text, KINDS))


PAIRS = """
Fridays? Mostly POI 4. | Mondays? Mostly POI 4.
POI 4? Ten visits. | POI 4? Nine visits.
No. 1: POI 1 (Office). | No. 1: POI 4 (Pub).
1st POI 1 (Office), 2nd POI 4 (Pub). | 1st POI 4 (Pub), 2nd POI 1 (Office).
Check-ins: 88; places: 3. | Check-ins: 88; places: 4.
Weekday check-ins: 88. | Weekend check-ins: 88.
10 x POI 4 (Pub). | 9 x POI 4 (Pub).
POI 1 (Office) -> POI 2 (Coffee Shop): 8x. | POI 1 (Office) -> POI 2 (Coffee Shop): 7x.
First POI 1, then POI 2: they have done that eight times. | First POI 1, then POI 2: they have done that nine times.
Tuesdays 22, Fridays 24. | Tuesdays 88, Fridays 24.
Busiest day: Friday (24). | Busiest day: Monday (14).
The highest number of check-ins, 24, was registered on Fridays. | The highest number, 22, was registered on Tuesdays.
Fridays are the busiest, just ahead of Tuesdays. | Mondays are the busiest, just ahead of Tuesdays.
Tuesdays come second. | Mondays come second.
Fridays and Tuesdays are the two busiest days of the week. | Fridays and Mondays are the two busiest days of the week.
24 check-ins were made on Fridays, the most of any day. | 22 check-ins were made on Tuesdays, the most of any day.
Mondays, Wednesdays and Thursdays are equally busy, at 14 check-ins each. | Mondays and Fridays are equally busy.
Fridays have ten more check-ins than Mondays. | Fridays have nine more check-ins than Mondays.
POI 4 has two more visits than POI 2. | POI 4 has three more visits than POI 2.
No place has more than 70 visits. | No place has more than 69 visits.
No place other than POI 1 has more than ten visits. | No place other than POI 1 has more than nine visits.
No day sees them out as much as Friday. | No day sees them out as much as Monday.
Behind POI 1, the second most visited place is POI 4. | Behind POI 1, the second most visited place is POI 2.
The most visited place after POI 1 is POI 4. | The most visited place after POI 1 is POI 2.
It is on Fridays that they go to POI 4. | It is on Mondays that they go to POI 4.
It was not until January that they first visited POI 4. | It was not until February that they first visited POI 4.
No visit to POI 4 was outside the hours of 20:00 to 23:00. | No visit to POI 4 was outside the hours of 8:00 to 11:00.
POI 1 and POI 4 account for 70 and 10 visits. | POI 1 and POI 4 account for 10 and 70 visits.
With 70 visits against 10, POI 1 is ahead of POI 4. | With 70 visits against 9, POI 1 is ahead of POI 4.
POI 1 accounts for 79.5% of the check-ins. | POI 1 accounts for 78.5% of the check-ins.
They make 1.3 check-ins per active day. | They make 2.3 check-ins per active day.
Visits to POI 4 number 10. | Visits to POI 4 number 3.
Visits to POI 4 (Pub) amount to 10. | Visits to POI 4 (Pub) amount to 1.
POI 2 has fallen out of their routine. | POI 1 has fallen out of their routine.
They reserve Fridays for POI 4. | They reserve Mondays for POI 4.
They would never be at POI 1 on a Sunday. | They would never be at POI 1 on a Monday.
"""


@pytest.mark.parametrize("pair", [line for line in PAIRS.split("\n") if line])
def test_ways_to_say_it_are_read_and_checked(pair):
    right, wrong = pair.split(" | ")
    assert stands(right), right
    assert not stands(wrong), wrong


@pytest.mark.parametrize(
    "text",
    [
        "5 of the 88 check-ins were on Tuesdays.",
        "Active days: 1.",
        "The number of visits to POI 4 is 2.",
        "POI 4? POI 1.",
        "Offices? Yes.",
        "They reserve a table at POI 4.",
        "They are evident at POI 4.",
        "They involve POI 4.",
        "They are scattered across POI 4.",
        "Look for them at POI 4.",
        "No pub has more than ten visitors.",
        "It is on Fridays that the pub is full.",
        "POI 1, compared with POI 4.",
        "They were absent from POI 4, having dropped out.",
    ],
)
def test_wider_words_let_nothing_else_stand(text):
    assert not stands(text)


_FACTS = {"POI 1 (Office)": (70, "weekday", 8, 11), "POI 2 (Coffee Shop)": (8, "Tuesday", 10, 12)}
_FACTS["POI 4 (Pub)"] = (10, "Friday", 20, 23)
_COUNTS = (
    "{p} has {n} visits to its name.", "{p} was recorded a total of {n} times.", "{n} visits were paid to {p}.",
    "Looking back, {p} accounts for {n} of their 88 check-ins.", "Visits to {p} total {n}.", "{p} x{n}.",
    "They have already been to {p} {n} times.", "Having been visited {n} times, {p} is a regular stop.",
)  # fmt: skip
_DAYS = (
    "{d}s are when they go to {p}.", "A {d} visit to {p} is a regular part of their week.", "{p}: {d}s only.",
    "It is on {d}s that they go to {p}.", "They keep {d}s for {p}.", "{d}s account for all of the visits to {p}.",
)  # fmt: skip
_HOURS = (
    "They are at {p} between {a}:00 and {b}:00 only.", "Hours at {p}: {a}:00 to {b}:00.",
    "You will only ever find them at {p} between {a} and {b} o'clock.",
    "No visit to {p} took place outside the hours of {a}:00 to {b}:00.",
)  # fmt: skip
_PLACES = st.sampled_from(sorted(_FACTS))


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(_COUNTS), _PLACES, st.integers(3, 88))
def test_a_count_in_any_phrasing_stands_only_if_it_is_right(phrasing, place, other):
    right = _FACTS[place][0]
    assert stands(phrasing.format(p=place, n=right))
    assert stands(phrasing.format(p=place, n=other)) == (other == right)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([*_DAYS, *_HOURS]), _PLACES, _PLACES)
def test_days_and_hours_in_any_phrasing_are_those_of_the_place(phrasing, place, other):
    _, day, first, last = _FACTS[other]
    text = phrasing.format(p=place, d=day, a=first, b=last)
    if place == other:
        assert stands(text), text
    elif "Office" not in other:  # Tuesdays and Fridays are weekdays
        assert not stands(text), text
