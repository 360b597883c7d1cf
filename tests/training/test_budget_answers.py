"""Answers on made-up results whose truth is known; what cannot be told stays undecided."""

import json
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from made_budget import file_task, made_results, study

from genrec.errors import GenRecError
from training.budget.lattice import lattice
from training.budget.report.advice import advice_for, pilot_points, told
from training.budget.report.answers import Bootstrap, answers
from training.budget.report.checks import checks
from training.budget.report.results import Sweep
from training.budget.report.write import find, sentence, write_report


def papers(sft, pairs):
    """SFT alone is best of small budgets, preferences of large ones, and DPO needs SFT first."""
    warm = min(1.0, sft / 4) if pairs else 1.0
    return 0.2 + 0.03 * np.log1p(sft) + warm * 2e-4 * max(0.0, pairs - 250) - (0.1 if pairs and not sft else 0)


def against(sft, pairs):
    """Everything the other way round: pairs win when few, demonstrations when many, and a cold start does no harm."""
    return (
        0.2 + (0.05 * np.log1p(pairs) if sft + pairs < 1000 else 1e-4 * sft) - (0.05 if pairs and 0 < sft <= 500 else 0)
    )


def flat(sft, pairs):
    return 0.5


def verdicts(results, ratio=1.0):
    return [one.verdict for one in checks(results.lattice, Bootstrap(results.scores), ratio, results.study.price)]


@pytest.mark.parametrize(
    ("truth", "expected"),
    [(papers, ["supported"] * 3), (against, ["contradicted"] * 3), (flat, ["undecided"] * 3)],
)
def test_the_papers_findings(truth, expected):
    assert verdicts(made_results(study(budgets=[100, 2000, 5000]), truth)) == expected


def test_nothing_to_check_is_not_tested():
    only = made_results(study(budgets=[100, 200], shares=[1, 0.5]), papers)
    assert verdicts(only) == ["supported", "not tested", "not tested"]
    found = checks(only.lattice, Bootstrap(only.scores), 1.0, 1.0)
    assert found[1].differences == ()
    assert "nothing to compare" in found[1].compared


def test_noise_without_truth_seldom_decides():
    """At 95% a check of nothing may err in 1 of 20: of these 90, in about 4."""
    decided = sum(
        one != "undecided"
        for seed in range(30)
        for one in verdicts(made_results(study(budgets=[100, 2000]), flat, noise=0.3, examples=60, seed=seed))
    )
    assert decided <= 9


def test_winners():
    asked = study(budgets=[100, 5000], price_ratios=[0.5, 1])
    results = made_results(asked, papers)
    found = answers(results.lattice, Bootstrap(results.scores))
    assert [(one.ratio, one.budget) for one in found] == [(0.5, 100), (0.5, 5000), (1, 100), (1, 5000)]
    small, large = found[2:]
    assert small.best.share == 1
    assert small.tied == ()
    assert small.best.p_best > 0.99
    assert large.best.share == max(large.splits, key=lambda one: papers(*one.cell.point)).share
    for answer in found:
        assert sum(one.p_best for one in answer.splits) == pytest.approx(1)
        for one in answer.splits:
            assert one.low <= one.value <= one.high


def test_equal_splits_are_not_told_apart():
    results = made_results(study(budgets=[1000]), flat)
    [answer] = answers(results.lattice, Bootstrap(results.scores))
    assert len(answer.tied) >= 5
    assert answer.best.p_best < 0.9


@pytest.mark.parametrize(
    ("gain", "where"),
    [(0.5, ", ahead of"), (0.0, "is not told apart from"), (-0.5, "lies below")],
)
def test_the_base_model_stands_beside_the_best_split(gain, where):
    asked = study(budgets=[1000])
    results = made_results(asked, lambda sft, pairs: gain if sft + pairs else 0.0, noise=0.3, base=True)
    [answer] = find(results).answers
    told = sentence(asked, answer)
    assert f"{where} the base model (" in told
    assert told.startswith("For a budget of 1,000" if gain > 0 else "No split of a budget of 1,000")
    assert "base model" not in sentence(asked, find(made_results(asked, flat)).answers[0])


def test_the_bootstrap_is_paired():
    """Hard examples are hard for all splits: differences are far surer than the scores themselves."""
    results = made_results(study(budgets=[1000]), flat, noise=0.01)
    boot = Bootstrap(results.scores)
    one, other = results.lattice.cells[0], results.lattice.cells[3]
    assert np.std(boot.drawn([one]) - np.asarray(boot.drawn([other]))) < np.std(boot.drawn([one])) / 5
    again = Bootstrap(results.scores)
    assert np.array_equal(boot.draws, again.draws)


def test_the_visits_of_a_single_user_are_drawn_instead_of_users():
    results = made_results(study(budgets=[1000]), flat, noise=0.3)
    alone = replace(
        results, scores=replace(results.scores, groups=("me",) * 200, seeds=(0,), values=results.scores.values[:, :1])
    )
    [answer] = answers(alone.lattice, Bootstrap(alone.scores))
    assert all(one.high - one.low > 0.05 for one in answer.splits)
    assert answer.tied


