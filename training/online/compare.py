"""The comparison: one city, one offline model, several ways to go on, several seeds; resumable, a line for each run."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from genrec import jsonl
from genrec.files import atomic_path, write_text
from genrec.rankers.fusion_net import FusionNet
from training.online.estimates import Estimate, mean_of
from training.online.material import Material
from training.online.simulator import ARMS, Arm, Run, Stage, play
from training.progress import Progress
from training.rankers.fusion import Batches
from training.recipe import OnlineRecipe

RUNS, RESULT, CHART = "runs.jsonl", "comparison.json", "comparison.png"
USUAL: Arm = "offline only"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Played:
    """All runs, by policy and seed, with the people of the played and the later visits as numbers."""

    runs: Mapping[Arm, Sequence[Run]]
    people: tuple[NDArray[np.int64], NDArray[np.int64]]


def compare(
    made: Material,
    network: FusionNet,
    recipe: OnlineRecipe,
    *,
    seeds: int,
    out: Path,
    about: Mapping[str, Any],
    bar: Progress,
) -> dict[str, Any]:
    """Play all policies; what `out` has from an earlier call is not played again. Returns what is written there.

    Killed, it leaves the comparison of the runs that were finished.
    """
    facts = {**about, "recipe": recipe.model_dump(mode="json"), "visits": [len(made.played), len(made.later)]}
    lines = jsonl.resume_part(out / RUNS, facts)
    stage = Stage(*(Batches(lists) for lists in (made.played, made.later, made.offline)))
    wanted = [(arm, seed) for seed in range(seeds) for arm in ARMS]
    for number, (arm, seed) in enumerate(wanted):
        if all((line["arm"], line["seed"]) != (arm, seed) for line in lines):
            lines.append(_plain(arm, seed, play(arm, stage, network, recipe, seed)))
            jsonl.append(out / RUNS, [jsonl.line(lines[-1])])
            report(lines, facts, made.users, recipe, out)
        bar(number + 1, len(wanted))
    return report(lines, facts, made.users, recipe, out)


def report(
    lines: Sequence[Mapping[str, Any]],
    facts: Mapping[str, Any],
    users: tuple[list[str], list[str]],
    recipe: OnlineRecipe,
    out: Path,
) -> dict[str, Any]:
    """Write what the runs so far say."""
    runs: dict[Arm, list[Run]] = {}
    for line in lines:
        runs.setdefault(line["arm"], []).append(_run(line))
    first, last = (np.unique(names, return_inverse=True)[1] for names in users)
    played = Played(runs, (first, last))
    result = {**facts, "people": [len(set(names)) for names in users]}
    result["policies"] = {arm: summary(played, arm, recipe) for arm in runs}
    write_text(out / RESULT, json.dumps(result, indent=1) + "\n")
    draw(result, played, out / CHART)
    return result


def summary(played: Played, arm: Arm, recipe: OnlineRecipe) -> dict[str, Any]:
    """What one policy did, and how much more than the one that learns nothing: means of seeds.

    `reward`: 1 / line of the visited place, 0 where it was not named. `later`: mean reciprocal rank of later visits.
    `dip`: the lowest difference at any look; significant where the whole interval is below 0.
    """
    seeds = min(len(played.runs[name]) for name in (arm, USUAL))
    earned, usual = (np.mean([run.earned for run in played.runs[name][:seeds]], axis=0) for name in (arm, USUAL))
    before = played.runs[USUAL][0].looks[0]
    looks = {n: np.mean([run.looks[n] for run in played.runs[arm]], axis=0) for n in sorted(played.runs[arm][0].looks)}
    differences = {n: _plainly(mean_of(look - before, played.people[1])) for n, look in looks.items()}
    lowest = min(looks, key=lambda n: float((looks[n] - before).mean()))
    dips = [n for n, found in differences.items() if found["high"] is not None and found["high"] < 0]
    last = max(looks)
    first = slice(recipe.warm_up if arm in ("warm-up", "safe") else 0, None)
    after = slice(first.start, first.start + recipe.adopt_every)
    return {
        "seeds": len(played.runs[arm]),
        "reward": _plainly(mean_of(earned, played.people[0])),
        "reward_difference": _plainly(mean_of(earned - usual, played.people[0])),
        "reward_difference_after_the_switch": _plainly(mean_of((earned - usual)[after], played.people[0][after])),
        "regret": {n: round(float((1 - earned[:n]).sum()), 2) for n in looks if n},
        "regret_against_offline_only": {n: round(float((usual - earned)[:n].sum()), 2) for n in looks if n},
        "later": {n: round(float(look.mean()), 4) for n, look in looks.items()},
        "later_by_seed": [round(float(run.looks[last].mean()), 4) for run in played.runs[arm]],
        "later_acc@1": round(float(np.mean([run.looks[last] == 1 for run in played.runs[arm]])), 4),
        "later_difference": differences,
        "dip": {"feedbacks": lowest, **differences[lowest], "significant_at": dips},
        "adopted": [list(run.adopted) for run in played.runs[arm]],
    }


def draw(result: Mapping[str, Any], played: Played, path: Path) -> None:
    """Later visits' ranks, and what was earned so far, both against the policy that learns nothing."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    ranks, sums = figure.subplots(1, 2)
    usual = np.mean([run.earned for run in played.runs[USUAL]], axis=0)
    for number, arm in enumerate(arm for arm in ARMS if arm != USUAL and arm in played.runs):
        found = {int(n): value for n, value in result["policies"][arm]["later_difference"].items()}
        colour = f"C{number}"
        ranks.plot(list(found), [value["value"] for value in found.values()], color=colour, marker=".", label=arm)
        low, high = ([value[end] for value in found.values()] for end in ("low", "high"))
        if None not in low:
            ranks.fill_between(list(found), low, high, color=colour, alpha=0.12, linewidth=0)
        earned = np.mean([run.earned for run in played.runs[arm]], axis=0)
        sums.plot(np.cumsum(earned - usual), color=colour, label=arm)
    for axes, label in ((ranks, "MRR of later visits"), (sums, "reward so far")):
        axes.axhline(0, color="0.3", linewidth=0.8)
        axes.axvline(result["recipe"]["warm_up"], color="0.6", linewidth=0.8, linestyle=":")
        axes.set(xlabel="feedbacks", ylabel=f"{label}, minus that of offline only")
    if len(played.runs) > 1:  # else nobody is compared yet
        ranks.legend(frameon=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def _plain(arm: Arm, seed: int, run: Run) -> dict[str, Any]:
    looks = {str(n): np.round(look, 5).tolist() for n, look in run.looks.items()}
    return {
        "arm": arm,
        "seed": seed,
        "earned": np.round(run.earned, 5).tolist(),
        "looks": looks,
        "adopted": run.adopted,
    }


def _run(plain: Mapping[str, Any]) -> Run:
    looks = {int(n): np.array(look) for n, look in plain["looks"].items()}
    return Run(np.array(plain["earned"]), looks, tuple(plain["adopted"]))


def _plainly(estimate: Estimate) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 5) for name, value in estimate._asdict().items()}
