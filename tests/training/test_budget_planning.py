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

for words in json.loads(sys.argv[1]):
    told = CliRunner().invoke(budget, words, catch_exceptions=False)
    print(json.dumps([told.stdout, [name for name in {HEAVY} if name in sys.modules]]))
"""


def asked(*commands):
    """What each command says in a process of their own, and which heavy packages it has loaded by then."""
    tests = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": f"{tests.parent}{os.pathsep}{tests}"}
    command = [sys.executable, "-c", COMMAND, json.dumps([[str(word) for word in words] for words in commands])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=300)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_plan_report_and_advice_load_no_trainer(tmp_path, tiny_folder):
    study, out, path = (
        tiny_study(tmp_path, tiny_folder, budgets=[4, 8], seeds=[0]),
        tmp_path / "out",
        tmp_path / "s.yaml",
    )
    path.write_text(yaml.safe_dump(study.model_dump(mode="json")))
    plan, advise = ("plan", path, "--out", out), ("advise", path, "--out", out)
    [(told, loaded)] = asked(plan)
    assert "not known before the first result" in told
    assert loaded == []

    folder = StudyFolder(study, out, prepare(study, out))
    for chain in all_chains(folder):
        for stop in chain.stops:
            score = 0.1 + stop / 100
            folder.put(chain, stop, Result([score] * len(folder.material.task.questions.test), stop, 1.0, 0.1))
    found = asked(plan, advise, (*advise, "--budget", 8))
    planned, advised, of_budget = (told for told, _ in found)
    assert "results to go: 0;" in planned
    assert "a budget of 8 demonstrations" in advised
    assert (out / "report.html").exists()
    assert " 8 demonstrations at a price ratio of 1" in of_budget
    assert [loaded for _, loaded in found] == [[]] * 3
