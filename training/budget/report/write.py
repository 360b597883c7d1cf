"""The report of a study: answers.json for programs, report.md (with charts/) and report.html for people.

The same results give the same bytes.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np

from eval.report.charts import Estimate, standalone
from eval.report.verdict import Verdict
from eval.report.write import render, rounded
from genrec.errors import GenRecError
from genrec.files import write_text
from training.budget.chain import key_of
from training.budget.lattice import Lattice
from training.budget.plan import counted, taught_nothing
from training.budget.report.advice import LEAST_POINTS, Advice, Surrogate, advise, fit, pilot_points
from training.budget.report.answers import Answer, Bootstrap, Scores, answers
from training.budget.report.beside import beside_section
from training.budget.report.checks import checks
from training.budget.report.judgements import compare, verdict_of
from training.budget.report.prices import Stretch, changes_sentence, stretches
from training.budget.report.results import Results
from training.budget.report.sections import Found, sections
from training.budget.report.settings import settings_of
from training.budget.report.trials import PilotTest, metric_name
from training.budget.spec import SOUND_SEEDS, NextPoi, Study

TITLE = "How to split an annotation budget"
ANSWERS, CHARTS, REPORTS = "answers.json", "charts", ("report.md", "report.html")
EARLIER = "earlier"  # a folder of reports of other recipes, a folder each


def write_report(out: Path, results: Results) -> Found:
    """Write the report's files into `out`; returns what they tell. Raises GenRecError if there is no result yet.

    A report of another recipe that lies there is put into EARLIER.
    """
    found = find(results)
    recipe = key_of(results.study.model_dump(mode="json"))
    _set_aside(out, recipe)
    study, lattice, scores = results.study, results.lattice, results.scores
    page: dict[str, Any] = {
        "verdicts": [*_sentences(found), *_verdicts(found), *_further(found)],
        "summary": _summary(study, lattice, scores),
        "warnings": list(warnings_of(results)),
        "settings": settings_of(study, scores),
        "sections": list(sections(found)),
    }
    for section in page["sections"]:
        for figure in section.figures:
            if figure.file:
                write_text(out / figure.file, standalone(figure.svg))
    plain = {
        "recipe": recipe,
        "answers": [asdict(one) for one in found.answers],
        "advice": [asdict(one) for one in found.advice],
        "findings": [asdict(one) for one in found.checks],
        "sweeps": [
            {
                "stage": one.stage,
                "chosen": one.chosen,
                "scores": {f"{rate:g}": mean for rate, mean in one.means.items()},
            }
            for one in found.sweeps
        ],
        "pilots": [asdict(one) for one in found.pilots],
        "before_pairs": [{"demonstrations": sft} | one._asdict() for sft, one in found.alone],
        "template": found.template,
        "prices": [asdict(one) for one in found.prices],
        "judgements": asdict(found.judgements) if found.judgements else None,
        "trained_on": lattice.trained_on,
        "trained_on_apart": lattice.trained_on_apart,
    }
    write_text(out / ANSWERS, json.dumps(rounded(plain), indent=1, sort_keys=True) + "\n")
    for name in REPORTS:
        write_text(out / name, render(f"{name}.jinja", page, TITLE))
    return found


def _set_aside(out: Path, recipe: str) -> None:
    """Put the report of another recipe away, under the key of that."""
    try:
        other = str(json.loads((out / ANSWERS).read_text(encoding="utf-8")).get("recipe", "unnamed"))
    except (OSError, ValueError, AttributeError):  # there is none, or what there is is no report
        return
    if other != recipe:
        place = out / EARLIER / other[:12]
        place.mkdir(parents=True, exist_ok=True)
        for name in (CHARTS, *REPORTS, ANSWERS):  # the answers last: a kill in between is made up for
            if (out / name).exists():
                rmtree(place / name, ignore_errors=True)  # charts of the same recipe, put away before
                (out / name).replace(place / name)


def find(results: Results) -> Found:
    """All that the report tells. Raises GenRecError if there is no result yet."""
    study, lattice = results.study, results.lattice
    boot = Bootstrap(results.scores.usable())
    found = answers(lattice, boot)
    if not found:
        raise GenRecError("no budget has two splits that are done yet: go on with `genrec-train budget run`")
    advice: list[Advice] = []
    prices: list[Stretch] = []
    if len(boot.scores.points) >= LEAST_POINTS:
        surrogate = fit(boot)
        prices = stretches(study, surrogate, boot.shared_noise)
        for answer in found:
            advice.append(
                advise(
                    surrogate, answer.budget, answer.ratio,
                    price=study.price, shared_noise=boot.shared_noise,
                )
            )  # fmt: skip
    ratio = 1.0 if 1.0 in study.price_ratios else study.price_ratios[0]
    return Found(
        study=study,
        answers=found,
        advice=advice,
        checks=checks(lattice, boot, ratio, study.price),
        checks_ratio=ratio,
        sweeps=results.sweeps,
        pilots=[pilot_test(study, lattice, boot, found, one) for one in study.price_ratios],
        alone=[(sft, Estimate(*boot.interval((sft, pairs)))) for sft, pairs in boot.scores.points if not pairs],
        template=float(np.mean(results.template.scores)) if results.template else None,
        prices=prices,
        judgements=compare(results.scores, results.kto) if results.kto else None,
        beside=beside_section(results.beside, results.template) if results.beside else None,
    )


def pilot_test(study: Study, lattice: Lattice, boot: Bootstrap, found: Sequence[Answer], ratio: float) -> PilotTest:
    """Ask each seed's pilot for advice on each budget that has one, and compare with the answers of all results."""
    scores, budgets, hits = boot.scores, [], 0
    lost: list[float] = []
    for answer in (one for one in found if one.ratio == ratio):
        points = pilot_points(study, lattice, ratio, answer.budget)
        if len(points) < LEAST_POINTS or not set(points) <= set(scores.points):
            continue
        budgets.append(answer.budget)
        for seed in scores.seeds:
            small = Bootstrap(scores.only(points, (seed,)))
            surrogate = Surrogate(small.scores.points, small.values, small.noise)
            advice = advise(surrogate, answer.budget, ratio, price=study.price, shared_noise=0.0)
            nearest = min(answer.splits, key=lambda split: abs(split.share - advice.share))
            hits += nearest.tied
            lost.append(answer.best.value - nearest.value)
    return PilotTest(ratio, tuple(budgets), hits, len(lost), sum(lost) / len(lost) if lost else 0.0)


