"""The tables of a run folder, read back: each is what `eval.run` writes, or an error names it."""

from pathlib import Path
from typing import Any

import polars as pl

from eval.protocol import SCHEMA as EXAMPLES_SCHEMA
from eval.run import CHECKINS, CONFIG, EXAMPLES, RANKINGS, SCHEMA, read_config
from genrec.checkins import Checkins
from genrec.errors import InputError
from genrec.prepared import load
from genrec.tables import read_table

FINISH = "Finish the run with `genrec-eval run`."
CERTAIN = 1 + 1e-4  # a probability may round to more than 1


def read_tables(folder: Path) -> tuple[dict[str, Any], Checkins, pl.DataFrame, pl.DataFrame]:
    """The configuration, check-ins, examples and rankings of a finished run.

    Raises InputError if one of them is missing, damaged, or says what cannot be.
    """
    config = read_config(folder)
    examples, rankings = (_table(folder / name, schema) for name, schema in _TABLES.items())
    checkins = Checkins(*load(folder / CHECKINS))
    if config["train_rows"] > len(checkins.frame):
        raise InputError("train_rows: more than there are check-ins.", file=folder / CONFIG, fix=FINISH)
    size = len(checkins.pois)
    for name, problem in ((EXAMPLES, _examples_problem(examples, size)), (RANKINGS, _rankings_problem(rankings, size))):
        if problem:
            raise InputError(f"{problem}.", file=folder / name, fix=FINISH)
    return config, checkins, examples, rankings


_TABLES = {EXAMPLES: EXAMPLES_SCHEMA, RANKINGS: SCHEMA}


def _table(path: Path, schema: dict[str, Any]) -> pl.DataFrame:
    if not path.exists():
        raise InputError("is missing: the run has not finished.", file=path, fix=FINISH)
    return read_table(path, schema, fix=FINISH)


def _examples_problem(examples: pl.DataFrame, pois: int) -> str | None:
    if empty := _empty(examples, examples.columns, {"last"}):
        return empty
    if not len(examples) or examples["example"].is_duplicated().any():
        return "holds no examples, or one of them twice"
    visited = pl.col("prefix").list.explode().struct.field("poi")
    ends = examples.select(pl.col("target").max(), pl.col("last").max())
    prefix = examples.select(visited.max().alias("poi"), visited.null_count().alias("empty"))
    if any(value is not None and value >= pois for value in (*ends.row(0), prefix["poi"][0])):
        return f"names a place that is not among the {pois:,} of the catalogue"
    return None


def _rankings_problem(rankings: pl.DataFrame, pois: int) -> str | None:
    if empty := _empty(rankings, ["method", "example", "pois", "probabilities", "evidence"], set()):
        return empty
    lists, stated = pl.col("pois").list, pl.col("probabilities").list
    whole = (lists.len() == stated.len()) & (lists.n_unique() == lists.len())
    if not rankings.select(whole.all()).item():
        return "ranks a place twice, or without a probability"
    if not rankings.select((lists.max() < pois).all()).item():
        return f"ranks a place that is not among the {pois:,} of the catalogue"
    possible = stated.eval(pl.element().is_between(0, CERTAIN).fill_null(value=False)).list.all()
    return None if rankings.select(possible.all()).item() else "holds a probability that is not between 0 and 1"


def _empty(table: pl.DataFrame, columns: list[str], but: set[str]) -> str | None:
    """The first column with empty values, in words."""
    return next(
        (f"column {name!r} has empty values" for name in columns if name not in but and table[name].null_count()), None
    )
