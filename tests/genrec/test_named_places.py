"""Places in sentences: shown by their names, understood by names and by numbers."""

import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrec.profiles.named_places import Named, NameIndex, PlaceNames

NAMES = ["Riverside Factory 1", "Old Town Museum 3", "Museum", None, "Home", "Starbucks", "Starbucks", "POI 4",
         "The Park", "Joe's <b> & (Bar)", "Monday", "Factory 1 and Old Town"]  # fmt: skip
KINDS = ["Factory", "Museum", "Museum", "unknown", "Home (private)", "Coffee Shop", "Coffee Shop", "Bar", "Park", "Bar",
         "Bar", "Office"]  # fmt: skip
INDEX = NameIndex(
    pl.DataFrame({"poi": range(12), "poi_id": [f"id{i}" for i in range(12)], "category": KINDS, "name": NAMES})
)
PLACES = PlaceNames(INDEX, hidden={9}, own={0, 5})


@pytest.mark.parametrize(
    ("kept", "shown"),
    [
        ("Goes to POI 0 (Factory) on weekdays.", "Goes to Riverside Factory 1 on weekdays."),
        ("Goes on from POI 0 to POI 4.", "Goes on from Riverside Factory 1 to Home."),
        ("POI 4 (Home (private)): 7 visits", "Home (Home (private)): 7 visits"),
        ("follows POI 0 (Riverside Factory 1) in 3 of 7 cases", "follows Riverside Factory 1 in 3 of 7 cases"),
        ("POI 5 (Tea House)", "Starbucks (Tea House)"),  # what is not its kind is not hidden
        ("POI 3 (unknown), POI 99, POI 99999999999999999999", "POI 3 (unknown), POI 99, POI 99999999999999999999"),
        ("POI 9 (Bar)", "POI 9 (Bar)"),  # of somebody else
        ("I love POI 5 (Coffee Shop) and POI 6 (Coffee Shop)", "I love Starbucks (Coffee Shop)"),
        ("From POI 5 to POI 6", "From Starbucks to Starbucks"),
    ],
)
def test_sentences_show_names(kept, shown):
    assert PLACES.plain(kept) == shown


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("I love riverside factory 1 and OLD TOWN MUSEUM 3.", "I love POI 0 (Factory) and POI 1 (Museum)."),
        ("I go to Starbucks on Mondays", "I go to POI 5 (Coffee Shop) on Mondays"),  # of two, the one they go to
        ("Starbucks (POI 6), Home (POI 4), POI 4 (POI 7)",
         "POI 6 (Coffee Shop), POI 4 (Home (private)), POI 7 (Bar)"),
        ("Riverside Factory 1 (Factory) and POI 0 (Factory)", "POI 0 (Factory) and POI 0 (Factory)"),
        ("POI 0 and POI 9, on Monday", "POI 0 and POI 9, on Monday"),
        ("Home is nice, I like museums and the park. Museum!", "Home is nice, I like museums and the park. Museum!"),
        ("I like The Park", "I like POI 8 (Park)"),
        ("Joe's <b> & (Bar)", "Joe's <b> & (Bar)"),  # of somebody else
        ("any riverside factory 1, the next old town museum 3", "any riverside factory 1, the next old town museum 3"),
        ("Riverside Factory 12, xRiverside Factory 1", "Riverside Factory 12, xRiverside Factory 1"),
    ],
)  # fmt: skip
def test_names_and_numbers_are_understood(typed, kept):
    assert PLACES.numbered(typed) == kept


def test_a_name_of_a_few_places_means_all_of_them_to_who_goes_to_none():
    places = PlaceNames(INDEX, own={0})
    assert places.numbered("No more Starbucks!") == "No more POI 5 (Coffee Shop) and POI 6 (Coffee Shop)!"
    assert places.to_edit("POI 6 (Coffee Shop)") == "Starbucks (POI 6) (Coffee Shop)"


def test_what_is_too_long_to_be_read_takes_no_time():
    text = "Riverside Factory 1 (" * 50_000
    assert PLACES.numbered(text) == text


def test_the_number_stands_behind_a_name():
    assert [part.about for part in PLACES.parts("POI 0 (Factory), POI 4") if isinstance(part, Named)] == [
        "POI 0, Factory",
        "POI 4, Home (private)",
    ]


def numbers(text):
    return [int(found) for found in re.findall(r"POI (\d+)", text)]


def sentences():
    places = st.integers(0, 13).flatmap(
        lambda poi: st.sampled_from([f"POI {poi}", f"POI {poi} ({KINDS[poi] if poi < 12 else 'Bar'})"])
    )
    return st.lists(places | st.sampled_from(["and", "to", "on Mondays,", "(", "Home", "1"]), max_size=8).map(" ".join)


@settings(deadline=None, max_examples=150)
@given(sentences())
def test_what_is_shown_to_edit_means_the_same_places(text):
    assert numbers(PLACES.numbered(PLACES.to_edit(text))) == numbers(PLACES.numbered(text))


@settings(deadline=None, max_examples=100)
@given(st.text(alphabet=st.sampled_from("POI 0149()Home'é\U0001f600Starbucks ."), max_size=60))
def test_any_text_can_be_shown_and_typed(text):
    PLACES.plain(text)
    assert PLACES.numbered(PLACES.numbered(text)) == PLACES.numbered(text)


def test_an_id_in_words_is_a_name():
    ids = ["Platform 9", "スターバックス", "p4", "4b0587a6f964a520", "12 34"]
    index = NameIndex(pl.DataFrame({"poi": range(5), "poi_id": ids, "category": ["Station"] * 5}))
    assert list(index.names.values()) == ["Platform 9", "スターバックス", "", "", ""]
    assert PlaceNames(index).plain("POI 0 (Station), POI 2 (Station)") == "Platform 9 (Station), POI 2 (Station)"


def test_words_that_names_share_do_not_name_a_place():
    names = [f"{kind} Coffee Shop" for kind in ("Blue", "Red", "Old", "Tiny", "Corner")] + ["Coffee Shop"]
    pois = pl.DataFrame({"poi": range(6), "poi_id": [f"p{i}" for i in range(6)], "category": "unknown", "name": names})
    places = PlaceNames(NameIndex(pois))
    assert places.numbered("I want coffee shops, and show me a red coffee shop") == (
        "I want coffee shops, and show me a red coffee shop"
    )
    assert places.numbered("Coffee shop? I love Red Coffee Shop") == "Coffee shop? I love POI 1"


def test_a_name_in_a_script_without_capitals_names_its_place():
    pois = pl.DataFrame({"poi": [0, 1], "poi_id": ["a", "b"], "category": ["駅", "公園"], "name": ["渋谷駅", "公園"]})
    places = PlaceNames(NameIndex(pois))
    assert places.numbered("I avoid 渋谷駅, not 駅 nor 公園") == "I avoid POI 0 (駅), not 駅 nor 公園"
