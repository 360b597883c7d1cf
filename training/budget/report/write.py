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
from training.budget.plan import counted
from training.budget.report.advice import LEAST_POINTS, Advice, Surrogate, advise, fit, pilot_points
from training.budget.report.answers import Answer, Bootstrap, Scores, answers
from training.budget.report.checks import checks
from training.budget.report.results import Results
from training.budget.report.sections import Found, PilotTest, metric_name, sections
from training.budget.spec import SOUND_SEEDS, Jsonl, NextPoi, SmallModel, Study

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
        "verdicts": [*_sentences(found), *_verdicts(found)],
        "summary": _summary(study, lattice, scores),
        "warnings": list(warnings_of(results)),
        "settings": _settings(study, scores),
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
    if len(boot.scores.points) >= LEAST_POINTS:
        surrogate = fit(boot)
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
    )


def pilot_test(study: Study, lattice: Lattice, boot: Bootstrap, found: Sequence[Answer], ratio: float) -> PilotTest:
    """Ask each seed's pilot for advice on each budget that has one, and compare with the answers of all results."""
    scores, budgets, hits, trials = boot.scores, [], 0, 0
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
            trials += 1
    return PilotTest(ratio, tuple(budgets), hits, trials)


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


def _summary(study: Study, lattice: Lattice, scores: Scores) -> str:
    share = lattice.trained_on / lattice.trained_on_apart
    return (
        f"{counted(len(study.budgets), 'budget')}, {counted(len(study.shares), 'share')}, "
        f"{counted(len(study.price_ratios), 'price ratio')} and {counted(len(study.seeds), 'seed')} are read from "
        f"{counted(len(lattice.points) * len(study.seeds), 'model')}, trained on {lattice.trained_on:,} examples: "
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


def _settings(study: Study, scores: Scores) -> list[tuple[str, str]]:
    stages = (("SFT", study.sft), ("DPO", study.dpo))
    users = len(set(scores.groups)) if isinstance(study.task, NextPoi) else 1
    drawn = counted(users, "user") if users > 1 else counted(len(scores.groups), "test example")
    return [
        ("Model", study.model if isinstance(study.model, str) else _described(study.model)),
        ("Method", study.method),
        ("Data", _data(study)),
        ("A pair", _pair(study.task)),
        ("Scored", f"{len(scores.groups):,} {_scored(study.task)}; {metric_name(study)}"),
        ("Budgets", f"{', '.join(f'{one:,g}' for one in sorted(study.budgets))} {study.currency}"),
        ("Shares for SFT", ", ".join(f"{one:g}" for one in study.shares)),
        ("Price of a demonstration", f"{study.price:g}"),
        ("Price ratios: a pair, in demonstrations", ", ".join(f"{one:g}" for one in study.price_ratios)),
        ("Seeds", ", ".join(map(str, study.seeds))),
        *(
            (f"{name}", f"one pass, batches of {one.batch}, constant rate after {one.warmup_steps} steps")
            for name, one in stages
        ),
        ("Subsets", "nested: a larger budget's examples begin with those of a smaller one, in an order of each seed"),
        ("Intervals", f"95%, paired bootstrap over {drawn} and the seeds"),
    ]


def _pair(task: NextPoi | Jsonl) -> str:
    if isinstance(task, Jsonl):
        return "a row of the preferences file"
    rule = "the true place" if task.rule == "truth" else "the true place, else the right category, else the nearer one"
    return f"two places that the model itself proposes; {rule} wins. People may judge differently"


def _data(study: Study) -> str:
    task = study.task
    if isinstance(task, Jsonl):
        return ", ".join(path.name for path in (task.demonstrations, task.preferences, task.validation, task.test))
    source, train = f"synthetic city {task.city}", "80%"
    if task.data:
        source, train = Path(task.data.checkins or "").name, "50%" if task.data.train == "rolling" else train
    of = f"those between {study.past:.0%} and {train}" if study.past else f"the first {train}"
    return f"{source}; annotations from {of} of the check-ins, validation from the ninth tenth"


def _scored(task: NextPoi | Jsonl) -> str:
    if isinstance(task, Jsonl):
        return "test rows, decoded greedily"
    return "final visits of the last tenth's trajectories, all places ranked exactly"


def _described(model: SmallModel) -> str:
    read = []
    if model.cities:
        cities = counted(model.cities, "synthetic city", "synthetic cities")
        read.append(f"{model.examples:,} conversations about {cities}")
    if model.past:
        passes = counted(model.passes, "pass", "passes")
        read.append(f"visits of the first {model.past:.0%} of the check-ins ({passes})")
    return f"small ({model.layers} layers, {model.hidden} wide), pre-trained on {' and on '.join(read)}"


def warn_of_overlap(lattice: Lattice, pool: int | None) -> list[str]:
    """A line if demonstrations and pairs of some runs share examples; `pool` is None if they have files apart."""
    if pool is None or lattice.disjoint(pool) == len(lattice.points):
        return []
    return [
        f"In {len(lattice.points) - lattice.disjoint(pool):,} of {len(lattice.points):,} points of the lattice, some "
        f"pairs are about examples that are demonstrations, too: there are {pool:,} training examples."
    ]
