"""What the evidence supports, and what it does not."""

import pytest
from hypothesis import given
from made import KINDS, at, made_checkins, make, quick

from genrec.habits import all_habits, habits_of
from genrec.profiles.faithfulness import check, supported
from genrec.profiles.writing_prompt import fact_sentence, facts

VOCABULARY = [*KINDS, "Hiking Trail", "Train Station"]


@pytest.fixture(scope="module")
def habits():
    """Office (1) on ten weekdays at 9, coffee (2) before it at 8; pub (4) on two Fridays at 21; a park once."""
    visits = []
    for day in (0, 1, 2, 3, 4, 7, 8, 9, 10, 11):
        visits += [("u", 2, at(day, 8)), ("u", 1, at(day, 9))]
    visits += [("u", 4, at(4, 21)), ("u", 4, at(11, 21)), ("u", 6, at(13, 14))]
    return habits_of(make(visits), "u")


@pytest.mark.parametrize(
    "sentence",
    [
        "Goes to POI 1 (Office) on weekdays around 9.",
        "Works at the Office, with 10 visits.",
        "Is at POI 4 (Pub) on Fridays between 20 and 23.",
        "Has a coffee at POI 2 around 8 AM and is at POI 1 between 9 and 10.",
        "Often goes from POI 2 straight to POI 1, 10 times.",
        "On weekday mornings the person is at POI 1.",
        "Enjoys the pub in the evening.",
        "Visited a Park.",
        "Most visits are on weekdays.",
    ],
)
def test_supported(sentence, habits):
    claims = check(sentence, habits, VOCABULARY)
    assert supported(claims), claims


@pytest.mark.parametrize(
    ("sentence", "wrong"),
    [
        ("Goes to POI 5 (Gym).", "POI 5 (Gym)"),  # never visited
        ("Goes to POI 1 (Gym).", "POI 1 (Gym)"),  # an office
        ("Loves a Museum.", "Museum"),  # never visited
        ("Enjoys a Hiking Trail.", "Hiking Trail"),  # in the city, not in the history
        ("Is at POI 4 (Pub) on Mondays.", "Monday"),
        ("Is at POI 4 (Pub) on weekdays around 9.", "around 9"),
        ("Is at POI 2 around 8 and at POI 1 around 8 PM.", "around 20"),
        ("Goes to the Office on weekends.", "weekends"),
        ("Goes to the Pub, with 9 visits.", "9 visits"),
        ("Often goes from POI 1 straight to POI 6.", "from POI 1 straight to POI 6"),
        ("Has a coffee at POI 1 (Office).", "coffee"),
        ("Works at POI 4 (Pub).", "work"),
        ("Takes the train to POI 1 (Office).", "train"),
        ("Lacks an Office.", "Lacks"),
        ("Only ever goes to the Office.", "Only"),
        ("Often goes from POI 2 (Coffee Shop) straight to 18.", "18"),
        ("Goes out in the morning to POI 4.", "morning"),
    ],
)
def test_unsupported_and_why(sentence, wrong, habits):
    claims = check(sentence, habits, VOCABULARY)
    assert not supported(claims)
    assert wrong in [claim.text for claim in claims if not claim.supported]


@pytest.mark.parametrize("sentence", ["Enjoys life and is kind.", "", "A friendly person."])
def test_nothing_checkable_is_not_supported(sentence, habits):
    assert check(sentence, habits, VOCABULARY) == []
    assert not supported([])


@pytest.mark.slow
@quick
@given(made_checkins())
def test_every_template_sentence_is_supported(checkins):
    for habits in all_habits(checkins).values():
        for fact in facts(habits):
            claims = check(fact_sentence(fact), habits, VOCABULARY)
            assert supported(claims), (fact_sentence(fact), claims)
