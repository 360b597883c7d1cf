"""Planning a study and reading its results load no trainer."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from made_budget import tiny_study

from training.budget.chain import Result
from training.budget.folder import StudyFolder
from training.budget.plan import all_chains
from training.budget.tasks.material import prepare

HEAVY = ("torch", "trl", "peft", "datasets", "accelerate")
COMMAND = f"""
import json, sys
from typer.testing import CliRunner
from training.cli.budget import budget

told = CliRunner().invoke(budget, sys.argv[1:], catch_exceptions=False)
print(json.dumps([told.stdout, [name for name in {HEAVY} if name in sys.modules]]))
"""


def asked(*arguments):
    """What the command says in a process of its own, and which heavy packages it has loaded."""
    tests = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": f"{tests.parent}{os.pathsep}{tests}"}
    command = [sys.executable, "-c", COMMAND, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=300)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_plan_report_and_advice_load_no_trainer(tmp_path, tiny_folder):
    study, out, path = (
        tiny_study(tmp_path, tiny_folder, budgets=[4, 8], seeds=[0]),
        tmp_path / "out",
        tmp_path / "s.yaml",
    )
    path.write_text(yaml.safe_dump(study.model_dump(mode="json")))
    told, loaded = asked("plan", path, "--out", out)
    assert "not known before the first result" in told
    assert loaded == []

    folder = StudyFolder(study, out, prepare(study, out))
    for chain in all_chains(folder):
        for stop in chain.stops:
            score = 0.1 + stop / 100
            folder.put(chain, stop, Result([score] * len(folder.material.task.questions.test), stop, 1.0, 0.1))
    told, loaded = asked("plan", path, "--out", out)
    assert "results to go: 0;" in told
    assert loaded == []
    told, loaded = asked("advise", path, "--out", out)
    assert "a budget of 8 demonstrations" in told
    assert (out / "report.html").exists()
    assert loaded == []
    told, loaded = asked("advise", path, "--out", out, "--budget", 8)
    assert " 8 demonstrations at a price ratio of 1" in told
    assert loaded == []
