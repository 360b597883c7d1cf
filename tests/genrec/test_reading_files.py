"""Files of check-ins and places in every shape that people have them in."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genrec import prepared
from genrec.checkins import Checkins
from genrec.errors import InputError
from genrec.reading.reader import read_checkins

HEADER = "user_id,poi_id,time,latitude,longitude,category\n"
ROW = "ann,p1,2024-01-02 09:00:00,40.7,-73.9,Bar\n"
VISITS = "user_id,business_id,time\nann,b1,2018-07-07 22:09:11\nann,b2,2018-07-08 12:00:00\n"
LOCATED = (
    "user_id,business_id,time,latitude,longitude\n"
    "ann,b1,2018-07-07 22:09:11,27.9,-82.4\nann,b2,2018-07-08 12:00:00,27.91,-82.41\n"
)
RECORDS = [
    {"user": {"id": 1}, "place": "p1", "at": "2024-01-02 09:00:00", "geo": {"lat": 40.7, "lng": -73.9}, "kind": "Bar"},
    {"user": {"id": 2}, "place": "p2", "at": "2024-01-02 12:00:00", "geo": {"lat": 40.8, "lng": -73.8}, "kind": None},
]
KEYS = {"user_id": "user.id", "time": "at", "latitude": "geo.lat", "longitude": "geo.lng"}


def save(folder: Path, content: str | bytes, name: str = "in.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    return path


def kinds(checkins: Checkins) -> list[tuple[str, str]]:
    return checkins.pois.select("poi_id", "category").rows()


class TestHeaders:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    @pytest.mark.parametrize("names", [False, True])
    def test_in_quotes(self, tmp_path: Path, delimiter: str, names: bool) -> None:
        rows = [line.split(",") for line in (HEADER + ROW).splitlines()]
        if names:
            rows = [["", *rows[0]], ["1", *rows[1]]]
        text = "".join(delimiter.join(f'"{field}"' for field in row) + "\n" for row in rows)
        assert kinds(read_checkins(save(tmp_path, text))) == [("p1", "Bar")]

    def test_row_names_that_the_header_does_not_count(self, tmp_path: Path) -> None:
        text = '"user_id" "poi_id"'.replace(" ", ",") + ',"time","latitude","longitude"\n'
        text += '"1","ann","p1","2024-01-02 09:00:00",40.7,-73.9\n"2","bob","p1","2024-01-02 09:00:00",40.7,-73.9\n'
        assert read_checkins(save(tmp_path, text)).frame["user_id"].to_list() == ["ann", "bob"]

    @pytest.mark.parametrize("header", ['user_id,"poi_id\n', '"user_id\n', 'a"b,"c,d\n'])
    def test_an_open_quote_is_still_one(self, tmp_path: Path, header: str) -> None:
        with pytest.raises(InputError, match="row 1: the header has an open quote"):
            read_checkins(save(tmp_path, header + ROW))

    def test_with_types(self, tmp_path: Path) -> None:
        text = "user_id:token\titem_id:token\ttimestamp:token\tlat:float\tlon:float\tvenue_category:token_seq\n"
        text += ROW.replace(",", "\t")
        checkins = read_checkins(save(tmp_path, text, "city.inter"), columns={"category": "venue_category"})
        assert kinds(checkins) == [("p1", "Bar")]

    def test_after_many_blank_lines(self, tmp_path: Path) -> None:
        assert len(read_checkins(save(tmp_path, "\n \n" * 3000 + HEADER + ROW)).frame) == 1
        with pytest.raises(InputError, match="row 8001, column 'latitude'"):
            read_checkins(save(tmp_path, "\n" * 7999 + HEADER + ROW.replace("40.7", "x")))

    @pytest.mark.parametrize("count", [1, 2, 3])
    def test_byte_order_marks(self, tmp_path: Path, count: int) -> None:
        assert len(read_checkins(save(tmp_path, "\ufeff" * count + HEADER + ROW)).frame) == 1


class TestFilesOfPois:
    def read(self, folder: Path, pois: str, visits: str = VISITS, **columns: str) -> Checkins:
        return read_checkins(save(folder, visits), pois_file=save(folder, pois, "pois.csv"), columns=columns)

    def test_a_mapping_is_for_the_file_that_has_the_column(self, tmp_path: Path) -> None:
        pois = "id,y,x,sort\nb1,27.9,-82.4,Pizza Place\nb2,27.91,-82.41,Bar\n"
        visits = VISITS.replace("time", "seen")
        mapping = {"time": "seen", "poi_id": "id", "latitude": "y", "longitude": "x", "category": "sort"}
        assert kinds(self.read(tmp_path, pois, visits, **mapping)) == [("b1", "Pizza Place"), ("b2", "Bar")]

    def test_a_prefix_means_the_file_of_pois(self, tmp_path: Path) -> None:
        visits = VISITS.replace("user_id,", "user_id,id,").replace("ann,", "ann,7,")
        pois = "id,latitude,longitude,kind\nb1,27.9,-82.4,Bar\nb2,27.91,-82.41,Bar\n"
        assert len(self.read(tmp_path, pois, visits, **{"pois.poi_id": "id"}).frame) == 2

    def test_kinds_only(self, tmp_path: Path) -> None:
        checkins = self.read(tmp_path, "business_id,category\nb2,Bar\nb9,Gym\n", LOCATED)
        assert kinds(checkins) == [("b1", "unknown"), ("b2", "Bar")]
        assert checkins.pois["latitude"].to_list() == [27.9, 27.91]
        assert "1 check-ins have no category" in checkins.notes

    def test_what_the_pois_lack_comes_from_the_check_ins(self, tmp_path: Path) -> None:
        visits = VISITS.replace("time", "time,kind").replace("11\n", "11,Bar\n").replace("00\n", "00,Gym\n")
        pois = "business_id,latitude,longitude\nb1,27.9,-82.4\nb2,27.91,-82.41\n"
        assert kinds(self.read(tmp_path, pois, visits)) == [("b1", "Bar"), ("b2", "Gym")]

    def test_a_general_name_loses_to_a_plain_one(self, tmp_path: Path) -> None:
        pois = "business_id,type,latitude,longitude,category_name\nb1,Point,27.9,-82.4,Bar\nb2,Point,27,-82,Gym\n"
        assert kinds(self.read(tmp_path, pois)) == [("b1", "Bar"), ("b2", "Gym")]

    @pytest.mark.parametrize(
        ("pois", "where", "listed", "remedy"),
        [
            ("business_id,why,latitude,longitude\n", "pois.csv", "", {"category": "why"}),
            (
                "business_id,poi_category,venue_category,latitude,longitude\n",
                "pois.csv",
                "poi_category, venue_category",
                {"category": "poi_category"},
            ),
            ("business_id,north,longitude,kind\n", "pois.csv", "business_id, north, longitude", {"latitude": "north"}),
            ("place,latitude,longitude,kind,other\n", "", "", {}),
            ("spot number,latitude,longitude,kind\n", "pois.csv", "spot number", {"poi_id": "spot number"}),
            ("business_id,sort,other\n", "pois.csv", "sort, other", {}),
        ],
    )
    def test_what_is_advised_works(
        self, tmp_path: Path, pois: str, where: str, listed: str, remedy: dict[str, str]
    ) -> None:
        width = pois.count(",")
        pois += "b1" + ",27.9" * width + "\nb2" + ",27.8" * width + "\n"
        if listed:
            with pytest.raises(InputError, match=listed) as caught:
                self.read(tmp_path, pois)
            assert str(tmp_path / where) in str(caught.value)
            assert "--columns " in str(caught.value)
        if remedy:
            assert len(self.read(tmp_path, pois, **remedy).frame) == 2

    def test_a_column_of_neither_file(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"columns are: user_id, business_id, time; those of pois.csv: id, sort"):
            self.read(tmp_path, "id,sort\nb1,Bar\n", category="nowhere")
        with pytest.raises(InputError, match="--columns knows no 'colour'"):
            self.read(tmp_path, "id,sort\nb1,Bar\n", colour="sort")


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


class TestParquet:
    def test_typed_columns(self, tmp_path: Path) -> None:
        read_checkins(save(tmp_path, HEADER + ROW + ROW.replace("ann", "bob")))
        frame = pl.read_csv(tmp_path / "in.csv", try_parse_dates=True)
        frame = frame.with_columns(
            pl.col("time").dt.cast_time_unit("ns"),
            pl.col("category").cast(pl.Categorical),
            user_id=pl.Series([1.0, 2.0]),
        )
        frame.write_parquet(tmp_path / "in.parquet")
        checkins = read_checkins(tmp_path / "in.parquet")
        assert checkins.frame["user_id"].to_list() == ["1", "2"]
        assert str(checkins.frame["time"][0]) == "2024-01-02 09:00:00"
        assert kinds(checkins) == [("p1", "Bar")]

    def test_nested_columns(self, tmp_path: Path) -> None:
        pl.DataFrame(RECORDS).write_parquet(tmp_path / "in.parquet")
        assert kinds(read_checkins(tmp_path / "in.parquet", columns=KEYS)) == [("p1", "Bar"), ("p2", "unknown")]

    def test_a_faulty_record_is_named(self, tmp_path: Path) -> None:
        frame = pl.read_csv(save(tmp_path, HEADER + ROW * 3))
        frame = frame.with_columns(latitude=pl.Series([1.0, None, 2.0]), poi_id=pl.Series(["p", "q", "NULL"]))
        frame.write_parquet(tmp_path / "in.parquet")
        with pytest.raises(InputError, match="row 2, column 'latitude': the latitude is empty"):
            read_checkins(tmp_path / "in.parquet")
        assert len(read_checkins(tmp_path / "in.parquet", on_bad_rows="skip", rejects=tmp_path / "r.csv").frame) == 1

    @pytest.mark.parametrize("cut", [8, 100, -4, -1])
    def test_damaged(self, tmp_path: Path, cut: int) -> None:
        pl.read_csv(save(tmp_path, HEADER + ROW * 3)).write_parquet(tmp_path / "in.parquet")
        save(tmp_path, (tmp_path / "in.parquet").read_bytes()[:cut], "in.parquet")
        with pytest.raises(InputError, match="looks like Parquet"):
            read_checkins(tmp_path / "in.parquet")

    def test_a_bomb(self, tmp_path: Path) -> None:
        pl.DataFrame({"user_id": pl.repeat(1, 40_000_000, eager=True)}).write_parquet(tmp_path / "in.parquet")
        with pytest.raises(InputError, match="40,000,000 rows in so few bytes"):
            read_checkins(tmp_path / "in.parquet")


class TestHugeAndSpecialFiles:
    def test_a_gzip_bomb(self, tmp_path: Path) -> None:
        path = save(tmp_path, gzip.compress((HEADER + ROW).encode() + b"\n" * (80 << 20)), "in.csv.gz")
        with pytest.raises(InputError, match="unpacks to more than 200 times its size"):
            read_checkins(path)

    @pytest.mark.parametrize("content", [HEADER + ROW + "\n" * (4 << 20), HEADER + (ROW + "\r\n") * 100_000])
    def test_blank_lines_take_linear_time(self, tmp_path: Path, content: str) -> None:
        save(tmp_path, content)
        code = "import sys; from pathlib import Path; from genrec.reading.reader import read_checkins"
        code += "; print(len(read_checkins(Path(sys.argv[1])).frame))"
        command = [sys.executable, "-c", code, str(tmp_path / "in.csv")]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        assert done.stdout == "1\n"

    @pytest.mark.parametrize("name", ["checkins.parquet", "pois.parquet", "meta.json"])
    def test_special_files_in_a_prepared_folder(self, tmp_path: Path, name: str) -> None:
        prepared.prepare(read_checkins(save(tmp_path, HEADER + ROW)), tmp_path / "out")
        for make in (os.mkfifo, lambda path: path.symlink_to("/dev/zero")):
            (tmp_path / "out" / name).unlink()
            make(tmp_path / "out" / name)
            with pytest.raises(InputError, match=f"{name}: not a regular file"):
                read_checkins(tmp_path / "out")


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


fields = (
    st.sampled_from(["ann", "p1", "2024-01-02 09:00:00", "40.7", "-73.9", "NULL", "", '"', '"x"', "0", "1.0"]) | words
)
lines_of_fields = st.lists(st.lists(fields, min_size=1, max_size=7), max_size=5)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=lines_of_fields,
    header=st.sampled_from([HEADER.strip(), '"' + HEADER.strip().replace(",", '","') + '"']) | words,
    delimiter=st.sampled_from(",;\t|"),
)
def test_any_text_is_read_or_refused(tmp_path: Path, rows: list[list[str]], header: str, delimiter: str) -> None:
    text = "\n".join([header.replace(",", delimiter), *(delimiter.join(row) for row in rows)])
    try:
        checkins = read_checkins(save(tmp_path, text), on_bad_rows="skip")
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert checkins.frame["user_id"].null_count() == checkins.pois["poi_id"].null_count() == 0
