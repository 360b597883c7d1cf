"""Small budget studies: on files with a tiny real model, and made-up results whose truth is known."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from training.budget.lattice import lattice
from training.budget.report.answers import Scores
from training.budget.report.results import Results
from training.budget.spec import Study


def study(**changes: object) -> Study:
    """A study of made-up data, to plan or to make results for."""
    settings = {
        "task": {"kind": "next-poi", "city": 1},
        "budgets": [100, 500, 1000, 5000],
        "sft": {"learning_rates": [1e-3]},
        "dpo": {"learning_rates": [1e-4]},
    }
    return Study.model_validate(settings | changes)


def made_results(
    asked: Study,
    score: Callable[[int, int], float],
    *,
    noise: float = 0.02,
    examples: int = 200,
    seed: int = 0,
    base: bool = False,
) -> Results:
    """Results whose true score is `score`(n_s, n_p): the same hard and easy examples for all, and some noise.

    With `base`, the base model is scored, too.
    """
    draw = np.random.default_rng(seed)
    found = lattice(asked)
    hardness = draw.normal(0, 0.2, examples)
    points = ((0, 0), *found.points) if base else found.points
    values = np.empty((len(points), len(asked.seeds), examples))
    for row, point in enumerate(points):
        values[row] = score(*point) + hardness + draw.normal(0, noise, values.shape[1:])
    groups = tuple(f"u{i // 2}" for i in range(examples))
    return Results(asked, found, Scores(points, asked.seeds, groups, values), (), None)


def write_rows(path: Path, rows: Sequence[dict[str, object]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def file_task(folder: Path, rows: int = 24) -> dict[str, object]:
    """A task of files: which digit comes next."""
    asked = [{"prompt": f"{i} and then", "completion": str((i + 1) % 10)} for i in range(rows)]
    pairs = [{"prompt": f"{i} or", "chosen": str(i % 10), "rejected": str((i + 5) % 10)} for i in range(2 * rows)]
    return {
        "kind": "jsonl",
        "demonstrations": write_rows(folder / "demonstrations.jsonl", asked),
        "preferences": write_rows(folder / "preferences.jsonl", pairs),
        "validation": write_rows(folder / "validation.jsonl", asked[:4]),
        "test": write_rows(folder / "test.jsonl", asked[4:12]),
        "metric": "made_budget:reading",
        "max_tokens": 3,
    }


def reading(text: str, row: dict[str, str]) -> float:
    """A metric that notices each change of what is written."""
    return sum(map(ord, text + row["completion"])) % 97 / 97


def tiny_study(folder: Path, model: Path, **changes: object) -> Study:
    """A study that runs in seconds."""
    stage = {"learning_rates": [0.3], "batch": 2, "warmup_steps": 0, "save_steps": 2}
    return study(
        **{
            "model": str(model),
            "task": file_task(folder),
            "lora": {"r": 2},
            "budgets": [4, 8],
            "shares": [1, 0.5, 0],
            "seeds": [0, 1],
            "sft": stage,
            "dpo": stage,
        }
        | changes
    )
