"""The checker of sentences, held against sentences labelled by hand: the committed figures are those of this code."""

import json
from pathlib import Path

import pytest

from eval.profiles.checker import LABELS, SENTENCES, figures, labelled_sentences, passes, the_town

RESULT = Path(__file__).parents[2] / "eval/results/checker.json"


@pytest.fixture(scope="module")
def town():
    return the_town()


@pytest.mark.slow
def test_the_committed_figures_are_those_of_this_checker(town):
    rows = figures(labelled_sentences(), town)
    assert rows == json.loads(RESULT.read_text())
    value = {(row["part"], row["measure"]): row["value"] for row in rows}
    assert value["dev", "precision"] >= 0.98
    assert value["test", "precision"] >= 0.95


def test_sentences_of_every_label_are_about_different_people_in_each_part():
    found = labelled_sentences()
    assert {sentence.label for sentence in found} == set(LABELS)
    assert len(found) >= 400
    people = {part: {one.user for one in found if one.part == part} for part in ("dev", "test")}
    assert not people["dev"] & people["test"]
    assert len({(one.user, one.text) for one in found}) == len(found), SENTENCES


@pytest.mark.slow
def test_a_sentence_about_somebody_else_does_not_pass(town):
    """Sentences with a number of visits, told of another person of the city."""
    told = [one for one in labelled_sentences() if one.label == "true" and "visits" in one.text and "POI" in one.text]
    strangers = [one.model_copy(update={"user": "u0001"}) for one in told]
    assert sum(passes(one, town) for one in strangers) <= 0.1 * len(strangers)
