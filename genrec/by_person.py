"""The check-ins of some persons, looked up without going over everybody's."""

from collections.abc import Collection

import polars as pl

from genrec.columns import USER


class ByPerson:
    """Knows where each person's check-ins are in a frame, which is gone over once."""

    def __init__(self, frame: pl.DataFrame) -> None:
        groups = frame.with_row_index("row").group_by(USER).agg("row")
        lengths = groups["row"].list.len()
        starts = lengths.cum_sum() - lengths
        self._frame, self._rows = frame, groups["row"].explode(empty_as_null=False)
        self._spans = dict(zip(groups[USER], zip(starts, lengths, strict=True), strict=True))

    def of(self, users: Collection[str]) -> pl.DataFrame:
        """Their check-ins: each person's side by side and in the order of the frame. None of a stranger."""
        rows = [self._rows.slice(*self._spans[user]) for user in users if user in self._spans]
        return self._frame[pl.concat(rows)] if rows else self._frame.clear()
