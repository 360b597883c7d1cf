"""`genrec-train preferences`, `dpo` and `merge` as a user meets them, one after the other."""

import json

import pytest
import yaml
from adapters import random_adapter
from conftest import command
from made_city import csv_of, failed, town

from genrec.llm.adapter import read_adapter
from genrec.llm.local import LocalModel
from genrec.prepared import catalogue_hash
from genrec.reading.reader import read_checkins
from training.cli import main
from training.data.preferences import about_path, read_preferences
from training.dry_run import END, START


@pytest.fixture
def genrec_train(monkeypatch, capsys, tmp_path):
    """The command, with a cache of its own."""
    monkeypatch.setenv("GENREC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    return command("genrec-train", main, monkeypatch, capsys)


@pytest.fixture
def recipe(tmp_path, tiny_folder):
    """A recipe for the check-ins of a made town, starting from an adapter."""
    path = tmp_path / "recipe.yaml"
    values = {
        "kind": "dpo",
        "model": str(tiny_folder),
        "adapter": str(random_adapter(tmp_path / "sft", 1)),
        "preferences": str(tmp_path / "pairs.jsonl"),
        "max_length": 2000,
        "lora": {"r": 2},
        "data": {"checkins": str(csv_of(town(), tmp_path / "town.csv")), "targets": "every", "limit": 12},
        "trainer": {"learning_rate": 0.01, "max_steps": 2, "per_device_train_batch_size": 3},
    }
    path.write_text(yaml.safe_dump(values))
    return path


MIX = "on-policy=2,habits=1,random=1"


@pytest.mark.slow
def test_from_checkins_to_a_model(genrec_train, recipe, tmp_path, tiny_folder):
    code, output, errors = genrec_train("preferences", recipe, "--mix", MIX)
    assert code == 0, errors
    pairs, about = read_preferences(tmp_path / "pairs.jsonl")
    assert "reference prefers the chosen one" in output
    assert about.pairs.get("on-policy") == 6
    assert len(pairs) + sum(about.left_out.values()) == 12
    assert about.catalogue == catalogue_hash(read_checkins(tmp_path / "town.csv").pois)
    assert all(0 <= share <= 1 for share in about.reference_prefers_chosen.values())
    assert not list(tmp_path.glob("*.part"))
    failed(genrec_train("preferences", recipe, "--mix", MIX), "pairs.jsonl exists already")

    code, output, errors = genrec_train("dpo", recipe, "--dry-run")
    assert code == 0, errors
    assert output.count("learned: ") == 3
    assert f"visit POI\n{START}{pairs[0].chosen}⏎{END} chosen\n{START}{pairs[0].rejected}⏎{END} rejected" in output
    for part in ("steps: 2 of 3 pairs", "parameters to train", "time: about", "MB (cpu)"):
        assert part in output

    out = tmp_path / "run"
    code, output, errors = genrec_train("dpo", recipe, "--out", out)
    assert (code, "2 steps, loss" in output, f"--adapter {out}" in output) == (0, True, True), errors
    assert json.loads((out / "run.json").read_text())["data"]["sha256"] == about.sha256
    failed(genrec_train("dpo", recipe, "--out", out), "go on with --resume")
    assert genrec_train("dpo", recipe, "--out", out, "--resume")[0] == 0
    assert read_adapter(out).catalogue == about.catalogue

    code, output, errors = genrec_train("merge", out, "--model", tiny_folder, "--out", tmp_path / "merged")
    assert (code, f"--model {tmp_path / 'merged'}" in output) == (0, True), errors
    assert "one catalogue only" in errors
    LocalModel.load(str(tmp_path / "merged"))


@pytest.mark.slow
def test_the_reference_is_scored_once(genrec_train, recipe, tmp_path, monkeypatch):
    """Making pairs scores them; DPO reads the scores, for it starts from the very same weights."""
    assert genrec_train("preferences", recipe, "--mix", "random=1", "--rule", "judged")[0] == 0
    monkeypatch.setattr("training.trainers.reference._score", None)
    code, _, errors = genrec_train("dpo", recipe, "--out", tmp_path / "run")
    assert code == 0, errors


def test_mistakes_are_told(genrec_train, recipe, tmp_path):
    failed(genrec_train("dpo", recipe), "name the folder of the run with --out")
    failed(genrec_train("dpo", recipe, "--out", tmp_path / "run"), "pairs", "Make it with `genrec-train preferences`")
    failed(genrec_train("preferences", recipe, "--mix", "best=1"), "'best' is no source", "on-policy")
    failed(genrec_train("preferences", recipe, "--mix", "random=1,random=2"), "is there twice")
    failed(genrec_train("preferences", recipe, "--mix", "random"), "is not SOURCE=SHARE, such as random=0.5")
    failed(genrec_train("preferences", recipe, "--mix", "random=0"), "a share above 0")
    failed(genrec_train("preferences", recipe, "--set", "data.relabel=true"), "data.relabel", "set it to false")
    failed(genrec_train("preferences", recipe, "--set", "data=null"), "data.checkins")
    failed(genrec_train("merge", recipe.parent, "--out", tmp_path / "merged"), "not a LoRA adapter's folder")
    recipe.write_text(yaml.safe_dump({"kind": "sft", "data": {"checkins": "town.csv"}}))
    failed(genrec_train("dpo", recipe, "--dry-run"), "use `genrec-train sft`")
    failed(genrec_train("preferences", recipe), "is a recipe of kind sft")
    assert not about_path(tmp_path / "pairs.jsonl").exists()
