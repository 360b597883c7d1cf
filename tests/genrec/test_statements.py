"""What people say of themselves: sign, positive wording, targets."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrec.errors import GenRecError
from genrec.profiles.statements import LONGEST, parse

KINDS = [
    "Bar", "Sports Bar", "Pub", "Nightclub", "Park", "Gym", "Mall", "Casino", "Coffee Shop", "History Museum",
    "Science Museum", "Steakhouse", "Fast Food Restaurant", "No Frills Store", "unknown",
]  # fmt: skip
OWN = {12: "Bar", 7: "Park"}
WORDS = ["i", "not", "never", "bars", ",", "but", "and", "except", "hate", "no", "POI", "7", "."]

AVOIDED = [
    ("I don't drink alcohol.", "I drink alcohol", ()),
    ("I do not go to bars", "I go to bars", ("Bar",)),
    ("dont like bars", "I like bars", ("Bar",)),
    ("I don\u2019t like bars.", "I like bars", ("Bar",)),
    ("I never eat meat.", "I eat meat", ()),
    ("I no longer go to the gym.", "I go to the gym", ("Gym",)),
    ("I don't go to casinos anymore", "I go to casinos", ("Casino",)),
    ("I hate malls.", "I like malls", ("Mall",)),
    ("I can't stand malls.", "I like malls", ("Mall",)),
    ("I have stopped drinking.", "I like drinking", ()),
    ("I quit smoking", "I like smoking", ()),
    ("I'm tired of malls.", "I like malls", ("Mall",)),
    ("I am not a morning person.", "I am a morning person", ()),
    ("Not a fan of steakhouses.", "I like steakhouses", ("Steakhouse",)),
    ("Enough malls for now", "I like malls for now", ("Mall",)),
    ("Fewer coffee shops", "I like coffee shops", ("Coffee Shop",)),
    ("I avoid bars, pubs and nightclubs.", "I like bars, pubs and nightclubs", ("Bar", "Pub", "Nightclub")),
    ("Coffee is not for me.", "I like Coffee", ("Coffee Shop",)),
    ("Bars are too loud for me.", "I like Bars", ("Bar",)),
    ("I am allergic to coffee", "I like coffee", ("Coffee Shop",)),
    ("Bars suck.", "I like Bars", ("Bar",)),
    ("avoids: bars, pubs", "I like bars, pubs", ("Bar", "Pub")),
]  # fmt: skip
LIKED = [
    ("I love art and history.", ()),
    ("I cannot live without coffee.", ("Coffee Shop",)),
    ("I cannot start a day without coffee.", ("Coffee Shop",)),
    ("I never miss a hockey game.", ()),
    ("Nothing beats a good pub", ("Pub",)),
    ("I never say no to coffee", ("Coffee Shop",)),
    ("There are not enough parks.", ("Park",)),
    ("I'd rather cook at home", ()),
    ("I only go to parks.", ("Park",)),
    ("We have two small children.", ()),
    ("Museums", ("History Museum", "Science Museum")),
    ("I shop at No Frills Store.", ("No Frills Store",)),
    ("likes: parks", ("Park",)),
]  # fmt: skip
UNCLEAR = [
    "I don't dislike bars.",
    "I no longer avoid bars.",
    "I don't want to stop going to bars",
    "I hate it.",
    "I used to go to the gym a lot",
    "Casinos were my thing until last year",
    "Ich hasse Bars",
    "J'adore les bars",
]
BOTH = [
    ("I have stopped drinking and want museums", [("avoids", ()), ("likes", ("History Museum", "Science Museum"))]),
    ("I do not drink alcohol and avoid bars", [("avoids", ()), ("avoids", ("Bar",))]),
    ("I hate bars but love parks.", [("avoids", ("Bar",)), ("likes", ("Park",))]),
    ("not bars but parks", [("avoids", ("Bar",)), ("likes", ("Park",))]),
    ("neither bars nor casinos", [("avoids", ("Bar",)), ("avoids", ("Casino",))]),
    ("I like all bars except sports bars.", [("likes", ("Bar",)), ("avoids", ("Sports Bar",))]),
    ("I avoid everything except parks.", [("unclear", ()), ("unclear", ("Park",))]),
    ("Fewer coffee shops, more parks.", [("avoids", ("Coffee Shop",)), ("likes", ("Park",))]),
    ("I would rather go to parks than to bars.", [("likes", ("Park",)), ("avoids", ("Bar",))]),
    ("I prefer parks to bars", [("likes", ("Park",)), ("avoids", ("Bar",))]),
    ("No malls please, parks instead.", [("avoids", ("Mall",)), ("likes", ("Park",))]),
    ("I skip malls and go to parks instead", [("avoids", ("Mall",)), ("likes", ("Park",))]),
    ("I want parks instead of malls.", [("likes", ("Park",)), ("avoids", ("Mall",))]),
    ("I do not drink and go to parks", [("avoids", ()), ("unclear", ("Park",))]),
    ("I like bars, not pubs.", [("likes", ("Bar",)), ("avoids", ("Pub",))]),
    ("I like parks and my husband hates them", [("likes", ("Park",)), ("unclear", ())]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wording", "kinds"), AVOIDED)
def test_what_is_avoided_has_a_positive_wording(text: str, wording: str, kinds: tuple[str, ...]) -> None:
    [said] = parse(text, KINDS, OWN)
    assert (said.polarity, said.sign, said.wording, said.kinds) == ("avoids", -1, wording, kinds)


@pytest.mark.parametrize(("text", "kinds"), LIKED)
def test_what_is_liked(text: str, kinds: tuple[str, ...]) -> None:
    [said] = parse(text, KINDS, OWN)
    assert (said.polarity, said.kinds) == ("likes", kinds)


@pytest.mark.parametrize("text", UNCLEAR)
def test_what_cannot_be_told_is_unclear_and_counts_for_nothing(text: str) -> None:
    [said] = parse(text, KINDS, OWN)
    assert said.sign == 0
    assert said.note


@pytest.mark.parametrize(("text", "clauses"), BOTH)
def test_each_clause_has_a_sign_of_its_own(text: str, clauses: list[tuple[str, tuple[str, ...]]]) -> None:
    assert [(said.polarity, said.kinds) for said in parse(text, KINDS, OWN)] == clauses


def test_places_days_and_hours() -> None:
    [said] = parse("On Fridays I go to POI 12 between 18 and 21.", KINDS, OWN)
    assert (said.polarity, said.pois, said.days, said.hours) == ("routine", (12,), (4,), (18, 19, 20))
    [said] = parse("I never go to bars on weekends", KINDS, OWN)
    assert (said.polarity, said.kinds, said.days) == ("avoids", ("Bar",), (5, 6))


def test_too_much_is_refused() -> None:
    with pytest.raises(GenRecError, match="at most 2,000"):
        parse("x" * (LONGEST + 1), KINDS, OWN)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200) | st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_any_text_is_read_and_clauses_are_its_own_words(text: str) -> None:
    for said in parse(text, KINDS, OWN):
        assert said.text in " ".join(text.split())
        assert (said.sign == 0) == bool(said.note)
        assert set(said.kinds) <= set(KINDS)


CITY = ["City", "Office", "Home", "Road", "Restaurant", "Indian Restaurant", "Thai Restaurant", "Bar", "Best", "Bridge"]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("I'm new in this city", ()),
        ("I work at home", ()),
        ("The best thing is the road trip", ()),
        ("my office is far away", ()),
        ("I avoid any office.", ("Office",)),
        ("fewer roads please", ("Road",)),
        ("I want to see a City more often", ("City",)),
        ("I adore this bridge", ("Bridge",)),
    ],
)
def test_ordinary_words_are_kinds_only_where_they_are_meant(text, kinds):
    assert [kind for said in parse(text, CITY, {}) for kind in said.kinds] == list(kinds)


@pytest.mark.parametrize("joint", ["except", "but not the", "apart from"])
def test_ones_are_of_the_kind_that_was_named(joint):
    liked, avoided = parse(f"I like every restaurant {joint} Indian ones.", CITY, {})
    assert (liked.sign, set(liked.kinds)) == (
        1,
        {"Restaurant", "Thai Restaurant", "Indian Restaurant"} - {*avoided.kinds},
    )
    assert (avoided.sign, avoided.kinds) == (-1, ("Indian Restaurant",))


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("my wife says 'I love bars'", 0),
        ('"No more bars", my doctor told me', 0),
        ("My friends say: \u201cI hate bars, and I love pubs.\u201d", 0),
        ("I always say 'no bars'", -1),
        ("I like the 'Bar' and the 'Pub'", 1),
    ],
)
def test_words_of_others_in_quotes_are_unclear(text, sign):
    assert {said.sign for said in parse(text, KINDS, {}) if said.kinds or not sign} >= {sign}


def test_a_question_goes_with_its_answer_and_what_goes_on_about_it_counts_for_nothing():
    [said] = parse("Bars? No, thanks.", KINDS, {})
    assert (said.sign, said.kinds) == (-1, ("Bar",))
    named, more = parse("I love the park, but it takes me an hour.", KINDS, {})
    assert (named.sign, more.sign) == (1, 0)
    assert more.note == 'it goes with "I love the park"'


@pytest.mark.parametrize(
    "word", ["x" * 1900, "not " * 470, "'" * 1900, "\u2018" * 1900, "rather " * 270, "all bars " * 200]
)
def test_long_words_are_read(word):
    assert len(parse(f"I like {word}", KINDS, OWN)) >= 1


def test_kinds_in_any_script_that_begin_with_one_another():
    kinds = ["Bar", "Bar Terrace", "\u5496\u5561\u5e97", "\u041a\u0430\u0444\u0435", "", " "]
    read = parse(
        "I like the Bar Terrace but not the Bar. No \u041a\u0430\u0444\u0435. I love \u5496\u5561\u5e97.", kinds, {}
    )
    assert [(said.sign, said.kinds) for said in read] == [
        (1, ("Bar Terrace",)), (-1, ("Bar",)), (-1, ("\u041a\u0430\u0444\u0435",)), (1, ("\u5496\u5561\u5e97",)),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["museum", "Museums", "a museum, please", "coffee", "some bars"])
def test_a_name_alone_is_a_wish(text):
    [one] = parse(text, ["Museum", "Bar", "Coffee Shop"], {})
    assert (one.polarity, one.sure, one.asked) == ("likes", True, "")


@pytest.mark.parametrize("text", ["bars suck", "coffee bores me", "no museum", "museums, never"])
def test_more_than_a_name_is_read(text):
    said = parse(text, ["Museum", "Bar", "Coffee Shop"], {})
    assert all(one.polarity != "likes" or one.asked for one in said)
