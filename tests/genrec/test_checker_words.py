"""Each word of a sentence must be accounted for, and each degree, number and rank is held against counts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import KINDS, at, make
from made_city import pub_goer

from genrec.habits import habits_of
from genrec.profiles.checking.lexicon import meanings, words_in
from genrec.profiles.checking.moments import moments
from genrec.profiles.faithfulness import LONGEST, check, sentences, supported

VOCABULARY = [*KINDS, "Hiking Trail"]
NAMES = {4: "Old Town Pub 1", 1: "Harbour Office 3"}


@pytest.fixture(scope="module")
def habits():
    return pub_goer()


def stands(text, habits):
    return all(supported(check(one, habits, VOCABULARY, NAMES)) for one in sentences(text, VOCABULARY))


PAIRS = """
Always goes to the Pub around 21. | Always goes to the Pub around 9.
Never goes to the Gym. | Never goes to the Pub.
Never goes to the Office on weekends. | Never goes to the Office on weekdays.
Only goes to the Office on weekdays. | Only goes to the Pub on weekdays.
Rarely goes to a Park. | Rarely goes to the Pub.
Usually goes to the Pub in the evening. | Usually goes to the Pub in the morning.
The most visited place is POI 4. | The most visited place is POI 1.
Their favourite place is POI 4 (Pub). | Their favourite place is POI 2 (Coffee Shop).
The Pub is the most frequent kind of place. | The Office is the most frequent kind of place.
POI 4 is visited more often than POI 1. | POI 1 is visited more often than POI 4.
POI 4 is visited three times as often as POI 1. | POI 4 is visited twice as often as POI 1.
POI 1 and POI 2 are equally frequent. | POI 1 and POI 4 are equally frequent.
More visits to POI 4 than to any other place. | More visits to POI 1 than to any other place.
More than half of their visits are to POI 4. | Most of their visits are to POI 1.
About a fifth of the visits are to POI 1. | Half of the visits are to POI 1.
All visits to POI 1 are on weekdays. | All visits to POI 4 are on weekdays.
Ten of 54 visits were to the Office. | Twelve of 54 visits were to the Office.
54 check-ins at four places. | 54 check-ins at five places.
About 19% of the visits are to POI 1. | About 40% of the visits are to POI 1.
Has been to a Park once. | Has been to a Park twice.
More than 30 visits to POI 4. | More than 40 visits to POI 4.
Visits to POI 4, 33 in all, are in the evening. | Visits to POI 4, 33 in all, are in the morning.
Old Town Pub 1 has been visited 33 times. | Harbour Office 3 has been visited 33 times.
At 4 in the evening. | At 2 in the evening.
First seen on 1 January 2024. | First seen on 5 January 2024.
The last visit to POI 1 was in January. | The last visit to POI 1 was in February.
The only pub is POI 4. | The only pub is POI 1.
POI 4, a pub, is visited around 21. | POI 4, an office, is visited around 21.
The office at POI 1 is visited on weekdays. | The pub at POI 1 is visited on weekdays.
Goes to POI 1 on weekdays and to POI 4 around 21. | Goes to POI 1 on weekdays and to POI 4 around 9.
Goes from POI 2 to POI 1 ten times. | Goes from POI 1 to POI 2 ten times.
POI 1, 10 visits; POI 4, 33 visits. | POI 1, 33 visits; POI 4, 10 visits.
POI 4 leads with 33 visits. | POI 1 leads with 10 visits.
Drinks at POI 4 around 21. | Studies at POI 4 around 21.
u is often at POI 4. | v is often at POI 4.
Sometimes goes to new places. | Often tries new places.
"""


@pytest.mark.parametrize("pair", [line for line in PAIRS.split("\n") if line])
def test_what_is_claimed_is_held_against_counts(pair, habits):
    right, wrong = pair.split(" | ")
    assert stands(right, habits), check(right, habits, VOCABULARY, NAMES)
    assert not stands(wrong, habits), check(wrong, habits, VOCABULARY, NAMES)


@pytest.mark.parametrize(
    "sentence",
    [
        "Likes the beer at the Pub.", "Goes to the Pub with friends.", "Goes to the Pub to relax.",
        "Goes to the Pub because it is cheap.", "Will go to the Pub.", "Should go to the Pub.",
        "Spends 12 dollars at the Pub.", "Enjoys the quiet of the Pub.", "Is happy at the Pub.",
        "Goes to the Pub and", "Often goes to the", "Goes to the Pub around.", "Why go to the Pub?",
        "Pub Pub POI 4 33.", "The the Pub at of 33 visits.", "Geht oft zu POI 4.", "Feels at home at POI 4.",
        "Goes to the Pub every day.", "Goes to the Pub most.ly", "POI 4 serves beer.", "Visit POI 4 around 21.",
    ],
)  # fmt: skip
def test_a_word_that_nothing_accounts_for_makes_a_sentence_fail(sentence, habits):
    assert not stands(sentence, habits)


def test_the_note_names_the_word(habits):
    notes = [claim.note for claim in check("Likes the beer at the Pub.", habits, VOCABULARY) if not claim.supported]
    assert any('"beer"' in note for note in notes)


def test_a_name_is_a_place_only_where_names_are_given(habits):
    assert not supported(check("Old Town Pub 1 has been visited 33 times.", habits, VOCABULARY))


def test_what_is_too_long_is_no_sentence(habits):
    [claim] = check("Likes the Pub. " * LONGEST, habits, VOCABULARY)
    assert not claim.supported


MADE = habits_of(make([("u", poi, at(day, 9)) for day in range(4) for poi in (1, 4)]), "u")
PIECES = """
    they the a at to POI 4 1 2 Pub Office often never most visited than more as two of visits on Monday weekdays
    around 21 in evening and , ; : ( ) . since January first last new from then both each half all only is has not
    usually place places kinds favourite twice other 10 33 % who where there
"""
WORDS = st.sampled_from(PIECES.split())


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.lists(WORDS, max_size=14).map(" ".join))
def test_no_row_of_words_breaks_the_checker(text):
    for claim in check(text, MADE, VOCABULARY, NAMES):
        assert claim.text
        assert claim.note


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_no_text_breaks_the_words_or_the_times(text):
    check(f"Goes to POI 1 {text}", MADE, VOCABULARY, NAMES)
    words = words_in(text, 0, len(text))
    assert all(text[word.start : word.end].startswith(word.text) or word.text == "not" for word in words)
    assert all(meanings(words, i)[1] <= len(words) - i for i in range(len(words)))
    assert all(0 <= moment.start < moment.end <= len(text) for moment in moments(text, at(0).date()))
