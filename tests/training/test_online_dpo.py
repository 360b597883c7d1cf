"""Online DPO: pairs from feedback teach an adapter, which becomes a version if it is not worse on those kept aside."""

import json
import shutil

import pytest
import yaml
from adapters import random_adapter
from conftest import command
from made_city import csv_of, town

from genrec.llm.adapter import read_adapter
from genrec.rankers.fusion_file import SHIPPED
from genrec.versions import current_version, versions_of
from training.cli import main


@pytest.mark.slow
def test_an_adapter_learns_from_feedback_a_round_a_call(tmp_path, tiny_folder, monkeypatch, capsys):
    monkeypatch.setenv("GENREC_HOME", str(tmp_path / "home"))
    train = command("genrec-train", main, monkeypatch, capsys)
    adapter, data, log = (
        random_adapter(tmp_path / "adapter", 1),
        csv_of(town(), tmp_path / "town.csv"),
        tmp_path / "log",
    )
    (adapter / "recipe.yaml").write_text("kind: sft\n")
    shutil.copytree(SHIPPED, tmp_path / "rankers")
    assert train("online", "simulate", data, "--rankers", tmp_path / "rankers", "--out", log)[0] == 0
    recipe = tmp_path / "recipe.yaml"
    values = {
        "kind": "dpo",
        "model": str(tiny_folder),
        "preferences": "unused.jsonl",
        "max_length": 2000,
        "lora": {"r": 2},
        "data": {"checkins": str(data)},
        "trainer": {"learning_rate": 0.01, "max_steps": 4, "per_device_train_batch_size": 3, "beta": 0.1},
    }
    recipe.write_text(yaml.safe_dump(values))
    asked = ("online", "dpo", recipe, "--feedback", log, "--adapter", adapter)
    code, out, err = train(*asked)
    assert (code, "on the pairs kept aside" in out) == (0, True), err
    adopted = "is in use now" in out
    assert (current_version(adapter) == 2) is adopted
    assert versions_of(adapter) == ([1, 2] if adopted else [1])
    assert read_adapter(adapter).base == str(tiny_folder)
    if adopted:
        about = json.loads((adapter / "online.json").read_text())
        assert (adapter / "recipe.yaml").read_text() == "kind: sft\n"  # so that it can be updated
        assert 0 < about["before"]["value"] < 1
        assert about["advantage"]["value"] >= 0 and about["feedback"] == len(log.read_text().splitlines())
    code, out, err = train(*asked)
    assert (code, "0 new pairs" in err) == (2, True), (out, err)
    lines = log.read_text().splitlines(keepends=True)
    for changed in (lines[:5], [*lines[1:], lines[0]]):
        log.write_text("".join(changed))
        code, out, err = train(*asked)
        assert (code, "append to a log" in err) == (2, True), (out, err)
