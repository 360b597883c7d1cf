"""Kinds of places may be called anything: a sentence about them is held against their visits all the same."""
# ruff: noqa: RUF001

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import at, make

from genrec.habits import all_habits, habits_of
from genrec.profiles.faithfulness import check, sentences, supported
from genrec.profiles.portrait.plan import plan, portrait_messages
from genrec.profiles.writing_prompt import evidence, fact_sentence, facts
from genrec.words import is_known, key_of

ODD_NAMES = [
    "Doctor's Office", "Doctor’s Office", "Boys' School", "A", "a", "I", "s", "S", "X", "7-Eleven",
    "24", "7", "Pier 39", "Home (private)", "Bar (roof (top))", "Bar :)", "Bar (", ")(", "Café",
    "Café", "Café / Bar", "ラーメン屋", "バー", "Кафе", "Кафе и бар", "مقهى", "مَقْهًى", "हिन्दी भोजनालय",
    "🍣", "☕️", "☕", "👨‍👩‍👧", "bar", "Bar", "Bars", "BAR", "Food Court", "Food Courts",
    "Coffee Shop", "Shop", "Coffee", "Sunday Market", "Sunday", "Sundays", "Night Club", "Night",
    "Morning Star", "Noon", "No Frills", "Never Land", "Never", "Only Fools", "Without", "Home",
    "Work", "Gym", "Student", "POI 5", "POI 2", "Near POI 3", "St. Mary Church", "Wow! Noodles",
    "What? Bar.", "Tea; Coffee", "Often", "Person", "Visit", "Visits", "6 Visits", "Who", "With",
    "On", "To", "From", "The", "Found Objects", "The Bar", "On the Rocks", "City Hall",
    "Tourist Center", "Everyone", "Best Buy", "Chooses Bar", "a\tb", "a  b", "Weekend", "Weekdays",
    "Around", "Bar on Sundays", "9", "Monday and Tuesday", "Place", "Great Outdoors", "Going",
    "Likes",
]  # fmt: skip
PIECES = [word for name in ODD_NAMES for word in name.split()]
names = (
    st.sampled_from(ODD_NAMES)
    | st.lists(st.sampled_from(PIECES), min_size=1, max_size=3).map(" ".join)
    | st.text(min_size=1, max_size=8)
)
# The reader takes blanks off both ends.
SAYINGS = ["Often chooses {}, with {} visits.", "Likes {}.", "Goes to {} on Mondays."]
catalogues = st.lists(names.map(str.strip).filter(is_known), min_size=2, max_size=8)


@st.composite
def cities(draw):
    """Places of any kinds, the last of them visited by "b" alone."""
    kinds = draw(catalogues)
    visit = st.tuples(st.integers(0, len(kinds) - 2), st.integers(0, 24 * 12))
    visits = draw(st.lists(visit, min_size=4, max_size=40))
    return make([("a", poi, at(hour=hour)) for poi, hour in visits] + [("b", len(kinds) - 1, at(1))], kinds)


def verdict(text, habits, vocabulary):
    claims = [check(sentence, habits, vocabulary) for sentence in sentences(text, vocabulary)]
    return all(map(supported, claims)), claims


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(cities())
def test_every_template_sentence_of_any_catalogue_is_supported(city):
    vocabulary = city.pois["category"].to_list()
    for habits in all_habits(city).values():
        for fact in facts(habits):
            right, claims = verdict(fact_sentence(fact), habits, vocabulary)
            assert right, (fact_sentence(fact), claims)


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(
    cities(),
    st.integers(1, 41),
    st.sampled_from(["Often chooses {}, with {} visits.", "Likes {}.", "Goes to {} on Mondays."]),
)
def test_nothing_is_supported_of_a_kind_or_place_never_visited(city, count, template):
    vocabulary = city.pois["category"].to_list()
    habits = habits_of(city, "a")
    seen = {place.poi for place in habits.places}
    visited = {key_of(place.category) for place in habits.places}
    for poi, kind in enumerate(vocabulary):
        if poi not in seen:
            assert not verdict(f"Goes to POI {poi} ({kind}), with {count} visits.", habits, vocabulary)[0]
            assert f"POI {poi}" in vocabulary or not verdict(f"Often goes to POI {poi}.", habits, vocabulary)[0]
        if key_of(kind) not in visited and key_of(kind)[0] != "poi":  # "POI 2" may be meant as the place
            right, claims = verdict(template.format(kind, count), habits, vocabulary)
            assert not right, (template.format(kind, count), claims)


def habits_at(*kinds, others=(), visits=6):
    """Of a person with so many visits to each kind, at noon of Mondays, in a city with other kinds."""
    city = make([("a", i, at(7 * week, 12)) for week in range(visits) for i in range(len(kinds))], [*kinds, *others])
    return habits_of(city, "a"), [*kinds, *others]


