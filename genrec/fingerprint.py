"""Which check-ins something was made from."""

import hashlib

from genrec.checkins import Checkins
from genrec.columns import POI, POI_ID, TIME, USER

ROWS = 1_000_000  # hashed at a time


def fingerprint(checkins: Checkins) -> str:
    """Identify check-ins by user, POI id and time of each row, in their order: 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for rows in checkins.frame.iter_slices(ROWS):
        named = rows.select(USER, TIME, checkins.pois[POI_ID].gather(rows[POI]).alias(POI_ID))
        digest.update(named.write_csv(include_header=False).encode())
    return digest.hexdigest()


def places_fingerprint(checkins: Checkins) -> str:
    """Identify a catalogue by all that it says of its places: 64 hexadecimal digits."""
    return hashlib.sha256(checkins.pois.write_csv().encode()).hexdigest()