def sentence(study: Study, answer: Answer) -> str:
    """The answer for a budget in one sentence."""
    best, base = answer.best, answer.base
    budget = f"a budget of {answer.budget:,g} {study.currency} at a price ratio of {answer.ratio:g}"
    split = (
        f"{best.cell.sft:,} demonstrations and {best.cell.pairs:,} pairs (share {best.share:g}); "
        f"{metric_name(study)} {best.value:.3f} ({best.low:.3f} to {best.high:.3f})"
    )
    if base is None:
        return f"For {budget}: {split}."
    if base.lead_low > 0:
        return f"For {budget}: {split}, ahead of the base model ({base.value:.3f})."
    where = "lies below" if base.lead_high < 0 else "is not told apart from"
    return (
        f"No split of {budget} is shown to help: the best of them {where} the base model ({base.value:.3f}): {split}."
    )


def _sentences(found: Found) -> Iterator[Verdict]:
    """For the largest budget at each price ratio."""
    for ratio in dict.fromkeys(one.ratio for one in found.answers):
        answer = [one for one in found.answers if one.ratio == ratio][-1]
        rest = ", ".join(f"{one.share:g}" for one in answer.tied)
        if len(answer.tied) == len(answer.splits) - 1:
            apart = "Nothing tells it apart from any other share."
        elif rest:
            apart = f"Nothing tells it apart from share{'s' if len(answer.tied) > 1 else ''} {rest}."
        else:
            apart = "It is ahead of all other shares."
        reasons = (f"It is the best of the splits with probability {answer.best.p_best:.2f}.", apart)
        gains = answer.base is None or answer.base.lead_low > 0
        yield Verdict(True if gains and not rest else None, sentence(found.study, answer), reasons)


