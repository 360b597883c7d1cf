"""Categories that list several kinds, and names that only look like lists."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_files import opened, save

from genrec import prepared, streaming
from genrec.checkins import Checkins
from genrec.reading.reader import read_checkins
from genrec.reading.several import SEPARATORS, first_kinds

LISTS = ["Bar", "Food", "Cafe", "Bar, Food", "Cafe, Food", "Food, Bar, Cafe"]
NAMES = {
    "commas in names": ["Parks, Gardens & Zoos", "Food & Drink", "Museum", "Arts, Crafts"],
    "the only form": ["Bar, Pub", "Cafe", "Museum"],
    "one part alone": ["Bar, Pub", "Bar", "Museum"],
    "inverted": ["Restaurant, Italian", "Restaurant, Chinese", "Restaurant", "School, High", "School", "Bar"],
    "trades": [
        "Museums, Historical Sites, and Similar Institutions",
        "Beer, Wine, and Liquor Stores",
        "Jewelry, Luggage, and Leather Goods Stores",
        "Museums",
        "Grocery Stores",
    ],
    "Yelp's names": ["Beer, Wine & Spirits", "Books, Mags, Music & Video", "Used, Vintage & Consignment", "Books"],
    "paths": ["Food|Restaurant|Pizza", "Food|Cafe", "Food", "Shops|Shoes"],
}


def read(folder: Path, categories: list[str]) -> Checkins:
    rows = "".join(f'u,p{i},2024-01-01 09:{i:02}:00,1,2,"{kind}"\n' for i, kind in enumerate(categories))
    return read_checkins(save(folder, f"user_id,poi_id,time,lat,lon,category\n{rows}"))


@pytest.mark.parametrize("separator", [", ", ",", "|", " | ", ";", "; "])
def test_the_first_of_a_list_is_taken(tmp_path: Path, separator: str) -> None:
    checkins = read(tmp_path, [kind.replace(", ", separator) for kind in LISTS])
    assert checkins.pois["category"].to_list() == ["Bar", "Food", "Cafe", "Bar", "Cafe", "Food"]
    [note] = [note for note in checkins.notes if "lists of kinds" in note]
    assert note.startswith("3 categories are lists") and f"'Bar{separator}Food'" in note


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_names_stay_whole(tmp_path: Path, names: list[str]) -> None:
    checkins = read(tmp_path, names)
    assert checkins.pois["category"].to_list() == names
    assert not any("lists of kinds" in note for note in checkins.notes)


def test_names_among_lists() -> None:
    found = first_kinds([*LISTS, "Parks, Gardens & Zoos", "Brewery, Food", "Beer, Wine & Spirits, Food"], ",")
    assert "Parks, Gardens & Zoos" not in found
    assert found["Brewery, Food"] == "Brewery"
    assert found["Beer, Wine & Spirits, Food"] == "Beer, Wine & Spirits"


def test_kinds_that_are_never_alone_but_change_places() -> None:
    lists = ["Pizza, Restaurants", "Restaurants, Bars", "Bars, Pizza", "Food, Bars", "Bars, Food", "Zoos, Bars"]
    assert first_kinds(lists, ",") == {kinds: kinds.split(",")[0] for kinds in lists}


def test_a_stream_and_a_file_of_places_say_the_same(tmp_path: Path) -> None:
    checkins = read(tmp_path, LISTS)
    source = opened(tmp_path / "in.csv")
    streaming.prepare(source, tmp_path / "parts")
    streamed = prepared.load(tmp_path / "parts")[1]
    assert streamed["category"].to_list() == checkins.pois["category"].to_list()
    assert source.notes == checkins.notes
    pois = "".join(f'p{i},1,2,"{kind}"\n' for i, kind in enumerate(LISTS))
    visits = "".join(f"u,p{i},2024-01-01 09:{i:02}:00\n" for i in range(len(LISTS)))
    joined = read_checkins(
        save(tmp_path, f"user_id,poi_id,time\n{visits}", "visits.csv"),
        pois_file=save(tmp_path, f"poi_id,lat,lon,category\n{pois}", "pois.csv"),
    )
    assert joined.pois["category"].to_list() == checkins.pois["category"].to_list()


@settings(max_examples=100, deadline=None)
@given(
    lists=st.lists(st.lists(st.sampled_from(["A", "B", "C", "", "d e"]), min_size=1, max_size=4), max_size=8),
    separator=st.sampled_from(SEPARATORS),
)
def test_what_is_taken_is_part_of_the_list(lists: list[list[str]], separator: str) -> None:
    parts = {separator.join(named): named for named in lists}
    found = first_kinds(parts, separator)
    assert all({part.strip() for part in first.split(separator)} <= set(parts[kind]) for kind, first in found.items())
    assert found == first_kinds([*parts][::-1], separator)
