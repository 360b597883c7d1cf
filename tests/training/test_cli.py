"""The command `genrec-train sft` as a user meets it."""

import json

import pytest
import yaml
from conftest import command
from made_city import csv_of, failed, town

from training.dry_run import END, START
from training.record import METRICS, RUN


@pytest.fixture
def genrec_train(monkeypatch, capsys, tmp_path_factory):
    """The command, with a cache of its own."""
    from training.cli import main

    monkeypatch.setenv("GENREC_HOME", str(tmp_path_factory.getbasetemp() / "home"))
    return command("genrec-train", main, monkeypatch, capsys)


@pytest.fixture
def recipe(tmp_path, tiny_folder):
    """A recipe for the check-ins of a made town."""
    path = tmp_path / "recipe.yaml"
    values = {
        "kind": "sft",
        "model": str(tiny_folder),
        "max_length": 2000,
        "lora": {"r": 2},
        "data": {"checkins": str(csv_of(town(), tmp_path / "town.csv")), "targets": "every", "limit": 9},
        "trainer": {"learning_rate": 0.01, "num_train_epochs": 2, "per_device_train_batch_size": 3},
    }
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.mark.slow
def test_a_dry_run_shows_what_is_learned_and_what_it_takes(genrec_train, recipe, tmp_path):
    code, output, _ = genrec_train("sft", recipe, "--dry-run", "--out", tmp_path / "run")
    assert code == 0
    assert output.count("learned: ") == 3
    assert f"visit POI\n{START}" in output
    assert f"⏎{END}" in output
    for part in ("data: 9 examples", "steps: 6 of 3 examples", "parameters to train", "time: about", "MB (cpu)"):
        assert part in output
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_training_and_going_on(genrec_train, recipe, tmp_path):
    out = tmp_path / "run"
    code, output, errors = genrec_train("sft", recipe, "--out", out, "--set", "trainer.max_steps=2")
    assert (code, "2 steps, loss" in output, f"--adapter {out}" in output) == (0, True, True), errors
    assert len((out / METRICS).read_text().splitlines()) == 2
    assert json.loads((out / RUN).read_text())["data"]["examples"] == 9
    assert yaml.safe_load((out / "recipe.yaml").read_text())["trainer"]["max_steps"] == 2
    failed(genrec_train("sft", recipe, "--out", out, "--set", "trainer.max_steps=2"), "go on with --resume")
    failed(genrec_train("sft", recipe, "--out", out, "--resume"), "a run of another recipe")
    assert genrec_train("sft", recipe, "--out", out, "--set", "trainer.max_steps=2", "--resume")[0] == 0


def test_mistakes_are_told(genrec_train, recipe, tmp_path):
    failed(genrec_train("sft", recipe), "name the folder of the run with --out")
    failed(genrec_train("sft", tmp_path / "none.yaml"), "no such recipe")
    failed(genrec_train("sft", recipe, "--set", "trainer.epochs=3"), "SFTConfig has no such key")
    recipe.write_text(yaml.safe_dump({"kind": "dpo", "preferences": "pairs.jsonl"}))
    failed(genrec_train("sft", recipe, "--dry-run"), "use `genrec-train dpo`")