def test_first_answers_of_an_unfinished_study():
    results = made_results(study(budgets=[100, 500]), papers)
    values = results.scores.values.copy()
    values[3:, 1:] = np.nan
    one_seed = replace(results.scores, values=values).usable()
    assert one_seed.seeds == (0,)
    assert one_seed.points == results.scores.points
    values[5:, 0] = np.nan
    some = replace(results.scores, values=values).usable()
    assert (some.points, some.seeds) == (results.scores.points[:5], (0,))
    assert answers(results.lattice, Bootstrap(some))
    with pytest.raises(GenRecError, match="no results yet"):
        replace(results.scores, values=np.full_like(values, np.nan)).usable()


def test_advice_between_the_shares():
    """A truth whose best share, 0.6, is none of the grid's."""

    def truth(sft, pairs):
        return 0.6 * np.log1p(sft) + 0.4 * np.log1p(pairs)

    results = made_results(study(budgets=[200, 1000, 5000], shares=[1, 0.8, 0.5, 0.25, 0.1, 0]), truth)
    advice = advice_for(results, 1000, 1.0)
    assert advice.share == pytest.approx(0.6, abs=0.1)
    assert advice.tied_from <= advice.share <= advice.tied_to
    assert advice.low < truth(600, 400) < advice.high
    assert "Nothing tells it apart" in told(results.study, advice)
    assert advice.measured
    for budget, ratio in ((20000, 1.0), (20000, 4.0), (5000, 0.1)):
        beyond = advice_for(results, budget, ratio)
        assert not beyond.measured
        assert "extrapolated" in told(results.study, beyond)
    with pytest.raises(GenRecError, match="above 0"):
        advice_for(results, 0, 1.0)
    with pytest.raises(GenRecError, match="3 results are too few"):
        advice_for(made_results(study(budgets=[100], shares=[1, 0.5, 0]), papers), 100, 1.0)


def test_a_pilot_costs_a_tenth_at_most():
    results = made_results(study(budgets=[50, 100, 1000, 5000], price=2.0), papers)
    points = pilot_points(results.study, results.lattice, 1.0, 5000)
    judged = {sft: max(pairs for start, pairs in points if start == sft) for sft, _ in points}
    assert points
    assert 2 * (max(judged) + sum(judged.values())) <= 500
    assert pilot_points(results.study, results.lattice, 1.0, 100) == ()
    assert not advice_for(results, 5000, 1.0, pilot=True).measured
    with pytest.raises(GenRecError, match=r"costs [\d,]+, all shares together: it serves budgets from [\d,]+0 on"):
        advice_for(results, 100, 1.0, pilot=True)
    with pytest.raises(GenRecError, match="price ratio of 3, only at 1"):
        advice_for(results, 5000, 3.0, pilot=True)
    assert any(pilot.trials == 3 * len(pilot.budgets) > 0 for pilot in find(results).pilots)


def test_pairs_of_a_file_are_bought_once(tmp_path):
    asked = study(budgets=[100, 2000], task=file_task(tmp_path))
    assert max(pilot_points(asked, lattice(asked), 1.0, 2000)) == (100, 0)
    own = study(budgets=[100, 2000])
    assert pilot_points(own, lattice(own), 1.0, 2000) == ()


@pytest.mark.slow
def test_the_report(tmp_path):
    asked = study(budgets=[100, 5000], price_ratios=[0.5, 1], currency="euros")
    sweeps = [Sweep("sft", {1e-4: 0.2, 1e-3: 0.4}, 1e-3), Sweep("dpo", {1e-5: 0.2, 1e-4: 0.4, 1e-3: None}, 1e-4)]
    results = replace(made_results(asked, papers), sweeps=sweeps, pool=5000)
    write_report(tmp_path / "one", results)
    write_report(tmp_path / "two", results)
    charts = [f"charts/{chart}-{ratio}.svg" for chart in ("curves", "heat-map") for ratio in ("0.5", "1")]
    charts += ["charts/rates-dpo.svg", "charts/rates-sft.svg"]
    files = ["answers.json", *charts, "report.html", "report.md"]
    found = (path for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert sorted(path.relative_to(tmp_path / "one").as_posix() for path in found) == files
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    told = json.loads((tmp_path / "one" / "answers.json").read_text())
    assert len(told["answers"]) == 4
    assert [one["verdict"] for one in told["findings"]] == ["supported"] * 3
    markdown, html = ((tmp_path / "one" / name).read_text() for name in ("report.md", "report.html"))
    assert markdown.startswith("# How to split an annotation budget")
    assert "For a budget of 5,000 euros at a price ratio of 1:" in markdown
    assert "SFT's learning rate, 0.001, is the highest of its sweep" in markdown
    assert "DPO's learning rate" not in markdown
    assert "| DPO, 0.001 | diverged |" in markdown
    assert "some pairs are about examples that are demonstrations, too" in markdown
    assert html.count("<svg") == 4 + 3 + 2
    for chart in charts:
        assert f"]({chart})" in markdown
        svg = ElementTree.parse(tmp_path / "one" / chart).getroot()
        assert svg.tag == "{http://www.w3.org/2000/svg}svg"
        assert "var(" not in (tmp_path / "one" / chart).read_text()
    assert "Evaluation of next-place rankings" not in html
    first = replace(results.scores, values=np.where(np.arange(3)[:, None] < 1, results.scores.values, np.nan))
    write_report(tmp_path / "early", replace(results, scores=first))
    assert "The study is not finished: 26 of 78" in (tmp_path / "early" / "report.md").read_text()
