"""Budget studies that are really run, and what they leave behind. Loads a trainer, which `made_budget` does not."""

import json

from genrec.jobs.job import HERE
from training.budget.folder import StudyFolder
from training.budget.runner import run_study
from training.budget.tasks.material import prepare


def workshop(study, out):
    return StudyFolder(study, out, prepare(study, out))


def run(study, out, placing=HERE):
    lines = []
    run_study(workshop(study, out), say=lines.append, placing=placing)
    return lines


def kept(out):
    """All results but for how long they took."""
    files = {path.name: json.loads(path.read_text()) for path in (out / "results").glob("*.json")}
    return {name: (file["facts"], file["result"]["scores"]) for name, file in files.items()}
