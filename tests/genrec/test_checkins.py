import gzip
import random
import string
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from genrec.checkins import Checkins
from genrec.clock import in_order
from genrec.errors import InputError
from genrec.reading.nothing import MARKS
from genrec.reading.reader import read_checkins

HEADER = "user_id,poi_id,time,latitude,longitude,category\n"
ROWS = [
    "u1,p1,2012-04-03 08:00:00,51.05,-114.07,Café\n",
    "u2,p2,2012-04-03 09:00:00,51.06,-114.08,Office\n",
    "u1,p3,2012-04-14 10:30:00,51.07,-114.09,Bar\n",
]
TSMC = (
    "470\t49bbd6c0\t4bf58dd8d48988d127951735\tArts & Crafts\t40.7198\t-74.0025\t-240\tTue Apr 03 18:00:09 +0000 2012\n"
    '979\t4a43c0ae\t4bf58dd8d48988d1df941735\tCaf\xe9 "Noir"\t40.6067\t-74.0444\t-240\tTue Apr 03 18:00:25 +0000 2012\n'
)
GETNEXT = (
    "user_id,POI_id,POI_catid,POI_catid_code,POI_catname,latitude,longitude,timezone,UTC_time,local_time,day_of_week\n"
    "470,p1,c1,3,Bar,40.7,-74.0,-240,2012-04-03 18:00:09+00:00,2012-04-03 14:00:09-04:00,1\n"
    "471,p2,c2,4,Gym,40.8,-74.1,-540,2012-04-03 18:10:09+00:00,2012-04-03 09:10:09-09:00,1\n"
)
LLM4POI = (
    "check_ins_id,UTCTimeOffset,UTCTimeOffsetEpoch,trajectory_id,UserId,Latitude,Longitude,PoiId,PoiCategoryId,"
    "PoiCategoryName\n0,2012-04-03 14:00:09,1333461609.0,1,470,40.7,-74.0,12,3,Bar\n"
)
MASSIVE_STEPS = (
    "trail_id,user_id,venue_id,latitude,longitude,name,address,venue_category,venue_category_id,venue_category_id_code,"
    "venue_city,venue_country,timestamp\n"
    '7,1,9,-6.2,106.8,"Café, ""Nol""\nKilometer",x,Bar,4bf5,3,Jakarta,ID,2017-10-02 14:19:00\n'
)
CLSPREC = (
    ",UserId,VenueId,TimeZone,Latitude,Longitude,Category,Time,Local_Time,time_sort,Local_Time_True\n"
    "8,1,v1,-360,51.1,-114.0,Bar,18:18:36,3/4/2012 18:18,3/4/2012 18:18,3/4/2012 12:18\n"
    "9,1,v2,-360,51.1,-114.0,Bar,01:18:36,14/4/2012 1:18,14/4/2012 1:18,13/4/2012 19:18\n"
)
GOWALLA = (
    "0\t2010-10-19T23:55:27Z\t30.2359091167\t-97.7951395833\t22847\n"
    "0\t2010-10-18T22:17:43Z\t30.2691029532\t-97.7493953705\t420315\n"
)


