"""The check-ins of a folder in parts in the order of all, which is that of one frame."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from genrec.clock import MOMENT
from genrec.parted import IN_ORDER, Parted
from genrec.streaming.spill import Spill


def ordered(parted: Parted, home: Path) -> Iterator[pl.DataFrame]:
    """All check-ins in frames as large as a part; `home`: where there is room for a copy of them.

    They are put into spans of time, each of which is then brought into order. How many there are at each time is
    taken from the first part, whose people are anybody.
    """
    spans = len(parted.meta.parts)
    sample = np.sort(parted.part(0)[MOMENT].to_numpy())
    bounds = sample[np.arange(1, spans) * len(sample) // spans]
    home.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=home) as folder:
        spill = Spill(Path(folder) / "spans", spans)
        for rows in parted.parts():
            spill.put(rows, np.searchsorted(bounds, rows[MOMENT].to_numpy(), side="right"))
        for span in range(spans):
            found = spill.get(span)
            if found is not None:
                yield found.sort(IN_ORDER)
                spill.drop(span)
