"""Files of check-ins and places in every shape that people have them in."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_files import KEYS, RECORDS, kinds, save

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
