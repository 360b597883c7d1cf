"""Guesses about people: closed fields, scored by a model over their options."""

from math import exp, fsum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import tiny_model

from genrec.profiles.fields import TOGETHER, FieldGuesser
from genrec.profiles.profile import CLOSED_FIELDS

NOTES = [f"{3 * i} visits to {i} places.\nPlaces:\n- POI {i} (Pub): {i} visits, on Mondays" for i in range(TOGETHER + 2)]
PEOPLE = [f"u{i}" for i in range(len(NOTES))]


@pytest.fixture(scope="module")
def guesser():
    return FieldGuesser(tiny_model())


@pytest.fixture(scope="module")
def alone(guesser):
    """Each person's guesses, asked about by themselves."""
    return [guesser.guess([note], [person])[0] for note, person in zip(NOTES, PEOPLE, strict=True)]


@settings(max_examples=5, deadline=None)
@given(order=st.permutations(range(len(NOTES))))
def test_whom_a_person_is_asked_about_with_changes_nothing(guesser, alone, order):
    together = guesser.guess([NOTES[i] for i in order], [PEOPLE[i] for i in order])
    assert together == [alone[i] for i in order]


def test_nobody_is_guessed_about(guesser):
    assert guesser.guess([], []) == []


def test_scores_are_those_given_that_the_answer_is_an_option(guesser):
    for scores in guesser._scores(NOTES, PEOPLE):
        assert list(scores) == list(CLOSED_FIELDS)
        for name, options in CLOSED_FIELDS.items():
            assert len(scores[name]) == len(options)
            assert fsum(map(exp, scores[name])) == pytest.approx(1, abs=1e-5)


def test_each_person_is_asked_about_by_their_name():
    """Servers share people, so each question says whom it is about."""
    scorer, seen = tiny_model(), []
    read = scorer.read
    scorer.read = lambda prompts, tries, over, people: seen.extend(people) or read(prompts, tries, over, people)
    FieldGuesser(scorer).guess(NOTES[:2], PEOPLE[:2])
    assert seen[: 2 * len(CLOSED_FIELDS)] == ["u0"] * len(CLOSED_FIELDS) + ["u1"] * len(CLOSED_FIELDS)
