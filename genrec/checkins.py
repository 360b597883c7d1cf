"""Check-ins: what every other part of GenRec starts from."""

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Checkins:
    """Check-ins and the catalogue of their POIs.

    Attributes:
        frame: one row per check-in, in the order of `genrec.clock.moments` (UTC where it is known, else local time);
            equal ones keep the order of the file. `user_id` (String), `poi` (UInt32, index into the catalogue), `time`
            (Datetime us, naive: local wall clock), `utc_time` (Datetime us, naive; null where unknown).
        pois: the catalogue, row i having `poi` == i: `poi` (UInt32), `poi_id`, `category` ("unknown" if none) and
            `category_id` (String; null if none), `latitude` and `longitude` (degrees), `name` and `region` if the data
            have them, `first_seen` (local time of the first check-in).
        source: where they come from.
        notes: what was recognised, guessed and repaired, one line each.
        dates_only: whether the times are dates, midnight each, so that nothing is known of hours.

    """

    frame: pl.DataFrame
    pois: pl.DataFrame
    source: str
    notes: list[str]
    dates_only: bool = False
