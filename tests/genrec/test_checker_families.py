"""Whole families of true sentences are read, and those that differ in what is wrong do not stand."""

import pytest
from made import KINDS, at, make

from genrec.habits import habits_of
from genrec.profiles.faithfulness import check, supported


@pytest.fixture(scope="module")
def habits():
    """The office and coffee on weekdays up to 9 and 18, the pub on Fridays up to March, the gym from March on."""
    visits = []
    for day in range(98):
        if day % 7 < 5:
            visits += [("u", 1, at(day, 9)), ("u", 2, at(day, 8))]
        if day % 7 == 4 and day < 60:
            visits.append(("u", 4, at(day, 21)))
        if day >= 75 and day % 4 == 0:
            visits.append(("u", 5, at(day, 18)))
    return habits_of(make(visits), "u")


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("Apart from POI 1, they most often go to POI 2.", "Apart from POI 1, they most often go to POI 4."),
        (
            "They most often go to POI 4, apart from POI 1, POI 2.",
            "They most often go to POI 5, apart from POI 1, POI 2.",
        ),
        ("After POI 1, POI 2 is the place they visit most.", "After POI 4, POI 5 is the place they visit most."),
        (
            "They never go to POI 4 on any day other than Friday.",
            "They never go to POI 4 on any day other than Sunday.",
        ),
        (
            "They were never at POI 4 on a weekday other than Friday.",
            "They are at POI 4 on a weekday other than Friday.",
        ),
        ("Visits to POI 4 ended in February.", "Visits to POI 4 ended in March."),
        ("Visits to POI 5 began in March.", "Visits to POI 5 began in January."),
        ("They stopped going to POI 4 after February.", "They stopped going to POI 1 after February."),
        ("They used to go to POI 4.", "They used to go to POI 1."),
        ("POI 2 is visited around 8 or 9.", "POI 2 is visited around 15 or 16."),
        ("Around 9 is their most active hour.", "Around 18 is their most active hour."),
        (
            "There is a pub, POI 4, that they went to on Fridays.",
            "There is a pub, POI 4, that they went to on Mondays.",
        ),
        ("They may be at POI 1 on weekdays.", "They may be at POI 1 on weekends."),
        (
            "They go to POI 1 more than twice as often as to POI 4.",
            "They go to POI 1 more than twice as often as to POI 2.",
        ),
        ("POI 4 (Pub) is a Friday habit.", "POI 4 (Pub) is a Sunday habit."),
        ("There are almost no check-ins after 20.", "There are almost no check-ins after 7."),
    ],
)
def test_a_family_is_read_and_checked(habits, right, wrong):
    assert supported(check(right, habits, KINDS)), check(right, habits, KINDS)
    assert not supported(check(wrong, habits, KINDS)), wrong


@pytest.mark.parametrize(
    "text",
    [
        "There is a pub, POI 4, that is cheap.",
        "Apart from POI 1, the city is quiet.",
        "Besides, life is good at POI 4.",
        "The pub at POI 4 began to serve food in February.",
        "They keep POI 4 clean.",
        "They regularly: POI 1 (Office) around 9 and POI 2 (Coffee Shop) around 8.",
        "At POI 1 (Office) between 8 and 10 and at POI 2, they often go.",
        "At POI 2 around 8 and at POI 4 around 21, they often go to POI 1.",
        "They often go to POI 1 (Office) This person often goes to POI 2.",
    ],
)
def test_what_check_ins_cannot_tell_does_not_stand(habits, text):
    assert not supported(check(text, habits, KINDS)), check(text, habits, KINDS)


def test_a_word_that_no_place_is_called_by_is_only_a_word(habits):
    names = {place.poi: f"Corner {place.poi}" for place in habits.places}
    assert not supported(check("Corner 4 was unknown to them until January.", habits, KINDS, names))
