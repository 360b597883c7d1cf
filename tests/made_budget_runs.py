"""Budget studies that are really run, and what they leave behind. Loads a trainer, which `made_budget` does not."""

import json

from training.budget.folder import StudyFolder
from training.budget.runner import run_study
from training.budget.tasks.material import prepare


def workshop(study, out):
    return StudyFolder(study, out, prepare(study, out))


def run(study, out, jobs=1):
    lines = []
    run_study(workshop(study, out), jobs=jobs, say=lines.append)
    return lines


def kept(out):
    """All results but for how long they took."""
    files = {path.name: json.loads(path.read_text()) for path in (out / "results").glob("*.json")}
    return {name: (file["facts"], file["result"]["scores"]) for name, file in files.items()}
