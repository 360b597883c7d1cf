"""How well the models of the experiment on updates rank the visits of each period."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from eval.experiments.update_runs import MODELS, NETWORK
from eval.experiments.update_stages import Stages
from genrec.evidence import Evidence
from genrec.rankers.fusion import Fusion
from genrec.rankers.m2trec import M2TRec
from genrec.rankers.ranker import Floats, Query
from genrec.trajectories import Example

LEAST = 1e-12  # a probability; so that one visit does not decide


def scored(
    stages: Stages, visits: Mapping[str, Sequence[Example]], models: Mapping[tuple[str, int], Path]
) -> list[dict[str, Any]]:
    """A row for each arm, stage, kind of model and period: how many visits, loss, Acc@1, Acc@10."""
    networks = {key: M2TRec.load(folder) for key, folder in models.items()}
    fusions = {key: Fusion(folder) for key, folder in models.items()}
    rows = []
    for period, asked in visits.items():
        found: dict[tuple[str, tuple[str, int]], list[Floats]] = {}
        for as_of, group in groupby(sorted(asked, key=lambda visit: visit.as_of), key=lambda visit: visit.as_of):
            batch = list(group)
            evidence = Evidence(stages.checkins, as_of)
            queries = [Query(visit.user_id, visit.time, visit.prefix) for visit in batch]
            targets = np.array([visit.target for visit in batch])
            for key, network in networks.items():
                found.setdefault((NETWORK, key), []).append(_answers(network.score(queries, evidence), targets))
            looked = list(next(iter(fusions.values())).look(queries, evidence))
            for key, fusion in fusions.items():
                scores = np.concatenate([fusion.again(part).scores for part in looked])
                found.setdefault((MODELS[1], key), []).append(_answers(scores, targets))
        rows += [_row(model, arm, stage, period, parts) for (model, (arm, stage)), parts in found.items()]
    return rows


def _answers(scores: Floats, targets: np.ndarray[Any, Any]) -> Floats:
    """Loss, and whether the place is the first, or among the first ten. Shape: (visits, 3)."""
    own = scores[np.arange(len(targets)), targets]
    ranks = 1 + (scores > own[:, None]).sum(axis=1)
    return np.stack([-np.maximum(own, np.log(LEAST)), ranks <= 1, ranks <= 10], axis=1)


def _row(model: str, arm: str, stage: int, period: str, parts: Sequence[Floats]) -> dict[str, Any]:
    answers = np.concatenate(parts)
    loss, first, ten = answers.mean(axis=0).tolist()
    return {
        "model": model,
        "arm": arm,
        "stage": stage,
        "period": period,
        "visits": len(answers),
        "loss": round(loss, 5),
        "acc@1": round(first, 5),
        "acc@10": round(ten, 5),
    }
