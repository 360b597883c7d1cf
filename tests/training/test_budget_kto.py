"""KTO as a stage of a study: what it is trained on, and what its results are held against."""

import json
from dataclasses import replace

import numpy as np
import pytest
from made_budget import made_results, study, tiny_study
from made_budget_runs import kept, run, workshop
from pydantic import ValidationError

from training.budget.lattice import lattice
from training.budget.report.judgements import compare, verdict_of
from training.budget.report.results import gather
from training.budget.report.write import write_report
from training.kto import with_mismatched
from training.trainers.reference import PairTokens

STAGE = {"learning_rates": [1e-4]}


def test_answers_are_judged_in_turns_and_compared_with_their_neighbours():
    pairs = [PairTokens((number,), (10 + number,), (20 + number,)) for number in range(6)]
    good = [number % 2 == 0 for number in range(6)]
    found = with_mismatched(pairs, good, 2)
    assert [one.chosen[0] for one in found] == [10, 21, 12, 23, 14, 25]
    assert [one.rejected[0] for one in found] == [21, 10, 23, 12, 25, 14], "of the same batch"
    assert [one.prompt for one in found] == [one.prompt for one in pairs]
    assert with_mismatched(pairs[:4], good[:4], 2) == found[:4], "a smaller budget's are the first of them"


def test_both_stages_are_scored_after_as_many_judgements():
    asked = study(kto=STAGE)
    assert lattice(asked).trained_on - lattice(study()).trained_on == 3 * sum(
        max(sizes) for sizes in lattice(asked).pair_sizes.values()
    )
    assert lattice(asked).trained_on <= lattice(asked).trained_on_apart
    for kto, problem in (({"batch": 2}, "kto.batch"), ({"at_once": 1}, "at least two")):
        with pytest.raises(ValidationError, match=problem):
            study(kto=STAGE | kto)


def test_what_kto_adds_is_told_with_an_interval():
    asked = study(budgets=[100], shares=[1, 0.5, 0], kto=STAGE)
    results = made_results(asked, lambda sft, pairs: 0.3 + 0.02 * np.log1p(sft))
    better = replace(results.scores, values=results.scores.values + 0.05)
    found = compare(results.scores, better)
    assert found.mean.low == pytest.approx(found.mean.high) == pytest.approx(0.05)
    assert len(found.points) == sum(pairs > 0 for _, pairs in results.scores.points)
    assert "is worth more than one of a pair" in verdict_of(found)
    assert "neither more nor less" in verdict_of(compare(results.scores, results.scores))
    nothing = replace(better, values=np.full_like(better.values, np.nan))
    assert compare(results.scores, nothing) is None


@pytest.mark.slow
def test_a_study_with_kto_keeps_what_it_has_without(tmp_path, tiny_folder, monkeypatch):
    monkeypatch.setenv("GENREC_HOME", str(tmp_path / "home"))
    stage = {"learning_rates": [0.3], "batch": 2, "warmup_steps": 0, "save_steps": 2}
    plain = tiny_study(tmp_path, tiny_folder, budgets=[4], seeds=[0])
    whole = tiny_study(tmp_path, tiny_folder, budgets=[4], seeds=[0], kto=stage)
    out = tmp_path / "out"
    run(plain, out)
    before = kept(out)
    lines = run(whole, out)
    assert before.items() < kept(out).items()
    assert sum("judgements" in line for line in lines) == len(lines) == 2
    results = gather(workshop(whole, out))
    assert np.isfinite(results.kto.values).all()
    assert (results.kto.values != results.scores.values).any(), "KTO trained nothing of its own"
    assert run(whole, out) == []
    write_report(out, results)
    assert "## One answer or two" in (out / "report.md").read_text()
    for steps in out.glob("runs/kto-*/metrics.jsonl"):
        first = json.loads(steps.read_text().splitlines()[0])
        assert first["loss"] == pytest.approx(0.5, abs=1e-3), "before a step, the policy is the reference"
