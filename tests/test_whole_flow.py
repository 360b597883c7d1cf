"""The example that goes through all of GenRec, from check-ins to an evaluated model."""

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from genrec.llm.adapter import ANY, read_adapter

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "whole_flow.py"


def run(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"GENREC_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, EXAMPLE, *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_from_checkins_to_an_evaluated_adapter(tmp_path, tiny_folder):
    done = run(tmp_path, tiny_folder)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "whole-flow"
    assert (folder / "profiles.jsonl").read_text().count("\n") == 3
    assert done.stdout.count("Next place of u0001, Thursday 2024-02-29 13:30") == 2
    for stage in ("sft", "dpo"):
        assert read_adapter(folder / stage).catalogue != ANY
    rankings = pl.read_parquet(folder / "evaluation" / "rankings.parquet")
    assert set(rankings["method"]) == {"fusion", "habits", "most-frequent", "llm:full", "llm:full-adapted"}
    assert rankings["failure"].null_count() == len(rankings)
    assert (folder / "evaluation" / "report.html").exists()


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "whole-flow").mkdir()
    done = run(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "exists already" in done.stderr
