"""Google's exports of one person's visits, in each of their forms."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_files import kinds, save

from genrec import prepared
from genrec.checkins import Checkins
from genrec.errors import InputError
from genrec.reading.opening import open_source
from genrec.reading.reader import read_checkins

# Place, what Google says of it, day: at home, at work, somewhere, at home again.
VISITS = [("h", "HOME", 1), ("w", "INFERRED_WORK", 2), ("x", "UNKNOWN", 3), ("h", "HOME", 4)]
PATH = {"startTime": "2024-03-05T09:00:00.000-05:00", "timelinePath": [{"point": "40.1°, -73.9°"}]}
WALK = {"startTime": "2024-03-05T09:00:00.000-05:00", "activity": {"topCandidate": {"type": "WALKING"}}}


def segment(place: dict[str, Any], day: int, **more: object) -> dict[str, Any]:
    start = {"startTime": f"2024-03-0{day}T08:00:00.000-05:00", "endTime": f"2024-03-0{day}T09:00:00.000-05:00"}
    return start | more | {"visit": {"hierarchyLevel": 0, "topCandidate": place | {"probability": 0.7}}}


def android(visits: list[tuple[str, str, int]] = VISITS) -> dict[str, object]:
    where = {"latLng": "40.7000000°, -73.9000000°"}
    segments = [
        segment({"placeId": place, "semanticType": kind, "placeLocation": where}, day) for place, kind, day in visits
    ]
    return {
        "semanticSegments": [PATH, *segments, WALK],
        "rawSignals": [{"position": {"LatLng": "1°, 2°"}}],
        "userLocationProfile": {"frequentPlaces": [{"placeId": "h"}]},
    }


def iphone() -> list[dict[str, Any]]:
    return [
        PATH,
        *(
            segment(
                {"placeID": place, "semanticType": kind.replace("_", " ").title(), "placeLocation": "geo:40.7,-73.9"},
                day,
            )
            for place, kind, day in VISITS
        ),
        WALK,
    ]


def place_visit(place: str, kind: str, day: int, **duration: str) -> dict[str, Any]:
    where = {"latitudeE7": 407000000, "longitudeE7": -739000000, "placeId": place, "address": "Main St 1"}
    known = {"semanticType": f"TYPE_{kind}"} if "INFERRED" not in kind else {}
    return {"location": where | known, "duration": duration or {"startTimestamp": f"2024-03-0{day}T13:00:00.123Z"}}


def month(**duration: str) -> dict[str, object]:
    journey = {"activitySegment": {"startLocation": {"latitudeE7": 1, "longitudeE7": 2}}}
    visits = [{"placeVisit": place_visit(*visit, **duration)} for visit in VISITS]
    return {"timelineObjects": [journey, *visits, journey]}


def read(folder: Path, export: object, **options: Any) -> Checkins:
    return read_checkins(save(folder, json.dumps(export, ensure_ascii=False), "Timeline.json"), **options)


@pytest.mark.parametrize("export", [android(), iphone()], ids=["Android", "iPhone"])
def test_phones(tmp_path: Path, export: object) -> None:
    checkins = read(tmp_path, export)
    assert kinds(checkins) == [("h", "Home (private)"), ("w", "Office"), ("x", "unknown")]
    assert checkins.frame["user_id"].unique().to_list() == ["me"]
    assert [str(time) for time in checkins.frame.row(0)[2:]] == ["2024-03-01 08:00:00", "2024-03-01 13:00:00"]
    assert checkins.pois.select("latitude", "longitude").row(0) == (40.7, -73.9)
    assert checkins.pois["name"].to_list() == [None] * 3
    for said in ("left out 2 entries that are not visits", "the file names no user", "format: a Google Timeline"):
        assert any(said in note for note in checkins.notes)
    prepared.prepare(checkins, tmp_path / "out")


def test_months(tmp_path: Path) -> None:
    checkins = read(tmp_path, month(), timezone="America/New_York")
    assert kinds(checkins) == [("h", "Home (private)"), ("w", "unknown"), ("x", "unknown")]
    assert str(checkins.frame["time"][0]) == "2024-03-01 08:00:00.123000"
    assert any("left out 2 entries" in note for note in checkins.notes)
    assert any("pass --timezone" in note for note in read(tmp_path, month()).notes)


def test_months_in_milliseconds(tmp_path: Path) -> None:
    export = {"timelineObjects": [{"placeVisit": place_visit("h", "HOME", 1, startTimestampMs="1709298000123")}]}
    assert str(read(tmp_path, export).frame["utc_time"][0]) == "2024-03-01 13:00:00.123000"


def test_visits_within_a_visit_are_visits(tmp_path: Path) -> None:
    outer = place_visit("mall", "UNKNOWN", 1) | {"childVisits": [place_visit("shop", "UNKNOWN", 2)]}
    assert kinds(read(tmp_path, {"timelineObjects": [{"placeVisit": outer}]})) == [
        ("mall", "unknown"),
        ("shop", "unknown"),
    ]


def test_a_visit_is_told_by_the_clock_of_its_place(tmp_path: Path) -> None:
    place = {"placeId": "h", "placeLocation": {"latLng": "40,7°, 73,9°"}, "semanticType": "SEARCHED_ADDRESS"}
    segments = [
        segment(place, 1, startTimeTimezoneUtcOffsetMinutes=60),
        segment(place, 2) | {"startTime": "2024-03-02T13:00:00Z", "startTimeTimezoneUtcOffsetMinutes": -300},
    ]
    checkins = read(tmp_path, {"semanticSegments": segments})
    assert [str(time) for time in checkins.frame["time"]] == ["2024-03-01 14:00:00", "2024-03-02 08:00:00"]
    assert checkins.pois.select("latitude", "longitude", "category").row(0) == (40.7, 73.9, "unknown")


def test_a_place_without_an_id_is_called_by_its_position(tmp_path: Path) -> None:
    visit = place_visit("", "UNKNOWN", 1)
    del visit["location"]["placeId"]
    assert kinds(read(tmp_path, {"timelineObjects": [{"placeVisit": visit}]})) == [("40.7000,-73.9000", "unknown")]


def test_entries_one_a_line(tmp_path: Path) -> None:
    lines = "\n\n".join(json.dumps(entry) for entry in iphone()).replace("geo:40.7", "geo:x", 1)
    rejects = tmp_path / "rejects.csv"
    checkins = read_checkins(save(tmp_path, lines, "t.jsonl"), on_bad_rows="skip", rejects=rejects)
    assert len(checkins.frame) == 3
    expected = (3, "visit.latitude", "the latitude is empty.", lines.split("\n\n")[1])
    assert pl.read_csv(rejects).rows() == [expected]


@pytest.mark.parametrize(
    ("export", "reason"),
    [
        ({"semanticSegments": [PATH, WALK]}, "looks like a Google Timeline, but it holds no visits"),
        ({"locations": [{"latitudeE7": 1, "timestamp": "2024-03-01T13:00:00Z"}]}, "holds no visits"),
        ({"semanticSegments": [], "rawSignals": [{"a": 1}]}, "holds no visits"),
        (
            {"semanticSegments": [PATH, segment({"placeId": "h", "placeLocation": {"latLng": "?"}}, 1)]},
            "row 2, column 'visit.latitude': the latitude is empty",
        ),
        (
            {"semanticSegments": [segment({"placeId": "h", "placeLocation": {"latLng": "95.0°, 1°"}}, 1)]},
            "row 1, column 'visit.latitude': '95.0'",
        ),
        (
            {"timelineObjects": [{"placeVisit": place_visit("h", "HOME", 1, startTimestampMs="soon")}]},
            "row 1, column 'visit.startTime': 'soon'",
        ),
    ],
)
def test_what_is_not_read_says_why(tmp_path: Path, export: object, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read(tmp_path, export)


def test_an_entry_is_held_no_longer_than_it_takes(tmp_path: Path) -> None:
    paths = [PATH | {"timelinePath": [{"point": "1°, 2°"}] * 50}] * 200
    export = android() | {"semanticSegments": [*paths, *iphone()[1:-1], *paths]}
    source = open_source(save(tmp_path, json.dumps(export), "Timeline.json"))
    records = next(iter(source.records({"poi_id": "visit.placeId"}, 1 << 20)))  # type: ignore[union-attr]
    assert (len(records.rows), records.others) == (4, 400)
    assert records.rows.tolist() == [201, 202, 203, 204]


def read_or_refused(tmp_path: Path, export: object) -> None:
    """An export of which one entry was damaged."""
    try:
        checkins = read(tmp_path, export, on_bad_rows="skip")
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert len(checkins.frame) in {3, 4}


anything = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["latLng", "placeId"]), inner),
    max_leaves=4,
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=anything,
    key=st.sampled_from(["placeId", "semanticType", "placeLocation", "startTime", "visit", "topCandidate"]),
    minutes=anything,
)
def test_any_entry_is_read_or_refused(tmp_path: Path, value: object, key: str, minutes: object) -> None:
    export = iphone()
    entry = export[1] | {"startTimeTimezoneUtcOffsetMinutes": minutes}
    export[1] = entry
    for part in (entry, entry["visit"], entry["visit"]["topCandidate"]):
        if key in part:
            part[key] = value
    read_or_refused(tmp_path, export)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=anything,
    key=st.sampled_from(["location", "duration", "latitudeE7", "placeId", "startTimestamp", "childVisits"]),
)
def test_any_place_visit_is_read_or_refused(tmp_path: Path, value: object, key: str) -> None:
    export: Any = month()
    visit = export["timelineObjects"][1]["placeVisit"]
    part = next((inner for inner in (visit["location"], visit["duration"]) if key in inner), visit)
    part[key] = value
    read_or_refused(tmp_path, export)
