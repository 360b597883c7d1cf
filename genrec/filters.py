"""The filters of published data sets: which users and POIs are kept."""

from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from genrec.checkins import Checkins
from genrec.columns import POI, USER
from genrec.errors import GenRecError

PresetName = Literal["genup", "genup-nyc", "genup-tky", "genup-ca"]

MIN_CHECKINS = 10


@dataclass(frozen=True)
class Preset:
    """How a data set of GenUP's was filtered, and how many test examples the paper has."""

    rounds: int
    test_size: int | None


# The filters are those of STHGCN's code (preprocess/), on whose files LLM4POI and GenUP build: places first, then
# users by what is left of them; twice for Gowalla-CA. Sizes: GenUP, data set statistics.
PRESETS: dict[PresetName, Preset] = {
    "genup": Preset(1, None),
    "genup-nyc": Preset(1, 1429),
    "genup-tky": Preset(1, 6980),
    "genup-ca": Preset(2, 2769),
}


def frequent(checkins: Checkins, rounds: int = 1, least: int = MIN_CHECKINS) -> Checkins:
    """Without POIs of fewer than `least` check-ins, then without users of fewer; `rounds` times.

    The POIs that stay are renumbered in their order. Raises GenRecError if none stays.
    """
    frame = checkins.frame
    for _ in range(rounds):
        frame = frame.filter(pl.len().over(POI) >= least)
        frame = frame.filter(pl.len().over(USER) >= least)
    if frame.is_empty():
        raise GenRecError(f"no user and POI has {least} check-ins, which the preset asks for")
    pois = checkins.pois.filter(pl.col(POI).is_in(frame[POI].unique().to_list()))
    index = pl.int_range(len(pois), dtype=pl.UInt32, eager=True)
    frame = frame.with_columns(pl.col(POI).replace_strict(pois[POI], index, return_dtype=pl.UInt32))
    return replace(checkins, frame=frame, pois=pois.with_columns(index.alias(POI)))
