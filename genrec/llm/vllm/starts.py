"""Starts on this machine, a small Parquet file each: of vLLM itself, and of adapters that it loads while it runs."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal
from uuid import uuid4

import polars as pl

from genrec.cache import cache_home
from genrec.errors import InputError
from genrec.files import atomic_path

STAGES: Final = ("process", "weights", "compile", "first token")
# Seconds of the stages, of which an adapter has some only, and of all of them; `lived`: how long it was of use after
# that, null while it runs and of what was killed.
SCHEMA: Final[dict[str, Any]] = {
    "began": pl.Datetime("us", "UTC"),
    "kind": pl.String,
    "name": pl.String,
    **dict.fromkeys(STAGES, pl.Float64),
    "seconds": pl.Float64,
    "lived": pl.Float64,
}


def starts_folder() -> Path:
    """Where starts are kept."""
    return cache_home() / "logs" / "starts"


class Start:
    """One that has ended well: kept at once, and once more when it is known how long it was of use."""

    def __init__(self, kind: Literal["server", "adapter"], name: str, stages: dict[str, float]) -> None:
        now = datetime.now(UTC)
        self._row: dict[str, Any] = dict.fromkeys(SCHEMA)
        self._row |= {"began": now, "kind": kind, "name": name, **stages, "seconds": sum(stages.values())}
        self._path = starts_folder() / f"{now:%Y%m%dT%H%M%S}-{uuid4().hex[:8]}.parquet"
        self._write()

    def ended(self, lived: float) -> None:
        """Note how many seconds it was of use."""
        self._row["lived"] = lived
        self._write()

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(self._path) as temporary:
            pl.DataFrame([self._row], schema=SCHEMA).write_parquet(temporary)


def read_starts(folder: Path) -> pl.DataFrame:
    """All starts of a folder in the order of their times, columns as in SCHEMA.

    Raises InputError if there is none, or for a file of another kind.
    """
    frames = []
    for path in sorted(folder.glob("*.parquet")):
        try:
            frames.append(pl.read_parquet(path, glob=False).select(pl.col(c).cast(t) for c, t in SCHEMA.items()))
        except (pl.exceptions.PolarsError, OSError):
            raise InputError("is not a start of vLLM", file=path, fix="remove it") from None
    if not frames:
        raise InputError("holds no starts.", file=folder, fix="`genrec vllm` keeps them.")
    return pl.concat(frames).sort("began")
