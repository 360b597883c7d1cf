"""Check-ins and places as JSON and JSON Lines, in every shape that people have them in."""

import gzip
import json
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_files import KEYS, RECORDS, kinds, save

from genrec import prepared
from genrec.errors import InputError
from genrec.reading.reader import read_checkins


class TestJson:
    FORMS: ClassVar = {
        "lines": "\n".join(json.dumps(record) for record in RECORDS),
        "list": json.dumps(RECORDS),
        "pretty list": json.dumps(RECORDS, indent=2),
        "wrapped": json.dumps({"count": 2, "data": {"items": RECORDS}, "next": None}),
        "one after the other": "\n".join(json.dumps(record, indent=1) for record in RECORDS),
        "blank lines": "\n\n".join(json.dumps(record) for record in RECORDS) + "\n\n",
    }

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("zipped", [False, True])
    def test_forms(self, tmp_path: Path, form: str, zipped: bool) -> None:
        content = self.FORMS[form].encode()
        path = save(tmp_path, gzip.compress(content) if zipped else content, "in.json" + ".gz" * zipped)
        checkins = read_checkins(path, columns=KEYS)
        assert kinds(checkins) == [("p1", "Bar"), ("p2", "unknown")]
        assert checkins.frame["user_id"].to_list() == ["1", "2"]
        assert checkins.pois["longitude"].to_list() == [-73.9, -73.8]
        prepared.prepare(checkins, tmp_path / "out")

    def test_swarm(self, tmp_path: Path) -> None:
        items = [
            {
                "id": f"{i}",
                "createdAt": 1496001790 + i,
                "timeZoneOffset": -240,
                "venue": {
                    "id": "v1",
                    "name": "Uno",
                    "location": {"lat": 40.7, "lng": -73.9},
                    "categories": [{"id": "c", "name": "Bar"}],
                },
            }
            for i in range(2)
        ]
        checkins = read_checkins(save(tmp_path, json.dumps({"checkins": {"count": 2, "items": items}}), "swarm.json"))
        assert kinds(checkins) == [("v1", "Bar")]
        assert str(checkins.frame["time"][0]) == "2017-05-28 16:03:10"
        assert checkins.frame["user_id"].unique().to_list() == ["me"]
        assert any("the file names no user" in note for note in checkins.notes)

    def test_yelp(self, tmp_path: Path) -> None:
        visits = save(
            tmp_path, '{"user_id":"u","business_id":"b","date":"2018-07-07 22:09:11","stars":3}\n' * 2, "r.json"
        )
        pois = save(
            tmp_path, '{"business_id":"b","latitude":1.5,"longitude":2,"categories":"Bars, Food"}\n' * 2, "b.json"
        )
        assert kinds(read_checkins(visits, pois_file=pois, columns={"time": "date"})) == [("b", "Bars, Food")]

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            ('{"user_id":"u1"}', "this looks like JSON, and it has no column for poi_id"),
            (
                '{\n "createdAt": 1,\n "venue": {"id": "v1"}\n}',
                "this looks like JSON, and it has no column for latitude",
            ),
            ('[\n{"a": 1},\n{"a": 1,,}\n]', r"row 3: this looks like JSON, but it is malformed"),
            ('[{"a": 1}] [{"a": 2}]', "row 1: this looks like JSON, but it is malformed"),
            ('[{"a": 1}', "row 1: this looks like JSON, but it is malformed"),
            ("[1, 2]", "holds no objects"),
            ("{}", "holds no objects"),
            ('{"a": ' + '{"a": ' * 50_000, "nested too deeply"),
            ("[" * 100_000, "JSON"),
            ('{"type": "FeatureCollection", "features": []}', "looks like GeoJSON"),
            ('{"semanticSegments": [{"a": 1}]}', "looks like a Google Timeline"),
            ('{"a": [{"x": 1}], "b": [{"x": 1}]}', "several lists: a, b"),
            ("<?xml version='1.0'?><gpx/>", "looks like XML"),
        ],
    )
    def test_what_is_not_read_says_what_it_is(self, tmp_path: Path, content: str, reason: str) -> None:
        with pytest.raises(InputError, match=reason):
            read_checkins(save(tmp_path, content, "in.json"))

    @pytest.mark.parametrize(
        ("place", "reason"),
        [
            ('"\\ud800"', "half of a surrogate pair"),
            ('{"a": 1}', "instead of a single value"),
            ('"p"}}', "malformed"),
            ("null", "the id is empty"),
            ('"NULL"', "the id is empty"),
        ],
    )
    @pytest.mark.parametrize("lines", [True, False])
    def test_a_faulty_record_is_named(self, tmp_path: Path, place: str, reason: str, lines: bool) -> None:
        good = '{"user_id": 1, "poi_id": "p", "time": "2024-01-02 09:00:00", "latitude": 1, "longitude": 2}'
        text = "\n".join([good, good.replace('"p"', place), good.replace("1,", "2,")])
        path = save(tmp_path, text if lines else "[" + text.replace("\n", ",") + "]", "in.json")
        with pytest.raises(InputError, match=reason) as caught:
            read_checkins(path)
        assert caught.value.row == (2 if lines or "malformed" not in reason else 1)
        if lines or "malformed" not in reason:
            rejects = tmp_path / "rejects.csv"
            assert len(read_checkins(path, on_bad_rows="skip", rejects=rejects).frame) == 2
            assert pl.read_csv(rejects)["line"].to_list() == [good.replace('"p"', place)]

    def test_numbers_stay_as_they_are_written(self, tmp_path: Path) -> None:
        long = "1" * 6000
        good = '{"user_id": %s, "poi_id": 007.50, "time": "2024-01-02 09:00:00", "latitude": 1.50, "longitude": 2}'
        with pytest.raises(InputError, match="malformed"):
            read_checkins(save(tmp_path, good % long, "in.json"))
        checkins = read_checkins(save(tmp_path, good.replace("007.50", "7.50") % long, "in.json"))
        assert checkins.frame["user_id"].to_list() == [long]
        assert checkins.pois["poi_id"].to_list() == ["7.50"]


words = st.text(st.characters(codec="utf-8"), max_size=5)
scalars = st.none() | st.booleans() | st.floats() | st.integers() | words
trees: Any = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3)
)
records = st.fixed_dictionaries(
    {},
    optional={
        "user_id": trees, "poi_id": trees, "time": st.just("2024-01-02 09:00:00") | trees,
        "latitude": st.floats(-90, 90) | trees, "longitude": st.floats(-180, 180) | trees, "category": trees,
    },
)  # fmt: skip


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.lists(records | trees, min_size=1, max_size=4), lines=st.booleans(), cut=st.integers(0, 40))
def test_any_json_is_read_or_refused(tmp_path: Path, content: list[object], lines: bool, cut: int) -> None:
    text = "\n".join(map(json.dumps, content)) if lines else json.dumps(content)
    path = save(tmp_path, text[: len(text) - cut if cut > 30 else None], "in.json")
    try:
        checkins = read_checkins(path, on_bad_rows="skip")
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert len(checkins.frame) <= len(content)
