"""Google's export of where a person has been: the visits of it.

Months of the Semantic Location History (`timelineObjects` with a `placeVisit`), and the Timeline.json of phones:
`semanticSegments` on Android, a list on an iPhone, both with a `visit`. Journeys and paths are not visits.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from genrec.columns import CATEGORY, LATITUDE, LONGITUDE, NAME, POI_ID, TIME
from genrec.reading.known import VISIT
from genrec.reading.shapes import Shape

# What Google says of a place, in the words of Foursquare; that somebody searched for it is not a kind.
_KINDS = {"HOME": "Home (private)", "WORK": "Office"}
_NO_KINDS = {"", "UNKNOWN", "SEARCHED_ADDRESS", "ALIASED_LOCATION"}
_DEGREES = r"([-+]?\d+(?:[.,]\d+)?)\s*°?"
_POSITION = re.compile(rf"(?a)(?:geo:)?\s*{_DEGREES}\s*,\s*{_DEGREES}(?:\s*[,;?].*)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _fits(value: dict[str, Any]) -> bool:
    guessed = (value.get("visit"), value.get("activity"))
    return any(key in value for key in ("placeVisit", "activitySegment", "timelinePath", "timelineMemory")) or any(
        isinstance(guess, dict) and "topCandidate" in guess for guess in guessed
    )


def _flat(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """The visit of an entry and those within it; none of a journey or a path."""
    if isinstance(visit := entry.get("placeVisit"), dict):
        return [*_of_month(visit)]
    if isinstance(visit := entry.get("visit"), dict):
        return [_of_phone(visit, entry)]
    return []


def _of_month(visit: dict[str, Any]) -> Iterator[dict[str, Any]]:
    place, duration = _object(visit, "location"), _object(visit, "duration")
    position = (
        _from_e7(place.get("latitudeE7", visit.get("centerLatE7"))),
        _from_e7(place.get("longitudeE7", visit.get("centerLngE7"))),
    )
    time = duration.get("startTimestamp") or _from_milliseconds(duration.get("startTimestampMs"))
    yield _record(place.get("placeId"), time, position, place.get("semanticType"), place.get("name"))
    children = visit.get("childVisits")
    for child in children if isinstance(children, list) else ():
        if isinstance(child, dict):
            yield from _of_month(child)


def _of_phone(visit: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    place = _object(visit, "topCandidate")
    written = place.get("placeLocation")
    found = _POSITION.fullmatch(str(written.get("latLng") if isinstance(written, dict) else written).strip())
    position = (found[1], found[2]) if found else (None, None)
    time = _on_local_clock(entry.get("startTime"), entry.get("startTimeTimezoneUtcOffsetMinutes"))
    return _record(
        place.get("placeId") or place.get("placeID"), time, position, place.get("semanticType"), place.get("name")
    )


def _record(poi_id: Any, time: Any, position: tuple[Any, Any], kind: Any, name: Any) -> dict[str, Any]:
    """A flat record; a place without an id is called by its position, to some ten metres."""
    latitude, longitude = position
    return {
        VISIT[POI_ID]: poi_id or _spot(latitude, longitude),
        VISIT[TIME]: time,
        VISIT[LATITUDE]: latitude,
        VISIT[LONGITUDE]: longitude,
        VISIT[CATEGORY]: _kind(kind),
        VISIT[NAME]: name,
    }


def _kind(semantic_type: Any) -> str | None:
    """What "TYPE_HOME", "INFERRED_HOME" or "Inferred Home" is called."""
    if not isinstance(semantic_type, str):
        return None
    bare = re.sub(r"[\W_]+", "_", semantic_type.strip()).upper().removeprefix("TYPE_").removeprefix("INFERRED_")
    return None if bare in _NO_KINDS else _KINDS.get(bare, bare.replace("_", " ").title())


def _spot(latitude: Any, longitude: Any) -> str | None:
    try:
        return f"{float(latitude.replace(',', '.')):.4f},{float(longitude.replace(',', '.')):.4f}"
    except (AttributeError, ValueError):
        return None


def _from_e7(degrees: Any) -> Any:
    """Ten-millionths of a degree as degrees."""
    try:
        return f"{int(degrees) / 1e7:.7f}"
    except (TypeError, ValueError, OverflowError):
        return degrees


def _from_milliseconds(since_epoch: Any) -> Any:
    try:
        return (_EPOCH + timedelta(milliseconds=int(since_epoch))).isoformat(" ")
    except (TypeError, ValueError, OverflowError):
        return since_epoch


def _on_local_clock(time: Any, minutes: Any) -> Any:
    """The time with the offset of where the visit was, which may differ from that of where the phone is now."""
    try:
        moment = datetime.fromisoformat(time)
        offset = timezone(timedelta(minutes=int(minutes)))
        return moment.astimezone(offset).isoformat(" ") if moment.tzinfo else time
    except (TypeError, ValueError, OverflowError):
        return time


def _object(value: dict[str, Any], key: str) -> dict[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}


TIMELINE = Shape("a Google Timeline", "visits", ("timelineObjects", "semanticSegments"), _fits, _flat)
