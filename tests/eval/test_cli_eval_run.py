"""`genrec-eval run` and `fit-habits`."""

import json

import polars as pl
import pytest
from made import at, make
from made_city import csv_of, failed, town
from made_runs import contents


@pytest.mark.slow
def test_run(genrec_eval, tmp_path):
    path, out = csv_of(town(6), tmp_path / "town.csv"), tmp_path / "run"
    command = ["run", path, "--method", "habits", "--method", "markov", "--split", "rolling", "--limit", 20]
    command += ["--out", out, "--time", "unknown", "--refresh", 2, "--seed"]
    code, said, noise = genrec_eval(*command, 4)
    assert code == 0, noise
    assert said.startswith("20 examples, drawn from 96 with seed 4\n  nothing was left out\n")
    assert [line.split()[1] for line in said.splitlines() if line.startswith("│")] == ["habits", "markov"]
    config = json.loads((out / "config.json").read_text())
    asked_for = {"name": "town.csv", "sample_seed": 4, "time": "unknown", "refresh_days": 2, "split": "rolling"}
    assert asked_for.items() <= config.items()
    assert genrec_eval(*command, 4)[:2] == (code, said)
    code, _, noise = genrec_eval(*command, 5)
    assert code == 2
    assert "holds a run with --seed 4; name another --out" in noise


def test_the_command_counts_what_is_left_out_and_warns(genrec_eval, tmp_path):
    alone = [("u0", 0, at(20 + day)) for day in range(3)]
    path = csv_of(make([*town(6).frame.select("user_id", "poi", "time").rows(), *alone]), tmp_path / "town.csv")
    code, said, noise = genrec_eval(
        "run", path, "--method", "habits", "--preset", "genup-tky", "--out", tmp_path / "run"
    )
    assert code == 0
    assert said.startswith("the preset keeps 183 of 195 check-ins, 6 of 6 users, 4 of 7 POIs\n")
    assert "  left out: 3, one-visit trajectory\n" in said
    assert "warning: genup-tky: " in noise
    assert "GenUP has 6,980" in noise


def test_mistakes_are_one_line(genrec_eval, tmp_path):
    path = csv_of(town(6), tmp_path / "town.csv")
    result = genrec_eval("run", path, "--method", "best", "--out", tmp_path / "run")
    assert result[0] == 2
    assert result[2].splitlines()[-1].startswith("error: there is no method 'best'")
    failed(
        genrec_eval("run", path, "--method", "habits", "--profiles", tmp_path / "none", "--out", tmp_path / "run"),
        "no such file",
    )


@pytest.mark.slow
def test_a_model_from_the_command_line(genrec_eval, tmp_path, tiny_folder):
    path = csv_of(town(), tmp_path / "town.csv")
    methods = ["--method", "llm:full", "--method", "llm:none-notable"]
    command = ["run", path, *methods, "--split", "rolling", "--limit", 3, "--model", tiny_folder, "--out"]
    assert [genrec_eval(*command, tmp_path / out)[0] for out in ("run", "again")] == [0, 0]
    assert contents(tmp_path / "run") == contents(tmp_path / "again")
    rankings = pl.read_parquet(tmp_path / "run" / "rankings.parquet")
    assert rankings["method"].to_list() == ["llm:full"] * 3 + ["llm:none-notable"] * 3
    assert rankings["pois"].list.len().to_list() == [7] * 6
    assert rankings["failure"].null_count() == 6


@pytest.mark.usefixtures("little_work")
def test_fitting_from_the_command_line(genrec_eval, tmp_path):
    from genrec.rankers.habit_weights import FittedWeights

    path, out = csv_of(town(6), tmp_path / "town.csv"), tmp_path / "weights.json"
    code, said, _ = genrec_eval("fit-habits", path, "--cities", 0, "--limit", 5, "--out", out)
    assert code == 0
    assert "mean log-probability of 5 visits" in said
    fitted = FittedWeights.model_validate_json(out.read_text())
    assert fitted.command == "genrec-eval fit-habits town.csv --cities=0 --limit=5 --seed=0"
    assert [data.name for data in fitted.data] == ["town.csv"]


@pytest.mark.slow
def test_a_limit_that_is_not_reached_is_said(genrec_eval, tmp_path):
    path = csv_of(town(6), tmp_path / "town.csv")
    command = ["run", path, "--method", "habits", "--split", "rolling", "--out", tmp_path / "run", "--limit"]
    assert genrec_eval(*command, 500)[1].startswith("96 examples, all that there are, though --limit asks for 500\n")
    assert genrec_eval(*command[:-2], tmp_path / "all", "--limit", 96)[1].startswith("96 examples\n")


def test_names_joined_by_a_comma_are_taken_apart(genrec_eval, tmp_path):
    path = csv_of(town(6), tmp_path / "town.csv")
    result = genrec_eval("run", path, "--method", "habits, markov", "--out", tmp_path / "run")
    failed(result, "write --method habits --method markov")
