"""Which check-ins something was made from."""

import hashlib
from collections.abc import Iterable

import polars as pl

from genrec.checkins import Checkins
from genrec.columns import POI, POI_ID, TIME, USER

ROWS = 1_000_000  # hashed at a time


def fingerprint(checkins: Checkins) -> str:
    """Identify check-ins by user, POI id and time of each row, in their order: 64 hexadecimal digits."""
    return fingerprint_of([checkins.frame], checkins.pois)


def fingerprint_of(frames: Iterable[pl.DataFrame], pois: pl.DataFrame) -> str:
    """As `fingerprint`, of check-ins that come in several frames, which together are in order."""
    digest = hashlib.sha256()
    for frame in frames:
        for rows in frame.iter_slices(ROWS):
            named = rows.select(USER, TIME, pois[POI_ID].gather(rows[POI]).alias(POI_ID))
            digest.update(named.write_csv(include_header=False).encode())
    return digest.hexdigest()


def places_fingerprint(pois: pl.DataFrame) -> str:
    """Identify a catalogue by all that it says of its places: 64 hexadecimal digits."""
    return hashlib.sha256(pois.write_csv().encode()).hexdigest()