def _verdicts(found: Found) -> Iterator[Verdict]:
    meaning = {"supported": True, "contradicted": False, "undecided": None, "not tested": None}
    for number, one in enumerate(found.checks, start=1):
        headline = f"Finding {number} of the paper, on these data: {one.verdict}."
        yield Verdict(meaning[one.verdict], headline, (f'The paper: "{one.claim}"',))


def _further(found: Found) -> Iterator[Verdict]:
    """What else is worth a sentence: how a template does, what the price changes, and KTO."""
    if found.template is not None:
        template = f"A template, without any language model, has {metric_name(found.study)} {found.template:.3f}."
        best = max(answer.best.value for answer in found.answers)
        yield Verdict(best > found.template, template, (f"The best split of all has {best:.3f}.",))
    if found.prices:
        yield Verdict(None, changes_sentence(found.study, found.prices), ())
    if found.judgements:
        mean = found.judgements.mean
        yield Verdict(True if mean.low > 0 else False if mean.high < 0 else None, verdict_of(found.judgements), ())


def _summary(study: Study, lattice: Lattice, scores: Scores) -> str:
    share = lattice.trained_on / lattice.trained_on_apart
    return (
        f"{counted(len(study.budgets), 'budget')}, {counted(len(study.shares), 'share')}, "
        f"{counted(len(study.price_ratios), 'price ratio')} and {counted(len(study.seeds), 'seed')} are read from "
        f"{counted(lattice.models, 'model')}, trained on {lattice.trained_on:,} examples: "
        f"{share:.0%} of the {lattice.trained_on_apart:,} that a run for each split would train on. "
        f"{counted(len(scores.groups), 'test example')}."
    )


def warnings_of(results: Results) -> Iterator[str]:
    """What a reader of the report must know before believing it."""
    study, scores = results.study, results.scores
    used = scores.usable()
    known = int(np.isfinite(scores.values[:, :, 0]).sum())
    total = len(scores.points) * len(scores.seeds)
    if known < total:
        yield f"The study is not finished: {known:,} of {total:,} results are there; this is a first answer."
    if len(used.seeds) < SOUND_SEEDS:
        yield f"{counted(len(used.seeds), 'seed')}: too few to tell chance in training from what splits do."
    if too_few := taught_nothing(study, results.lattice):
        yield f"{too_few[0].upper()}{too_few[1:]}."
    if isinstance(study.task, NextPoi) and study.task.rule == "truth":
        yield "A variant: in each pair the true place wins, so a judgement says as much as a demonstration."
    if len(set(scores.groups)) == 1:
        yield "All test examples are of one user: the intervals are about this user's visits, not about people."
    for sweep in results.sweeps:
        if sweep.edge and len(sweep.means) > 1:
            yield (
                f"{sweep.stage.upper()}'s learning rate, {sweep.chosen:g}, is the {sweep.edge} of its sweep: a better "
                f"one may lie beyond it, and a poor one counts against the splits that use {sweep.stage.upper()} more."
            )
    yield from warn_of_overlap(results.lattice, results.pool)


def warn_of_overlap(lattice: Lattice, pool: int | None) -> list[str]:
    """A line if demonstrations and pairs of some runs share examples; `pool` is None if they have files apart."""
    if pool is None or lattice.disjoint(pool) == len(lattice.points):
        return []
    return [
        f"In {len(lattice.points) - lattice.disjoint(pool):,} of {len(lattice.points):,} points of the lattice, some "
        f"pairs are about examples that are demonstrations, too: there are {pool:,} training examples."
    ]
