"""Ways of saying things that rules must get right whatever a model makes of them."""

import re

import pytest

from genrec.feelings import RULES, Feelings, _Read
from genrec.profiles.statements import parse

KINDS = ["Bar", "Park", "Coffee Shop", "History Museum"]


class Told(Feelings):
    """Feelings that give every text the same odds."""

    def __init__(self, odds: float) -> None:
        super().__init__(None)  # type: ignore[arg-type]
        self.odds = odds

    def _read(self, texts):
        return [_Read(self.odds)] * len(texts)


def named(text: str) -> list[tuple[str, str]]:
    return [(clause.kinds[0], clause.polarity) for clause in parse(text, KINDS, {}) if clause.kinds]


@pytest.mark.parametrize(
    "text",
    [
        "Anything but bars.", "I would go anywhere but to a bar.", "Anything except a bar, please.",
        "Everything but bars, please.", "My knees can't manage a bar.", "My wallet cannot take another bar.",
    ],
)  # fmt: skip
def test_what_is_excepted_and_what_oneself_cannot_bear_is_avoided(text):
    assert named(text) == [("Bar", "avoids")]


@pytest.mark.parametrize("name", ["İskele", "KIRAATHANE", "Kıraathane", "İŞKEMBECİ"])  # noqa: RUF001
@pytest.mark.parametrize("lower", [str.lower, lambda name: name.replace("İ", "i").replace("I", "\u0131").lower()])
def test_a_turkish_kind_is_known_in_lower_case(name, lower):
    assert [clause.kinds for clause in parse(f"I love {lower(name)}.", [name], {})] == [(name,)]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Parks over bars any day", [("Park", "likes"), ("Bar", "avoids")]),
        ("I'd take a park over a bar", [("Park", "likes"), ("Bar", "avoids")]),
        ("give me parks over any old bar", [("Park", "likes"), ("Bar", "avoids")]),
        ("less bars more parks", [("Bar", "avoids"), ("Park", "likes")]),
        ("more parks less bars", [("Park", "likes"), ("Bar", "avoids")]),
        ("parks rather than bars", [("Park", "likes"), ("Bar", "avoids")]),
        ("I'm not into bars but parks are fine", [("Bar", "avoids"), ("Park", "likes")]),
        ("I want nothing but parks", [("Park", "likes")]),
        ("My late wife and I hate bars", [("Bar", "avoids")]),
        ("bars no, parks yes", [("Bar", "avoids"), ("Park", "likes")]),
        ("no bars, just parks", [("Bar", "avoids"), ("Park", "likes")]),
        ("no bars no coffee shops", [("Bar", "avoids"), ("Coffee Shop", "avoids")]),
        ("hate bars love parks", [("Bar", "avoids"), ("Park", "likes")]),
        ("no bars please, parks", [("Bar", "avoids"), ("Park", "unclear")]),
        ("love parks, hate the bars", [("Park", "likes"), ("Bar", "avoids")]),
        ("swap bars for parks", [("Bar", "avoids"), ("Park", "likes")]),
        ("instead of bars take me to parks", [("Bar", "avoids"), ("Park", "likes")]),
        ("instead of a bar, a park", [("Bar", "avoids"), ("Park", "likes")]),
        ("switch to bars", [("Bar", "likes")]),
        ("I go to bars less often, more to parks.", [("Bar", "avoids"), ("Park", "likes")]),
    ],
)
def test_what_is_preferred_and_what_it_is_preferred_to(text, read):
    assert named(text) == read


@pytest.mark.parametrize(("text", "sign"), [("parks over bars", 1), ("parks not bars", 1), ("parks, I hate them", -1)])
def test_a_name_alone_beside_another_is_liked_whatever_a_model_makes_of_it(text, sign):
    assert [c.sign for c in Told(-9.0).signed(parse(text, KINDS, {})) if c.kinds == ("Park",)] == [sign]


@pytest.mark.parametrize("text", ["My husband and I want parks.", "We are sick and tired of bars."])
def test_two_who_do_one_thing_make_one_clause(text):
    assert len(parse(text, KINDS, {})) == 1


@pytest.mark.parametrize("text", ["need a bar asap", "Any bar fascinates me.", "Finally, a bar!", "A bar, seriously?"])
def test_short_plain_english_is_understood(text):
    assert [clause.note for clause in parse(text, KINDS, {})] == [""]


@pytest.mark.parametrize("text", ["I used to love bars", "Bars were my thing back then", "I used to go to bars a lot."])
def test_how_it_was_says_nothing_of_now(text):
    assert [clause.sign for clause in Told(9.0).signed(parse(text, KINDS, {}))] == [0]


