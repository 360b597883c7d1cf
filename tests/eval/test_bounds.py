"""Damaged or foreign run folders, truth files and weights: one line for report, audit and run, and nothing else."""

import json
import os
import shutil

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import KINDS
from made_city import csv_of, failed, town
from made_runs import town_run
from mutations import mutated

from eval.audit import audit
from eval.experiments.cross_city import weights_of
from eval.methods.rankers import RankerMethod
from eval.profiles.recovery import read_truth
from eval.protocol import SCHEMA as EXAMPLES
from eval.protocol import cases
from eval.report.write import write_report
from eval.run import run as run_all
from genrec.errors import GenRecError
from genrec.habits import city_habits, habits_of
from genrec.profiles.profile import CLOSED_FIELDS
from genrec.rankers.habit_weights import FittedWeights, fitted_weights
from genrec.rankers.habits import rank_habits
from genrec.rankers.simple import CountingRanker

fuzz = settings(max_examples=100, deadline=None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "whole"
    town_run(out, refresh_days=5)
    return out


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "run")


@pytest.fixture(autouse=True)
def _quickly(little_work):
    pass


def read_by_all(folder, tmp_path, genrec_eval):
    """What report and audit say of a folder."""
    return [genrec_eval("report", folder), genrec_eval("audit", folder)]


def column(**columns):
    return lambda table: table.with_columns(**columns)


TABLES = {
    "another schema": ("rankings.parquet", lambda t: t.drop("failure"), "column 'failure': the column is missing"),
    "other types": ("rankings.parquet", column(example=pl.col("example").cast(pl.Int64)), "holds Int64, not UInt32"),
    "no method": ("rankings.parquet", column(method=pl.lit(None, pl.String)), "'method' has empty values"),
    "a place out of range": ("rankings.parquet", column(pois=pl.col("pois").list.eval(pl.element() + 90)), "among the"),
    "a place twice": ("rankings.parquet", column(pois=pl.col("pois").list.eval(pl.element() * 0)), "a place twice"),
    "less probabilities": ("rankings.parquet", column(probabilities=pl.col("probabilities").list.head(1)), "without a"),
    "a negative one": (
        "rankings.parquet",
        column(probabilities=pl.col("probabilities").list.eval(-pl.element())),
        "not between 0 and 1",
    ),
    "no numbers": (
        "rankings.parquet",
        column(probabilities=pl.col("probabilities").list.eval(pl.element() * float("nan"))),
        "not between 0 and 1",
    ),
    "a target out of range": ("examples.parquet", column(target=pl.lit(99, pl.UInt32)), "not among the 8"),
    "a prefix out of range": (
        "examples.parquet",
        column(prefix=pl.lit([{"time": None, "poi": 99}], EXAMPLES["prefix"])),
        "not among the 8",
    ),
    "no time": ("examples.parquet", column(time=pl.lit(None, pl.Datetime("us"))), "'time' has empty values"),
    "an example twice": ("examples.parquet", lambda t: pl.concat([t, t]), "one of them twice"),
    "no examples": ("examples.parquet", lambda t: t.clear(), "holds no examples"),
}  # fmt: skip


@pytest.mark.parametrize("kind", TABLES)
def test_impossible_tables_are_named(kind, folder, tmp_path, genrec_eval):
    name, edit, problem = TABLES[kind]
    edit(pl.read_parquet(folder / name)).write_parquet(folder / name)
    for result in read_by_all(folder, tmp_path, genrec_eval):
        failed(result, name, problem, "Finish the run")


@pytest.mark.parametrize("name", ["rankings.parquet", "examples.parquet", "config.json", "checkins/meta.json"])
def test_truncated_and_special_files(name, folder, tmp_path, genrec_eval):
    content = (folder / name).read_bytes()
    for broken in (content[:100], b"", b"\0" * 1000):
        (folder / name).write_bytes(broken)
        for result in read_by_all(folder, tmp_path, genrec_eval):
            failed(result, name)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    for result in read_by_all(folder, tmp_path, genrec_eval):
        failed(result, name)


