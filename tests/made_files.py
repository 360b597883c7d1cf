"""Files of check-ins, and what was read from them."""

from pathlib import Path

from genrec.checkins import Checkins
from genrec.reading.reader import Opened, open_checkins

RECORDS = [
    {"user": {"id": 1}, "place": "p1", "at": "2024-01-02 09:00:00", "geo": {"lat": 40.7, "lng": -73.9}, "kind": "Bar"},
    {"user": {"id": 2}, "place": "p2", "at": "2024-01-02 12:00:00", "geo": {"lat": 40.8, "lng": -73.8}, "kind": None},
]
KEYS = {"user_id": "user.id", "time": "at", "latitude": "geo.lat", "longitude": "geo.lng"}


def save(folder: Path, content: str | bytes, name: str = "in.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    return path


def opened(path: Path, **how: object) -> Opened:
    """A file of check-ins, recognised as without any option but those given."""
    usual = dict.fromkeys(("day_first", "timezone", "pois_file", "rejects")) | {"columns": {}, "on_bad_rows": "fail"}
    return open_checkins(path, **usual | how)  # type: ignore[arg-type]


def kinds(checkins: Checkins) -> list[tuple[str, str]]:
    return checkins.pois.select("poi_id", "category").rows()
