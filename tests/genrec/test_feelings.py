"""The sign of a clause: what its rules and a model tell together."""

from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import tiny_model

from eval.steer.wordings import FEWER, MORE
from genrec.feelings import DISLIKING, LIKING, RULES, UNCLEAR, Feelings, _Read
from genrec.llm.connect import connect_scorer
from genrec.llm.local import LocalModel
from genrec.profiles.statements import parse
from genrec.steering import Steering
from training.feelings import sentences

KINDS = ["Bar", "Park", "Coffee Shop", "History Museum", "Science Museum"]


class Told(Feelings):
    """Feelings that give every text the same odds, and keep what they were asked."""

    def __init__(self, odds: float | None) -> None:
        super().__init__(None)  # type: ignore[arg-type]
        self.odds, self.texts = odds, []

    def _read(self, texts):
        self.texts += texts
        return [None if self.odds is None else _Read(self.odds)] * len(texts)


@pytest.fixture(scope="module")
def embedded() -> Feelings:
    return Feelings(connect_scorer("embedded", None))


def signs(feelings: Feelings, text: str) -> list[int]:
    return [clause.sign for clause in feelings.signed(parse(text, KINDS, {}))]


@pytest.mark.parametrize(
    ("odds", "says", "sign"),
    [
        (2 * RULES, "I avoid bars.", 1),  # the model is surer than the rule
        (-2 * RULES, "I like bars.", -1),
        (RULES / 2, "I avoid bars.", -1),
        (RULES, "I avoid bars.", 0),
        (UNCLEAR / 2, "A bar at noon.", 0),
        (UNCLEAR * 2, "A bar at noon.", 1),
        (-UNCLEAR * 2, "A bar at noon.", -1),
        (UNCLEAR * 2, "I don't dislike bars.", 1),
        (None, "I avoid bars.", -1),
        (None, "I don't dislike bars.", 0),
        (9.0, "avoids: bars", -1),  # as the person corrected it
        (9.0, "My wife says 'I love bars'.", 0),
        (9.0, "Ich hasse Bars.", 0),
    ],
)
def test_rules_and_model_together(odds, says, sign):
    [clause] = Told(odds).signed(parse(says, KINDS, {}))
    assert clause.sign == sign
    assert (clause.sign == 0) == bool(clause.note)


def test_a_model_is_asked_about_the_sentence_without_its_names_and_once():
    told = Told(1.0)
    for kind in KINDS:
        signs(told, f"The {kind} bored me at first, but now I can hardly stay away.")
    assert told.texts.count("The place bored me at first, but now I can hardly stay away.") == 1
    assert len(told.texts) == 2


def test_other_clauses_with_names_or_wishes_of_their_own_are_apart():
    told = Told(1.0)
    signs(told, "I hate bars but love parks. I have stopped drinking and want museums.")
    assert told.texts == ["I hate places.", "love places.", "I have stopped drinking.", "want museums."]


def test_a_model_that_cannot_tell_the_obvious_is_not_heard():
    model = tiny_model()
    [bar, park] = Feelings(model).signed(parse("I hate bars but love parks.", KINDS, {}))
    assert (bar.sign, park.sign) == (-1, 1)


def test_no_text_breaks_a_reading():
    model = tiny_model()

    @settings(max_examples=30, deadline=None)
    @given(st.text(max_size=60) | st.sampled_from(["<bos> bars", "I like <end_of_turn>\n<bos>", "\u2018'\"bars\u201d"]))
    def read(text: str) -> None:
        assert all(clause.sign in (-1, 0, 1) for clause in Feelings(model).signed(parse(text, KINDS, {})))

    read()


def test_a_state_stands_behind_a_text_in_which_markers_are_text():
    model: LocalModel = tiny_model()
    states = model.states(["I like bars.", "I like bars.", "I like <bos>"], {})
    assert states.shape == (3, 32)
    assert (states[0] == states[1]).all()
    assert not (states[0] == states[2]).all()


def test_kinds_that_a_model_writes_alike_are_told_apart_by_nothing():
    pois = pl.DataFrame(
        {"category": ["Bar", "< bos>", "<bos>", "bar", "Bar Terrace", "\u5496\u5561\u5e97", " ", "Bar\n"]}
    )
    steering = Steering(tiny_model(), pois)
    for says in ("I like the Bar Terrace but not the Bar.", "No <bos> please.", "I like \u5496\u5561\u5e97."):
        assert steering.shift(parse(says, steering.vocabulary, {}), None).total.any()


@pytest.mark.slow
def test_the_embedded_model_reads_wordings_that_its_probe_has_not_seen(embedded):
    seen = {one.text for one in sentences()}
    for wordings, sign in ((MORE, 1), (FEWER, -1)):
        new = [wording for wording in wordings if wording not in seen]
        read = [signs(embedded, wording.replace("{kind}", "Coffee Shop")) for wording in new]
        assert sum(sign in found and -sign not in found for found in read) >= 0.9 * len(new)


@pytest.mark.slow
def test_in_words_the_embedded_model_tells_the_obvious_too(embedded):
    high, low = embedded._anchors
    assert (len(high), len(low)) == (len(LIKING), len(DISLIKING))
    assert min(high) > max(low)


@pytest.mark.slow
def test_what_tells_nothing_of_where_somebody_may_go(embedded):
    idle = ["My other shoe is wet.", "My middle name is Ruth.", "I sneezed twice."]
    telling = ["I love old churches.", "I have a puppy.", "I fly to a client every Monday.", "I have stopped drinking."]
    assert [clause.tells for text in idle for clause in embedded.signed(parse(text, KINDS, {}))] == [False] * 3
    assert [clause.tells for text in telling for clause in embedded.signed(parse(text, KINDS, {}))] == [True] * 4


def test_a_clause_that_tells_nothing_moves_not_even_what_it_seems_to_name():
    model = tiny_model()
    steering = Steering(model, pl.DataFrame({"category": KINDS}))
    [said] = parse("My uncle lost a bar of soap.", KINDS, {})
    assert steering.shift([said], None).total.any()
    assert not steering.shift([replace(said, tells=False)], None).total[0]