@pytest.mark.slow
@pytest.mark.parametrize(("use", "tries"), [(write_report, 12), (audit, 60)])
def test_a_damaged_configuration_is_refused_or_can_be_used(whole, use, tries):
    path = whole / "config.json"
    right = path.read_bytes()

    @settings(max_examples=tries, deadline=None)
    @given(mutated(json.loads(right)))
    def damage(config):
        path.write_text(json.dumps(config))
        try:
            use(whole)
        except GenRecError as error:
            assert "\n" not in str(error)

    try:
        damage()
    finally:
        path.write_bytes(right)


@pytest.mark.slow
@fuzz
@given(st.data())
def test_a_damaged_part_is_refused_or_completed(tmp_path_factory, data):
    out = tmp_path_factory.getbasetemp() / "parts"
    asked = cases(town(), "rolling", limit=6)
    methods = [RankerMethod(CountingRanker("markov"))]
    run_all(asked, methods, out, name="town")
    part = out / "parts" / "markov.jsonl"
    right = part.read_text()
    lines = right.split("\n")[:-1]
    number = data.draw(st.integers(0, len(lines) - 1))
    damage = st.sampled_from(["", "{", "[]", "[" * 5000, "\0", lines[1]])
    lines[number] = data.draw(damage | mutated(json.loads(lines[number])).map(json.dumps))
    part.write_text("".join(f"{line}\n" for line in lines))
    try:
        run_all(asked, methods, out, name="town")
    except GenRecError as error:
        assert str(part) in str(error)
        assert "\n" not in str(error)
    finally:
        part.write_text(right)


def test_a_run_names_the_broken_line_of_a_part(tmp_path, genrec_eval):
    asked = ("run", csv_of(town(), tmp_path / "in.csv"), "--method", "markov", "--out", tmp_path / "run")
    assert genrec_eval(*asked)[0] == 0
    part = tmp_path / "run" / "parts" / "markov.jsonl"
    lines = part.read_text().split("\n")
    part.write_text("\n".join([lines[0], '{"example": 99999}', *lines[2:]]))
    code, _, err = genrec_eval(*asked)
    assert code == 2
    assert "markov.jsonl, row 2: not an answer: " in err.splitlines()[-1]
    assert "Remove the file" in err


def test_times_that_are_none(folder, genrec_eval):
    (folder / "times.json").write_text('{"habits": {"rankings": -1, "seconds": NaN}}')
    failed(genrec_eval("report", folder), "times.json: not times of a run: habits.rankings")
    (folder / "times.json").unlink()
    assert genrec_eval("report", folder)[0] == 0


# --- weights and truth ---

WEIGHTS = fitted_weights().model_dump(mode="json")


@pytest.mark.slow
@fuzz
@given(mutated(WEIGHTS))
def test_damaged_weights_are_refused_or_rank(tmp_path_factory, plain):
    path = tmp_path_factory.getbasetemp() / "weights.json"
    path.write_text(json.dumps(plain))
    try:
        weights_of(town(), "town", path, seed=0)
    except GenRecError as error:
        assert "\n" not in str(error)
    try:
        weights = FittedWeights.model_validate_json(path.read_bytes()).weights
    except ValueError:
        return
    city = town()
    for user in ("u0", "nobody"):
        scores = rank_habits(habits_of(city, user), city_habits(city), city.pois, at=None, weights=weights)
        assert abs(scores.sum() - 1) < 1e-6, KINDS


TRUTH = {"user_id": "a", "persona": {field: options[0] for field, options in CLOSED_FIELDS.items()} | {"pace": 1.5}}


@fuzz
@given(mutated(TRUTH))
def test_a_damaged_truth_is_refused_or_whole(tmp_path_factory, plain):
    path = tmp_path_factory.getbasetemp() / "truth.jsonl"
    path.write_text(json.dumps(plain) + "\n")
    try:
        for persona in read_truth(path).values():
            assert all(persona[field] in options for field, options in CLOSED_FIELDS.items())
    except GenRecError as error:
        assert f"{path}, row 1: not a user" in str(error)
