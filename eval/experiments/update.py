"""The experiment on updates: months as stages, and several ways to learn each of them.

OUT/data/seed-S/known-N    what is learned by the end of stage N, without the people who are asked about
OUT/seed-S/ARM/            the models, made by `genrec-train` (eval.experiments.update_runs)
OUT/scores.jsonl           how well each ranks each period, a line each; of finished seeds
OUT/metrics.json           all figures and findings
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from eval.experiments.experiment import to_json
from eval.experiments.update_diaries import scored_diaries
from eval.experiments.update_findings import accuracies, findings, losses, measures
from eval.experiments.update_runs import RANKERS, Learners, Trainings, costs
from eval.experiments.update_scores import scored
from eval.experiments.update_stages import STAGES, Stages, asked, held_out, write_parts
from eval.report.tables import Table
from genrec import jsonl
from genrec.columns import USER
from genrec.errors import InputError
from genrec.files import write_text
from genrec.fingerprint import fingerprint
from genrec.plain_yaml import LARGEST_YAML, ValueLoader, load_yaml
from genrec.validation import read_text

SCORES, METRICS, DATA, CITY = "scores.jsonl", "metrics.json", "data", "city"


@dataclass(frozen=True)
class Settings:
    """What is tried: with so many seeds, and so many visits a period at most."""

    name: str
    seeds: int
    visits: int
    learners: Learners = RANKERS


@dataclass(frozen=True)
class Outcome:
    """All that was found, in plain types, and as tables."""

    figures: dict[str, Any]
    tables: list[Table]


def contents(seeds: int) -> set[str]:
    """What the experiment's folder may hold."""
    return {SCORES, METRICS, DATA, CITY, *(f"seed-{seed}" for seed in range(seeds))}


def experiment(stages: Stages, settings: Settings, out: Path, done: Callable[[int, str], None]) -> Outcome:
    """Train and score what is missing, and say what was found; raises GenRecError if `out` is of something else."""
    out.mkdir(parents=True, exist_ok=True)
    learners = settings.learners
    about = {"data": fingerprint(stages.checkins), "visits": settings.visits, **_recipe(learners)}
    rows = jsonl.resume_part(out / SCORES, about)
    spent: dict[int, dict[str, float]] = {}
    for seed in range(settings.seeds):
        people, folder = held_out(stages.checkins, seed), out / f"seed-{seed}"
        if not any(row["seed"] == seed for row in rows):
            parts = write_parts(stages, people, out / DATA / folder.name)
            with Trainings(learners, folder, seed, partial(done, seed)) as trainings:
                models = trainings.models(parts)
            visits = asked(stages, people, settings.visits, seed)
            score = scored_diaries if learners.recipe else scored
            new = [{"seed": seed, **row} for row in score(stages, visits, models)]
            jsonl.append(out / SCORES, [json.dumps(row) for row in new])
            rows += new
            shutil.rmtree(out / DATA / folder.name)
        spent[seed] = costs(folder)
    chosen = [row for row in rows if row["seed"] < settings.seeds]
    tables = []
    for model in learners.models:
        tables += [losses(chosen, model)] + ([accuracies(chosen, model)] if "acc@1" in measures(chosen, model) else [])
    figures = {
        "city": settings.name,
        "data": {
            "check_ins": len(stages.checkins.frame),
            "people": stages.checkins.frame[USER].n_unique(),
            "places": len(stages.checkins.pois),
            "known": [stages.rows_before(stage) for stage in range(STAGES + 1)],
            "periods": dict(zip(stages.names, [f"{begin:%Y-%m-%d}" for begin in stages.begins], strict=False)),
        },
        **_recipe(learners),
        "seeds": settings.seeds,
        "seconds": {str(seed): own for seed, own in spent.items()},
        "findings": findings(chosen, spent),
        "scores": chosen,
    }
    write_text(out / METRICS, to_json(figures))
    return Outcome(figures, tables)


def _recipe(learners: Learners) -> dict[str, Any]:
    """What the recipe of an adapter says; raises GenRecError if it is not one that can be scored."""
    if learners.recipe is None:
        return {}
    said = load_yaml(read_text(learners.recipe, most=LARGEST_YAML), ValueLoader, learners.recipe)
    data = said.get("data") if isinstance(said, dict) else None
    if not isinstance(data, dict) or data.get("prompt") != "diary":
        raise InputError(
            "data.prompt is not diary.", file=learners.recipe, fix="Only adapters that go on with diaries are scored."
        )
    return {"recipe": said}
