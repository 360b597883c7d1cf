"""GeoJSON: the properties of each feature are its columns, and its point is where it is.

A collection of features, features one after the other, or one a line.
"""

from typing import Any

from genrec.columns import LATITUDE, LONGITUDE
from genrec.reading.known import POINT
from genrec.reading.shapes import Flaw, Shape

_FEATURE = "Feature"


def _fits(value: dict[str, Any]) -> bool:
    return value.get("type") == _FEATURE and ("geometry" in value or "properties" in value)


def _flat(feature: dict[str, Any]) -> list[dict[str, Any]]:
    """The properties, the id of the feature, and its longitude and latitude; a third number is its height."""
    properties = feature.get("properties")
    record = dict(properties) if isinstance(properties, dict) else {}
    if "id" in feature:
        record.setdefault("id", feature["id"])
    longitude, latitude = _point(feature.get("geometry"))
    return [record | {POINT[LONGITUDE]: longitude, POINT[LATITUDE]: latitude}]


def _point(geometry: Any) -> tuple[Any, Any]:
    if not isinstance(geometry, dict):
        return _neither("the feature has no geometry")
    if geometry.get("type") != "Point":
        return _neither(f"the geometry is a {str(geometry.get('type'))[:40]}, not a Point")
    coordinates = geometry.get("coordinates")
    if not isinstance(coordinates, list) or len(coordinates) < 2:
        return _neither("the Point has no [longitude, latitude]")
    return coordinates[0], coordinates[1]


def _neither(reason: str) -> tuple[Flaw, Flaw]:
    flaw = Flaw(f"{reason}; --on-bad-rows skip leaves it out.")
    return flaw, flaw


GEOJSON = Shape("GeoJSON", "features", ("features",), _fits, _flat, tuple(POINT.values()), "without a single Point")
