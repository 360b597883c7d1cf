"""The update of an adapter: it goes on from its weights, at warmed-up rates, and knows more check-ins afterwards."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import command
from made import as_read, at, make
from made_city import csv_of

from genrec import jsonl
from genrec.checkins import Checkins
from genrec.llm.adapter import WEIGHTS, read_adapter
from genrec.prepared import catalogue_hash
from genrec.versions import version_folder, versions_of
from training.record import METRICS, RUN
from training.updates.account import read_account

DAYS = 26
CUT = 220  # rows that the adapter is trained on


@pytest.fixture
def genrec_train(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    from training.cli import main

    monkeypatch.setenv("GENREC_HOME", str(tmp_path / "home"))
    return command("genrec-train", main, monkeypatch, capsys)


def checkins() -> Checkins:
    """Twelve people, one visit a day; two kinds of places are there from the second half on only."""
    visits = [(f"u{user}", (day + user) % (6 if day < DAYS - 8 else 8), at(day, 8 + user)) for day in range(DAYS)
              for user in range(12)]  # fmt: skip
    return make(visits)


@pytest.mark.slow
@pytest.mark.parametrize("prompt", ["diary", "genrec"])
def test_an_adapter_goes_on_with_what_came(genrec_train: Any, tiny_folder: Path, tmp_path: Path, prompt: str) -> None:
    run, old, whole = tmp_path / "run", as_read(checkins(), slice(CUT)), as_read(checkins(), slice(None))
    recipe = {
        "kind": "sft",
        "model": str(tiny_folder),
        "max_length": 2000,
        "lora": {"r": 2},
        "data": {"checkins": str(csv_of(old, tmp_path / "old.csv")), "prompt": prompt, "visits": 12},
        "trainer": {"learning_rate": 0.01, "num_train_epochs": 1, "per_device_train_batch_size": 4,
                    "lr_scheduler_type": "cosine"},
    }  # fmt: skip
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    code, _, err = genrec_train("sft", tmp_path / "recipe.yaml", "--out", run)
    assert code == 0, err
    assert json.loads((run / RUN).read_text())["data"]["trained_on"]["rows"] == CUT * 8 // 10
    first = (run / WEIGHTS).read_bytes()
    code, out, err = genrec_train("update", run, "--checkins", csv_of(whole, tmp_path / "new.csv"))
    assert code == 0, err
    assert f"--by llm --adapter {run}" in out
    assert versions_of(run) == [1, 2]
    assert (version_folder(run, 1) / WEIGHTS).read_bytes() == first != (run / WEIGHTS).read_bytes()
    assert read_adapter(run).catalogue == catalogue_hash(whole.pois)
    account = read_account(version_folder(run, 2))
    assert account is not None
    assert (account.trained_on.rows, account.rates["adapter"].highest) == (len(whole.frame), 0.01)
    assert account.before.loss > 0
    rates = [line["learning_rate"] for line in jsonl.read(run / METRICS)]
    assert max(rates) == pytest.approx(0.01)
    assert rates[-1] < 0.01
    code, _, err = genrec_train("update", run, "--checkins", tmp_path / "new.csv")
    assert (code, "nothing new" in err) == (2, True)
