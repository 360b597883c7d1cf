"""A study runs with a tiny real model, is never redone, and a kill changes nothing."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml
from made_budget import tiny_study
from made_budget_runs import kept, run, workshop
from made_city import csv_of, town
from typer.testing import CliRunner

from genrec.errors import GenRecError
from training.budget.plan import all_chains, plan_lines
from training.budget.report.results import gather
from training.cli.budget import budget


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("GENREC_HOME", str(tmp_path / "home"))


def losses(out):
    return {path.parent.name: path.read_text() for path in (out / "runs").glob("*/metrics.jsonl")}


@pytest.mark.slow
def test_a_study_of_files(tmp_path, tiny_folder):
    study, out = tiny_study(tmp_path, tiny_folder, budgets=[4], seeds=[0]), tmp_path / "out"
    before = list(plan_lines(workshop(study, out), 1))
    assert any("not known before the first result" in line for line in before)
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(study.model_dump(mode="json")))
    measured = CliRunner().invoke(budget, ["plan", str(path), "--out", str(out), "--measure"], catch_exceptions=False)
    assert "results to go: 4; time: about" in measured.stdout
    lines = run(study, out)
    assert "left" in lines[1]
    scores = gather(workshop(study, out)).scores
    assert scores.points == ((0, 0), (0, 4), (2, 0), (2, 2), (4, 0)), "with the models that DPO starts from"
    assert scores.values.min() >= 0
    assert len({row.tobytes() for row in scores.values}) > 1, "training changed nothing"
    assert run(study, out) == []
    assert list(plan_lines(workshop(study, out), 1))[-1] == "results to go: 0; time: about 0 s"
    *_, note = plan_lines(workshop(study.model_copy(update={"max_length": 512}), out), 1)
    assert note == f"note: 5 results in {out} are of other settings, and are not used"

    told = CliRunner().invoke(budget, ["run", str(path), "--out", str(out)], catch_exceptions=False).stdout
    assert "examples trained on: 10, which is 83% of the 12 that a run for each split would train on" in told
    assert "a budget of 4 demonstrations" in told
    assert (out / "report.html").exists()
    advised = CliRunner().invoke(budget, ["advise", str(path), "--out", str(out), "--budget", "8"])
    assert " 8 demonstrations at a price ratio of 1" in advised.stdout
    assert "this is extrapolated" in advised.stdout
    refused = CliRunner().invoke(budget, ["advise", str(path), "--out", str(out), "--budget", "8", "--ratio", "0"])
    assert "give a finite number above 0" in str(refused.exception)

    first, charts = (out / "report.md").read_bytes(), sorted(path.name for path in (out / "charts").iterdir())
    arguments = ["advise", str(path), "--out", str(out), "--set"]
    for currency in ("euros", study.currency, "euros"):
        asked = CliRunner().invoke(budget, [*arguments, f"currency={currency}"], catch_exceptions=False)
        assert asked.exit_code == 0
    earlier = {folder.joinpath("report.md").read_bytes(): folder for folder in (out / "earlier").iterdir()}
    assert len(earlier) == 2
    assert sorted(path.name for path in (earlier[first] / "charts").iterdir()) == charts, "nothing is lost"
    refused = CliRunner().invoke(budget, [*arguments, "prizes=2"])
    assert "prizes" in str(refused.exception)


@pytest.mark.slow
def test_a_larger_study_goes_on_from_a_smaller_one(tmp_path, tiny_folder):
    """Subsets are nested, so what was trained is the beginning of what is to be trained."""
    small = tiny_study(tmp_path, tiny_folder, budgets=[4], seeds=[0])
    large = tiny_study(tmp_path, tiny_folder, budgets=[4, 6, 8], seeds=[0])
    run(small, tmp_path / "grown")
    first = kept(tmp_path / "grown")
    run(large, tmp_path / "grown")
    run(large, tmp_path / "whole")
    assert first.items() <= kept(tmp_path / "grown").items()
    assert kept(tmp_path / "grown") == kept(tmp_path / "whole")


@pytest.mark.slow
def test_a_smaller_budget_is_not_trained_to_the_end_of_a_larger_one(tmp_path, tiny_folder):
    run(tiny_study(tmp_path, tiny_folder, budgets=[12], seeds=[0]), tmp_path / "grown")
    both = tiny_study(tmp_path, tiny_folder, budgets=[4, 12], seeds=[0])
    run(both, tmp_path / "grown")
    run(both, tmp_path / "whole")
    assert kept(tmp_path / "grown") == kept(tmp_path / "whole")
    assert sorted(len(text.splitlines()) for text in losses(tmp_path / "grown").values()) == [1, 2, 2, 3]


@pytest.mark.slow
def test_a_study_of_checkins_chooses_its_rates(tmp_path, tiny_folder):
    data = {"checkins": str(csv_of(town(6), tmp_path / "town.csv")), "level": "none", "targets": "every", "moments": 2}
    study = tiny_study(
        tmp_path,
        tiny_folder,
        method="full",
        max_length=2000,
        budgets=[4],
        seeds=[0],
        task={"kind": "next-poi", "data": data, "metric": "mrr"},
        sft={"learning_rates": [1e-2, 1e-3], "batch": 2},
        sweep_examples=2,
    )
    out = tmp_path / "out"
    lines = run(study, out)
    assert sum(line.startswith("sweep") for line in lines) == 2
    [sweep] = gather(workshop(study, out)).sweeps
    assert sweep.chosen == max(sorted(sweep.means), key=sweep.means.get)
    pairs = [json.loads(line) for path in (out / "runs").glob("dpo-*/pairs.jsonl") for line in path.open()]
    assert all(chosen != rejected for line in pairs for _, chosen, rejected in line["pairs"])
    with pytest.raises(GenRecError, match="the study needs 1,000 demonstrations, but there are"):
        run(study.model_copy(update={"budgets": (1000,)}), tmp_path / "other")
    with pytest.raises(GenRecError, match="sweep_examples: the sweep needs 1,000 demonstrations, and there are"):
        run(study.model_copy(update={"sweep_examples": 1000}), tmp_path / "other")
    for saved in (out / "questions").iterdir():
        saved.write_text(saved.read_text()[:500])
    assert run(study, out) == [], "damaged questions are made anew"


@pytest.mark.slow
def test_a_rate_at_which_training_diverges_is_ruled_out(tmp_path, tiny_folder):
    rates = {"learning_rates": [0.3, 1e12], "batch": 2, "warmup_steps": 0}
    asked = tiny_study(tmp_path, tiny_folder, budgets=[4], seeds=[0], sft=rates, sweep_examples=8)
    lines = run(asked, tmp_path / "out")
    assert any(line.startswith("sweep, rate 1e+12, on validation: 8 demonstrations, 0 pairs: div") for line in lines)
    [sweep] = gather(workshop(asked, tmp_path / "out")).sweeps
    assert (sweep.chosen, sweep.means[1e12]) == (0.3, None)
    assert run(asked, tmp_path / "out") == [], "it is not tried again"
    wild = tiny_study(tmp_path, tiny_folder, budgets=[8], seeds=[0], sft=rates | {"learning_rates": [1e12]})
    with pytest.raises(GenRecError, match=r"sft.learning_rates: at 1e\+12 training has diverged with seed 0"):
        run(wild, tmp_path / "wild")


@pytest.mark.slow
def test_a_kill_in_the_middle_of_a_stage_changes_nothing(tmp_path, tiny_folder, monkeypatch):
    study = tiny_study(tmp_path, tiny_folder, budgets=[12], seeds=[0])
    run(study, tmp_path / "whole")
    from training.trainers.callbacks import MetricsFile

    real, steps = MetricsFile.on_log, []

    def killed(self, args, state, control, **rest):
        real(self, args, state, control, **rest)
        steps.append(state.global_step)
        if len(steps) in (4, 9):
            raise KeyboardInterrupt

    monkeypatch.setattr(MetricsFile, "on_log", killed)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(study, tmp_path / "killed")
    run(study, tmp_path / "killed")
    assert kept(tmp_path / "killed") == kept(tmp_path / "whole")
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")


@pytest.mark.slow
def test_kill_nine_at_random_moments(tmp_path, tiny_folder):
    study = tiny_study(tmp_path, tiny_folder)
    run(study, tmp_path / "whole")
    (tmp_path / "study.json").write_text(study.model_dump_json())
    (tmp_path / "go.py").write_text(
        "from pathlib import Path\n"
        "from test_budget_run import run\n"
        "from genrec.jobs.job import Placing\n"
        "from training.budget.spec import Study\n"
        "if __name__ == '__main__':\n"
        f"    folder = Path({str(tmp_path)!r})\n"
        "    study = Study.model_validate_json((folder / 'study.json').read_text())\n"
        "    run(study, folder / 'killed', Placing(workers=2))\n"
    )
    tests = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": f"{tests.parent}{os.pathsep}{tests}{os.pathsep}{tests / 'training'}"}
    command = [sys.executable, str(tmp_path / "go.py")]
    draw, kills = random.Random(0), 0
    while kills < 2:
        process = subprocess.Popen(command, env=environment)
        before, wanted = len(list((tmp_path / "killed").glob("results/*"))), draw.randrange(1, 3)
        while process.poll() is None and len(list((tmp_path / "killed").glob("results/*"))) < before + wanted:
            time.sleep(0.05)
        if process.poll() is not None:
            break
        workers = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        assert not psutil.wait_procs(workers, timeout=20)[1]  # with the command, its processes end
        kills += 1
    assert kills == 2
    run(study, tmp_path / "killed")
    assert kept(tmp_path / "killed") == kept(tmp_path / "whole")
    told, whole = losses(tmp_path / "killed"), losses(tmp_path / "whole")
    assert told.keys() == whole.keys()
    # A kill between a run's last score and the line of its last step: nothing is left to do, so that line never comes.
    assert all(lines and whole[name].startswith(lines) for name, lines in told.items())
    assert all_chains(workshop(study, tmp_path / "killed"))