@pytest.mark.parametrize(
    "text", ["We couldn't afford a bar before, now we enjoy one every week.", "A bar calms me, so I want one nearby."]
)
def test_what_takes_up_a_name_is_read_with_it(text):
    said = parse(text, KINDS, {})
    assert [clause.kinds for clause in said] == [("Bar",), ()]
    assert said[0].asked == text.replace("bar", "place")


def test_how_it_was_and_how_it_is_now_is_asked_about_together():
    said = Told(9.0).signed(parse("I used to hate bars, but now I can't stay away.", KINDS, {}))
    assert [clause.sign for clause in said if clause.kinds] == [1]


@pytest.mark.parametrize("text", ["Why are there no parks?", "Who doesn't enjoy a park?"])
def test_in_a_question_a_model_is_believed(text):
    assert [clause.sign for clause in Told(RULES / 2).signed(parse(text, KINDS, {}))] == [1]


def test_two_turns_speak_for_liking():
    for odds, sign in ((0.0, 1), (-RULES, 0), (-3 * RULES, -1)):
        assert [clause.sign for clause in Told(odds).signed(parse("I don't hate bars.", KINDS, {}))] == [sign]


LIMITED = [
    ("I love parks, but not on Mondays.", {"days": (1, 2, 3, 4, 5, 6)}),
    ("I like coffee shops, though not in the evening", {"hours": (*range(17), 23)}),
    ("Bars are great, but never on weekdays", {"days": (5, 6)}),
    ("I love parks, but I don't go on Sundays.", {"days": (0, 1, 2, 3, 4, 5)}),
    ("I enjoy bars on weekends, just not on Sundays.", {"days": (5,)}),
    ("I love bars, unless it's Sunday", {"days": (0, 1, 2, 3, 4, 5)}),
    ("I love bars but only on Fridays", {"days": (4,)}),
    ("I love bars, but not on Monday evenings", {}),
    ("I like bars except when it rains", {}),
    ("I like parks unless it is cold", {}),
    ("I love bars, although not when they are crowded", {}),
    ("I like bars but not too often", {}),
    ("I like parks, but never with kids", {}),
    ("I love bars, but not the noise", {}),
]


@pytest.mark.parametrize(("text", "limits"), LIMITED)
def test_a_condition_of_a_liking_is_no_part_of_what_is_asked_of_it_and_moves_nothing(text, limits):
    liked, condition = parse(text, KINDS, {})
    assert (liked.sign, liked.days, liked.hours) == (1, limits.get("days", ()), limits.get("hours", ()))
    assert liked.asked.removesuffix(".") == re.sub("(?i)bars|parks|coffee shops", "places", liked.text)
    assert (condition.sign, condition.asked, condition.kinds) == (0, "", ())
    assert liked.text in condition.note


@pytest.mark.parametrize(
    "text",
    [
        "I used to love bars, but not any more.", "Bars are fun, but not for me.", "I like bars, but not tonight.",
        "I loved bars, but not these days", "Bars? Fine, but not if I can help it.", "I like bars but not at all now",
    ],
)  # fmt: skip
def test_what_takes_a_liking_back_is_asked_with_it(text):
    said = parse(text, KINDS, {})
    assert not any("condition" in clause.note or "limits" in clause.note for clause in said)


def test_clauses_around_a_condition_are_read_as_without_it():
    text = "I love parks, but not on Mondays, and I hate bars."
    assert named(text) == [("Park", "likes"), ("Bar", "avoids")]
    assert named("I go to parks, but never to bars") == [("Park", "likes"), ("Bar", "avoids")]
    assert [clause.sign for clause in parse("I love bars. Not on Mondays.", KINDS, {})] == [1, -1]


@pytest.mark.parametrize(
    "text", ["My sister loves bars", "My husband likes parks.", "Our kids enjoy parks", "My boss hates bars."]
)
def test_what_somebody_else_likes_moves_nothing(text):
    [said] = Told(9.0).signed(parse(text, KINDS, {}))
    assert (said.sign, said.note) == (0, "it speaks of somebody else")


@pytest.mark.parametrize(
    "text",
    [
        "My sister and I love bars", "My kids love parks, so find us one.", "My week needs a bar.",
        "My wife loves bars, more please", "My friends adore bars and so do I.",
    ],
)  # fmt: skip
def test_what_oneself_likes_too_moves(text):
    assert any(clause.sign and clause.asked for clause in parse(text, KINDS, {}))


@pytest.mark.parametrize(
    ("text", "wording"),
    [
        ("I don't drink any more", "I like drinking"), ("I no longer smoke.", "I like smoking"),
        ("We don't swim anymore.", "We like swimming"), ("I don't go to bars any more", "I go to bars"),
    ],
)  # fmt: skip
def test_a_habit_that_is_over_is_worded_as_a_liking(text, wording):
    [said] = parse(text, KINDS, {})
    assert (said.sign, said.wording) == (-1, wording)