@pytest.mark.parametrize(
    ("visited", "other", "right", "wrong"),
    [
        ("Pool Hall", "Doctor's Office", "Often chooses Pool Hall, with 6 visits.", "Likes the Doctor's Office."),
        ("Doctor’s Office", "Bar", "Likes the doctors office, with 6 visits.", "Likes the Bar."),
        ("bar", "Bars", "Often chooses bar, with 6 visits.", "Likes bars, with 7 visits."),
        ("A", "Pub", "Often chooses A, with 6 visits.", "Likes a Pub."),
        ("Pub", "A", "A person who likes a Pub.", "Often chooses A."),
        ("7-Eleven", "24", "Often chooses 7-Eleven, with 6 visits.", "Often chooses 24, with 6 visits."),
        ("Pub", "24", "Likes the Pub around 12, with 6 visits.", "Likes the Pub and 24."),
        ("Sunday Market", "Pub", "Likes the Sunday Market on Mondays.", "Likes the Sunday Market on Sundays."),
        ("Pub", "Sunday", "Likes the Pub on Mondays.", "Likes Sunday."),
        ("Night Club", "Pub", "Likes the Night Club around 12.", "Likes the Night Club at night."),
        ("No Frills", "Pub", "Goes to No Frills, with 6 visits.", "Never goes to No Frills."),
        ("Never", "Pub", "Likes Never, with 6 visits.", "Never likes Never."),
        ("Home", "Pub", "Likes the Home, with 6 visits.", "Works at the Home."),
        ("POI 5", "Pub", "Often chooses POI 5, with 6 visits.", "Goes to POI 5 (Pub)."),
        ("Near POI 7", "Pub", "Often chooses Near POI 7, with 6 visits.", "Goes to POI 7."),
        ("Bar (roof (top))", "Pub", "Goes to POI 0 (Bar (roof (top))) on Mondays.", "Goes to POI 0 (Pub)."),
        ("St. Mary Church", "Mary", "Likes the St. Mary Church. Goes to POI 0.", "Likes Mary."),
        ("Everyone", "Tourist Center", "Likes Everyone, with 6 visits.", "Everyone likes Everyone."),
        ("City Hall", "Pub", "Likes the City Hall, with 6 visits.", "Likes the city, and the City Hall."),
        ("ラーメン屋", "バー", "Often chooses ラーメン屋, with 6 visits.", "Often chooses バー."),
        ("🍣", "☕", "Often chooses 🍣, with 6 visits.", "Often chooses ☕."),
        ("Cafe\u0301", "Bar", "Likes the Café, with 6 visits.", "Likes the Bar."),
    ],
)
def test_names_are_read_as_names(visited, other, right, wrong):
    habits, vocabulary = habits_at(visited, others=[other])
    assert verdict(right, habits, vocabulary)[0], verdict(right, habits, vocabulary)[1]
    assert not verdict(wrong, habits, vocabulary)[0]


def test_twins_are_counted_apart_if_spelled_and_together_if_not():
    habits, vocabulary = habits_at("bar", "Bar", "Pub")
    assert verdict("Often chooses bar, with 6 visits.", habits, vocabulary)[0]
    assert verdict("Likes BARS, with 12 visits.", habits, vocabulary)[0]
    assert not verdict("Often chooses Bar, with 12 visits.", habits, vocabulary)[0]


@pytest.mark.parametrize("nothing", ["unknown", "Unknown", "???"])
def test_nothing_is_claimed_of_a_kind_that_is_not_known(nothing):
    habits, vocabulary = habits_at(nothing, "Pub", others=["Gym"])
    found = facts(habits)
    said = [fact_sentence(fact) for fact in found]
    assert said[:2] == ["Often chooses Pub, with 6 visits.", "Goes to POI 0 on Mondays around 12."] or said[:2] == [
        "Often chooses Pub, with 6 visits.",
        "Goes to POI 1 (Pub) on Mondays around 12.",
    ]
    read = [evidence(habits), *(message["content"] for part in plan(habits) for message in portrait_messages(part))]
    assert not any(nothing in text for text in [*said, *(text.split("Notes:")[-1] for text in read)])
    for text in said:
        right, claims = verdict(text, habits, vocabulary)
        assert right
        assert not any(nothing in claim.note for sentence in claims for claim in sentence)
    assert not verdict(f"Often chooses {nothing}, with 6 visits.", habits, vocabulary)[0]
    assert not verdict(f"Goes to POI 0 ({nothing}).", habits, vocabulary)[0]


def test_evidence_without_any_known_kind_has_no_list_of_kinds():
    assert evidence(habits_at("unknown")[0]).split("\n")[1:] == ["Places:", "- POI 0: 6 visits, on Mondays around 12"]


LONG = [
    "word " * 100_000, "from POI 1 " * 30_000, "POI 1 (" * 30_000, "POI " * 60_000,
    "Monday and " * 30_000, "a" * 100_000,
    "Bar " * 100_000, "9" * 100_000, "with 5 of " * 30_000, "between 5 and " * 20_000, "not " * 60_000, "'" * 100_000,
    "On Mondays, " * 20_000, "the person's most " * 10_000, "(" * 100_000, ". " * 50_000, " " * 100_000 + "POI",
    "POI 0 (Bar) on Mondays, " * 20_000, "POI 0 with 6 visits, " * 20_000, "Bar. Bar " * 20_000,
    "POI " + "9" * 100_000,
]  # fmt: skip


@pytest.mark.slow
def test_long_sentences_do_not_hang():
    """In a process of its own, because a regular expression that backtracks cannot be stopped otherwise."""
    habits, vocabulary = habits_at("Bar", others=["Bar Bar Bar", "St. Bar"])
    code = (
        "import json, sys\n"
        "from genrec.profiles.faithfulness import check, sentences\n"
        "from genrec.habits import Habits\n"
        "habits, vocabulary, texts = json.load(sys.stdin)\n"
        "habits = Habits.model_validate(habits)\n"
        "for text in texts:\n"
        "    sentences(text, vocabulary)\n"
        "    check(text, habits, vocabulary)\n"
    )
    given_to_it = json.dumps([habits.model_dump(mode="json"), vocabulary, LONG])
    subprocess.run([sys.executable, "-c", code], input=given_to_it, text=True, check=True, timeout=120)