def save(folder: Path, content: str | bytes, name: str = "in.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def times(checkins: Checkins, column: str = "time") -> list[str]:
    return checkins.frame[column].cast(pl.String).str.slice(0, 19).to_list()


def noted(checkins: Checkins, text: str) -> bool:
    return any(text in note for note in checkins.notes)


def test_a_plain_file_keeps_everything(tmp_path: Path) -> None:
    checkins = read_checkins(save(tmp_path, HEADER + "".join(ROWS)))
    assert checkins.frame["user_id"].to_list() == ["u1", "u2", "u1"]
    assert checkins.frame["poi"].to_list() == [0, 1, 2]
    assert checkins.frame["utc_time"].null_count() == 3
    assert checkins.frame.schema["poi"] == pl.UInt32
    assert checkins.frame.schema["time"] == pl.Datetime("us")
    assert checkins.pois["poi_id"].to_list() == ["p1", "p2", "p3"]
    assert checkins.pois["category"].to_list() == ["Café", "Office", "Bar"]
    assert checkins.pois["category_id"].to_list() == [None] * 3
    assert checkins.pois["first_seen"].to_list()[0] == datetime(2012, 4, 3, 8)


@pytest.mark.parametrize(
    ("name", "content", "local", "utc", "category"),
    [
        ("TSMC2014", TSMC.encode("latin-1"), "2012-04-03 14:00:09", "2012-04-03 18:00:09", "Arts & Crafts"),
        ("GETNext", GETNEXT, "2012-04-03 14:00:09", "2012-04-03 18:00:09", "Bar"),
        ("LLM4POI", LLM4POI, "2012-04-03 14:00:09", None, "Bar"),
        ("Massive-STEPS", MASSIVE_STEPS, "2017-10-02 14:19:00", None, "Bar"),
        ("CLSPRec", CLSPREC, "2012-04-03 12:18:00", "2012-04-03 18:18:00", "Bar"),
        ("Gowalla", GOWALLA, "2010-10-18 22:17:43", "2010-10-18 22:17:43", "unknown"),
    ],
)
def test_known_formats(
    tmp_path: Path, name: str, content: str | bytes, local: str, utc: str | None, category: str
) -> None:
    checkins = read_checkins(save(tmp_path, content))
    assert noted(checkins, name)
    assert times(checkins)[0] == local
    assert times(checkins, "utc_time")[0] == utc
    assert checkins.pois["category"][0] == category


def test_a_quoted_name_may_hold_commas_quotes_and_line_breaks(tmp_path: Path) -> None:
    pois = read_checkins(save(tmp_path, MASSIVE_STEPS)).pois
    assert pois["name"].to_list() == ['Café, "Nol"\nKilometer']
    assert pois["region"].to_list() == ["Jakarta"]


def test_quotes_mean_nothing_in_tsmc(tmp_path: Path) -> None:
    checkins = read_checkins(save(tmp_path, TSMC.encode("latin-1")))
    assert checkins.pois["category"].to_list() == ["Arts & Crafts", 'Café "Noir"']
    assert noted(checkins, "read 1 letters as Latin-1")


def test_tist_takes_positions_from_its_file_of_pois(tmp_path: Path) -> None:
    checkins = save(
        tmp_path, "1\tv2\tTue Apr 03 18:00:06 +0000 2012\t240\n1\tv1\tTue Apr 03 18:00:07 +0000 2012\t240\n"
    )
    pois = save(tmp_path, "v1\t40.7\t-73.9\tBar\tUS\nv2\t40.8\t-73.8\tGym\tUS\nv2\t1\t1\tGym\tUS\n", "pois.txt")
    result = read_checkins(checkins, pois_file=pois)
    assert times(result) == ["2012-04-03 22:00:06", "2012-04-03 22:00:07"]
    assert result.pois.select("poi_id", "latitude", "category", "region").rows() == [
        ("v2", 40.8, "Gym", "US"),
        ("v1", 40.7, "Bar", "US"),
    ]
    assert noted(result, "dropped 1 repeated POIs")
    with pytest.raises(InputError, match="--pois"):
        read_checkins(checkins)
    with pytest.raises(InputError, match=r"row 2, column 'poi_id': 'v1' is not in the file of POIs"):
        read_checkins(checkins, pois_file=save(tmp_path, "v2\t40.8\t-73.8\tGym\tUS\n", "few.txt"))


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_delimiters(tmp_path: Path, delimiter: str) -> None:
    checkins = read_checkins(save(tmp_path, (HEADER + "".join(ROWS)).replace(",", delimiter)))
    assert len(checkins.frame) == 3


def test_other_names_are_guessed_and_the_guesses_noted(tmp_path: Path) -> None:
    checkins = read_checkins(save(tmp_path, "UID,Venue ID,Local-Time,LAT,Lng\nu,p,2012-04-03 08:00,1,2\n"))
    assert noted(checkins, "user_id=UID, poi_id=Venue ID, time=Local-Time, latitude=LAT, longitude=Lng")


def test_a_mapping_beats_a_guess(tmp_path: Path) -> None:
    path = save(tmp_path, "user_id,poi_id,other,time,lat,lon\nu,p,q,2012-04-03 08:00,1,2\n")
    assert read_checkins(path, columns={"poi_id": "other"}).pois["poi_id"].to_list() == ["q"]
    both = read_checkins(path, columns={"category": "other", "category_id": "other"})
    assert both.pois.select("category", "category_id").rows() == [("q", "q")]


class TestRepairs:
    def read(self, folder: Path, content: str | bytes) -> Checkins:
        return read_checkins(save(folder, content))

    def test_byte_order_mark(self, tmp_path: Path) -> None:
        assert noted(self.read(tmp_path, b"\xef\xbb\xbf" + (HEADER + ROWS[0]).encode()), "1 byte-order mark")

    def test_latin_1(self, tmp_path: Path) -> None:
        checkins = self.read(tmp_path, (HEADER + "".join(ROWS)).encode("latin-1"))
        assert checkins.pois["category"][0] == "Café"
        assert noted(checkins, "first in row 2): read 1 letters as Latin-1")

    def test_order(self, tmp_path: Path) -> None:
        checkins = self.read(tmp_path, HEADER + ROWS[2] + ROWS[1] + ROWS[0])
        assert times(checkins) == sorted(times(checkins))
        assert checkins.pois["poi_id"].to_list() == ["p1", "p2", "p3"]
        assert noted(checkins, "2 rows came earlier")

    def test_equal_times_keep_the_order_of_the_file(self, tmp_path: Path) -> None:
        rows = [f"u{i},p,2012-04-{3 - i // 50:02} 08:00:00,1,2,Bar\n" for i in range(100)]
        users = self.read(tmp_path, HEADER + "".join(rows)).frame["user_id"].to_list()
        assert users == [f"u{i}" for i in (*range(50, 100), *range(50))]

    def test_day_first(self, tmp_path: Path) -> None:
        rows = "u,p,3/4/2012 8:00,1,2,Bar\nu,p,14/4/2012 9:00,1,2,Bar\n"
        checkins = self.read(tmp_path, HEADER + rows)
        assert times(checkins) == ["2012-04-03 08:00:00", "2012-04-14 09:00:00"]
        assert noted(checkins, "2 rows: dates are read day first: see '14/4/2012 9:00' in row 3")

    def test_duplicates(self, tmp_path: Path) -> None:
        checkins = self.read(tmp_path, HEADER + ROWS[0] * 3 + ROWS[1] + ROWS[0].replace("Café", "Pub"))
        assert len(checkins.frame) == 3
        assert noted(checkins, "dropped 2 exact duplicates")

    def test_blank_lines_and_windows_line_ends(self, tmp_path: Path) -> None:
        text = "\n" + HEADER + ROWS[0] + "\n" + ROWS[1] + "\n\n"
        checkins = self.read(tmp_path, text.replace("\n", "\r\n"))
        assert checkins.pois["category"].to_list() == ["Café", "Office"]
        assert noted(checkins, "dropped 2 blank lines") or noted(checkins, "dropped 3 blank lines")

    def test_a_poi_that_varies(self, tmp_path: Path) -> None:
        rows = "u,p,2012-04-03 0{}:00,{},2,{}\n"
        values = [(1, 51.0, "Bar"), (2, 51.1, "Pub"), (3, 51.1, "Pub"), (4, 51.1, "")]
        checkins = self.read(tmp_path, HEADER + "".join(rows.format(*v) for v in values))
        assert checkins.pois.select("latitude", "category").rows() == [(51.1, "Pub")]
        assert noted(checkins, "1 POIs have more than one category")
        assert noted(checkins, "1 POIs have more than one position")
        assert noted(checkins, "WARNING: the positions of 1 POIs differ by more than 1 km (up to 11.1 km)")
        assert noted(checkins, "1 check-ins have no category")

    def test_ties_go_to_the_first(self, tmp_path: Path) -> None:
        rows = "u,p,2012-04-03 01:00,1,2,Zoo\nu,p,2012-04-03 02:00,1,2,Bar\n"
        assert self.read(tmp_path, HEADER + rows).pois["category"].to_list() == ["Zoo"]


class TestZones:
    ROW = "u,p,{},51.05,-114.07\n"

    def read(self, folder: Path, times: list[str], header: str = "time", **options: str) -> Checkins:
        text = f"user_id,poi_id,{header},latitude,longitude\n" + "".join(self.ROW.format(t) for t in times)
        return read_checkins(save(folder, text), timezone=options.get("timezone"))

    def test_local_times_with_their_offset(self, tmp_path: Path) -> None:
        checkins = self.read(tmp_path, ["2012-04-03 08:00-06:00", "2012-12-03 08:00-07:00"])
        assert times(checkins) == ["2012-04-03 08:00:00", "2012-12-03 08:00:00"]
        assert times(checkins, "utc_time") == ["2012-04-03 14:00:00", "2012-12-03 15:00:00"]
        assert noted(checkins, "daylight saving")

    @pytest.mark.parametrize("text", ["2012-04-03 18:00:00Z", "1333476000", "Tue Apr 03 18:00:00 +0000 2012"])
    def test_utc_under_the_name_of_time(self, tmp_path: Path, text: str) -> None:
        checkins = self.read(tmp_path, [text], timezone="America/Edmonton")
        assert times(checkins) == ["2012-04-03 12:00:00"]
        assert times(checkins, "utc_time") == ["2012-04-03 18:00:00"]

    def test_utc_alone_is_taken_as_local_loudly(self, tmp_path: Path) -> None:
        checkins = self.read(tmp_path, ["2012-04-03 18:00:00"], "utc_time")
        assert times(checkins) == times(checkins, "utc_time") == ["2012-04-03 18:00:00"]
        assert noted(checkins, "WARNING: the file has UTC times only")

    def test_local_time_and_offset_give_utc(self, tmp_path: Path) -> None:
        checkins = self.read(tmp_path, ["2012-04-03 12:00,-360"], "time,timezone")
        assert times(checkins, "utc_time") == ["2012-04-03 18:00:00"]

    def test_names_of_zones_give_utc(self, tmp_path: Path) -> None:
        checkins = self.read(tmp_path, ["2012-04-03 12:00,America/Edmonton"], "time,timezone")
        assert times(checkins, "utc_time") == ["2012-04-03 18:00:00"]

    def test_a_zone_for_local_times_is_not_silently_ignored(self, tmp_path: Path) -> None:
        assert noted(self.read(tmp_path, ["2012-04-03 12:00"], timezone="Asia/Tokyo"), "--timezone Asia/Tokyo not used")

    def test_utc_may_be_missing_where_local_time_is_not(self, tmp_path: Path) -> None:
        checkins = self.read(tmp_path, ["2012-04-03 12:00,", "2012-04-03 13:00,2012-04-03 19:00"], "time,utc_time")
        assert times(checkins, "utc_time") == [None, "2012-04-03 19:00:00"]
        assert self.read(tmp_path, ["2012-04-03 12:00,"], "time,utc_time").frame["utc_time"].null_count() == 1


def test_gzip(tmp_path: Path) -> None:
    path = save(tmp_path, gzip.compress((HEADER + "".join(ROWS)).encode()), "in.csv.gz")
    assert len(read_checkins(path).frame) == 3


@pytest.mark.slow
def test_the_size_of_blocks_does_not_matter(tmp_path: Path) -> None:
    rng = random.Random(0)
    lines = []
    for i in range(300):
        name = rng.choice(["Café", '"a, b"', '"two\nlines\n\n"', '"say ""hi"""', ""])
        bad = rng.choice(["", "", "", "", "", "", ',"', ',"never', ",extra"])
        lines.append(f"u{i % 7},p{i % 11},2012-04-{i % 28 + 1:02} 08:{i % 60:02},5{i % 3},-114,{name}{bad}\n")
        lines.append("\n" if i % 50 == 0 else "")
    path = save(tmp_path, HEADER + "".join(lines))
    results = []
    for size in (64, 200, 1000, 1 << 25):
        rejects = tmp_path / f"{size}.csv"
        checkins = read_checkins(path, on_bad_rows="skip", rejects=rejects, block_bytes=size)
        notes = [note.replace(str(rejects), "") for note in checkins.notes]
        results.append((checkins.frame.rows(), checkins.pois.rows(), notes, rejects.read_text()))
    assert len(results[0][0]) > 100
    assert all(result == results[0] for result in results)


ids = st.text(string.ascii_letters + string.digits + "éß漢 ,;\"'\n#[]", min_size=1, max_size=6).filter(
    lambda s: s == s.strip() and s and s.lower() not in MARKS
)
rows = st.lists(
    st.tuples(
        ids,
        st.sampled_from(["p1", "p,2", 'p"3', "p 4"]),
        st.datetimes(datetime(1970, 1, 2), datetime(2100, 12, 30)),
        st.none() | st.integers(-840, 840),  # minutes ahead of UTC
    ),
    min_size=1,
    max_size=12,
    unique=True,
)
PLACES = {"p1": (51.5, -114.25), "p,2": (-90.0, 180.0), 'p"3': (0.0, -0.1), "p 4": (1e-7, 12.0)}


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows)
def test_what_is_written_is_read(tmp_path: Path, rows: list[tuple[str, str, datetime, int | None]]) -> None:
    assume(any(time.time() != datetime.min.time() for _, _, time, _ in rows))  # else they are dates
    frame = pl.DataFrame(
        [(*row[:3], None if row[3] is None else row[2] - timedelta(minutes=row[3]), *PLACES[row[1]]) for row in rows],
        schema={"user_id": pl.String, "poi_id": pl.String, "time": pl.Datetime("us"), "utc_time": pl.Datetime("us")}
        | {"latitude": pl.Float64, "longitude": pl.Float64},
        orient="row",
    )
    path = tmp_path / "in.csv"
    frame.write_csv(path, datetime_format="%Y-%m-%d %H:%M:%S%.6f")
    checkins = read_checkins(path)
    back = checkins.frame.join(checkins.pois, on="poi", maintain_order="left").select(frame.columns)
    assert back.equals(in_order(frame))
    assert checkins.pois["poi"].to_list() == list(range(len(checkins.pois)))
