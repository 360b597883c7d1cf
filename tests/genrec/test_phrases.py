"""Phrases say what most of the numbers say, and nothing if they say nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import quick

from genrec.phrases import days_phrase, hours_phrase, usual_days, usual_hours, when_phrase


@pytest.mark.parametrize(
    ("hours", "span"),
    [
        ({8: 5, 9: 1}, (8, 8)),
        ({8: 2, 9: 2, 15: 1}, (8, 9)),
        ({23: 3, 0: 3, 1: 1}, (23, 0)),
        ({8: 1}, None),  # one visit is no habit
        ({hour: 1 for hour in range(24)}, None),
    ],
)
def test_usual_hours(hours, span):
    assert usual_hours(hours) == span


@pytest.mark.parametrize(
    ("weekdays", "days"),
    [
        ({1: 4, 3: 4}, (1, 3)),
        ({0: 2, 1: 2, 2: 2, 3: 2, 4: 2}, (0, 1, 2, 3, 4)),
        ({5: 3, 6: 3, 0: 1}, (5, 6)),
        ({day: 2 for day in range(7)}, None),
        ({2: 1}, None),
    ],
)
def test_usual_days(weekdays, days):
    assert usual_days(weekdays) == days


@quick
@given(st.dictionaries(st.integers(0, 23), st.integers(1, 50)))
def test_span_holds_half_of_the_visits(hours):
    span = usual_hours(hours)
    if span:
        first, last = span
        inside = [(first + i) % 24 for i in range((last - first) % 24 + 1)]
        assert sum(hours.get(hour, 0) for hour in inside) * 2 >= sum(hours.values())


def test_words():
    assert hours_phrase((8, 8)) == "around 8"
    assert hours_phrase((22, 1)) == "between 22 and 2"
    assert days_phrase((1, 3)) == "Tuesdays and Thursdays"
    assert when_phrase({9: 4}, {0: 1, 1: 1, 2: 1, 3: 1}) == "on weekdays around 9"
    assert when_phrase({1: 1}, {2: 1}) == ""
