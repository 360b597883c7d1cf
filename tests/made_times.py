"""Files of check-ins that differ in how they write their times."""

from pathlib import Path
from typing import Any

from genrec.checkins import Checkins
from genrec.reading.reader import read_checkins

HEADER = "user_id,poi_id,{},latitude,longitude\n"


def read(folder: Path, header: str, rows: list[str], **options: Any) -> Checkins:
    """Rows such as "ann,hnd,2024-05-01T23:30:00+09:00"; the positions are added."""
    path = folder / "in.csv"
    path.write_text(HEADER.format(header) + "".join(f"{row},35.5,139.7\n" for row in rows), encoding="utf-8")
    return read_checkins(path, **options)


def visited(checkins: Checkins) -> list[str]:
    return checkins.pois["poi_id"].gather(checkins.frame["poi"]).to_list()


def noted(checkins: Checkins, *parts: str) -> bool:
    return any(all(part in note for part in parts) for note in checkins.notes)
