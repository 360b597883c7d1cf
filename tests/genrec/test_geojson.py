"""GeoJSON: properties are columns, points are positions."""

import copy
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_files import kinds, save

from genrec.checkins import Checkins
from genrec.errors import InputError
from genrec.reading.places import read_places
from genrec.reading.reader import read_checkins

FEATURES: list[dict[str, Any]] = [
    {
        "type": "Feature",
        "id": i,
        "properties": {"user": f"u{i}", "venue_id": f"v{i}", "time": f"2024-01-0{i} 09:00:00", "type": kind, "lat": 1},
        "geometry": {"type": "Point", "coordinates": [-73.9 - i, 40.7, 12.5]},
    }
    for i, kind in ((1, "Bar"), (2, "Park"), (3, None))
]
KINDS = [("v1", "Bar"), ("v2", "Park"), ("v3", "unknown")]
CRS = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}


def collection(features: object) -> dict[str, object]:
    return {"type": "FeatureCollection", "name": "x", "crs": CRS, "features": features, "bbox": [1, 2, 3, 4]}


def lines(features: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(feature) + "\n" for feature in features)


def changed(number: int, **changes: object) -> list[dict[str, Any]]:
    features = copy.deepcopy(FEATURES)
    features[number] |= changes
    return features


def read(folder: Path, features: list[dict[str, Any]], **options: Any) -> Checkins:
    return read_checkins(save(folder, json.dumps(collection(features)), "in.geojson"), **options)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(collection(FEATURES)),
        json.dumps(collection(FEATURES), indent=1),
        json.dumps({"type": "FeatureCollection", "metadata": [{"a": 1}], "features": FEATURES}, sort_keys=True),
        lines(FEATURES),
        "".join(f"\x1e{line}\n" for line in lines(FEATURES).splitlines()),
        "\n".join(json.dumps(feature, indent=1) for feature in FEATURES),
        json.dumps(FEATURES),
    ],
    ids=["collection", "pretty", "sorted keys", "lines", "sequence", "one after the other", "list"],
)
def test_forms(tmp_path: Path, text: str) -> None:
    checkins = read_checkins(save(tmp_path, text, "in.json"))
    assert kinds(checkins) == KINDS
    assert checkins.pois.select("longitude", "latitude").rows() == [(-74.9, 40.7), (-75.9, 40.7), (-76.9, 40.7)]
    assert any("format: GeoJSON" in note for note in checkins.notes)


def test_a_single_feature(tmp_path: Path) -> None:
    feature = copy.deepcopy(FEATURES[0])
    feature["properties"]["tags"] = [{"a": 1}]
    assert kinds(read_checkins(save(tmp_path, json.dumps(feature), "in.geojson"))) == KINDS[:1]


def test_the_id_of_a_feature_is_a_column(tmp_path: Path) -> None:
    assert [poi for poi, _ in kinds(read(tmp_path, FEATURES, columns={"poi_id": "id"}))] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("geometry", "reason"),
    [
        (None, "row 2: .*the feature has no geometry"),
        ({"type": "Polygon", "coordinates": [[[1, 2], [3, 4], [1, 2]]]}, "row 2: .*is a Polygon, not a Point"),
        ({"type": "Point", "coordinates": []}, r"row 2: .*no \[longitude, latitude\]"),
        ({"type": "Point", "coordinates": [583960.0, 4507523.0]}, "row 2, column .* look like metres of a map"),
        ({"type": "Point", "coordinates": [40.7, -173.9]}, "row 2, column .*are the two columns swapped"),
        ({"type": "Point", "coordinates": ["a", 1]}, "row 2, column .*'a' is not a number"),
    ],
)
def test_a_feature_that_is_nowhere(tmp_path: Path, geometry: object, reason: str) -> None:
    features = changed(1, geometry=geometry)
    with pytest.raises(InputError, match=reason):
        read(tmp_path, features)
    with pytest.raises(InputError, match=reason):
        read_checkins(save(tmp_path, lines(features), "in.geojsonl"))
    rejects = tmp_path / "rejects.csv"
    rest = read(tmp_path, features, on_bad_rows="skip", rejects=rejects)
    assert kinds(rest) == [KINDS[0], KINDS[2]]
    assert [json.loads(line) for line in pl.read_csv(rejects)["line"]] == [features[1]]


def test_positions_among_the_properties_serve_where_there_is_no_geometry(tmp_path: Path) -> None:
    features = [feature | {"geometry": None} for feature in FEATURES]
    for number, feature in enumerate(features):
        feature["properties"] = feature["properties"] | {"lng": number}
    assert read(tmp_path, features).pois["longitude"].to_list() == [0, 1, 2]
    with pytest.raises(InputError, match="GeoJSON without a single Point, and it has no column for longitude"):
        read(tmp_path, [feature | {"geometry": None} for feature in FEATURES])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (json.dumps(collection([])), "looks like GeoJSON, but it holds no features"),
        (json.dumps(collection(FEATURES))[:-3], "malformed"),
        (json.dumps(collection(FEATURES)).replace(', "bbox"', ' "bbox"'), "malformed"),
        (json.dumps(collection(FEATURES)) + "[1]", "malformed"),
    ],
)
def test_what_is_not_read_says_why(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read_checkins(save(tmp_path, text, "in.geojson"))


def test_places(tmp_path: Path) -> None:
    places = [feature | {"properties": {"name": "New", "category": "Bar"}} for feature in FEATURES]
    found = read_places(save(tmp_path, json.dumps(collection(places)), "places.geojson"))
    assert found.select("poi_id", "longitude", "category").row(0) == ("1", -74.9, "Bar")


def test_places_of_check_ins(tmp_path: Path) -> None:
    visits = save(tmp_path, "user_id,poi_id,time\nu,v1,2024-01-01 09:00:00\nu,v2,2024-01-02 09:00:00\n")
    pois = save(tmp_path, json.dumps(collection(FEATURES)), "pois.geojson")
    assert kinds(read_checkins(visits, pois_file=pois)) == KINDS[:2]


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.recursive(
        st.none() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3), max_leaves=5
    ),
    key=st.sampled_from(["type", "geometry", "properties", "coordinates", "id"]),
    as_lines=st.booleans(),
)
def test_any_feature_is_read_or_refused(tmp_path: Path, value: object, key: str, as_lines: bool) -> None:
    geometry = {"type": "Point", "coordinates": value}
    features = changed(1, **({"geometry": geometry} if key == "coordinates" else {key: value}))
    text = lines(features) if as_lines else json.dumps(collection(features))
    try:
        checkins = read_checkins(save(tmp_path, text, "in.geojson"), on_bad_rows="skip")
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert len(checkins.frame) in {2, 3}
