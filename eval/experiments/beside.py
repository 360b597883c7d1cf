"""Where does asking the language model pay? A gate learned on validation visits, and accuracy by share of visits asked.

The model is asked about every visit; what a share of them would have given is read off. Visits at which the fusion is
least sure are asked first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from scipy.optimize import minimize

from eval.experiments.experiment import (
    OVERVIEW,
    SHOWN,
    Outcome,
    Row,
    compact_table,
    difference_table,
    differences_of,
    settings_of,
    write_overview,
)
from eval.measures.intervals import intervals
from eval.measures.metrics import rank_scores
from eval.methods.method import Method
from eval.protocol import Cases, evidence_at
from eval.report.sections import Section
from eval.report.tables import signed
from eval.report.verdict import Verdict
from eval.run import EXAMPLES, RANKINGS, SCHEMA, K, Progress, run
from genrec.beside import GATE
from genrec.rankers.beside import SITUATION, Gate, completed, mixed, situations
from genrec.rankers.ranker import Floats, Ranker, best

VALIDATION, TEST = "validation", "test"
SHARES: Final = (0.1, 0.25, 0.5, 0.75, 1.0)
START: Final = (-2.0, 0.0, 0.0, 0.0)  # the gate's weights before anything is learned: a share of .12 everywhere
RIDGE: Final = 1e-3  # on what they move from there, a visit
ALONE = "fusion"
NEARLY: Final = 0.9  # of the gain
ROUNDING: Final = 1e-6  # nats, by which an entropy may differ when other queries are computed beside


@dataclass(frozen=True)
class Looked:
    """What fusion and model say of visits. Shapes: (visits, ...)."""

    targets: list[int]
    fusion: Floats  # log-probabilities of all places
    model: Floats  # probabilities of all places
    situations: Floats


@dataclass(frozen=True)
class Asked:
    """Visits, and the model as a method to be asked about them."""

    cases: Cases
    method: Method


def beside(
    parts: tuple[Asked, Asked], fusion: Ranker, out: Path, *, name: str, progress: Progress
) -> tuple[Outcome, Gate]:
    """Learn the gate on the visits of the first part, and measure on those of the second.

    Returns the gate that asks at the share of the visits that was chosen on the first part, too.
    """
    looked = [
        look(part, fusion, out / folder, name=name, progress=progress)
        for part, folder in zip(parts, (VALIDATION, TEST), strict=True)
    ]
    weights = fitted(looked[0])
    order = np.sort(looked[0].situations[:, SITUATION.index("entropy")])[::-1]
    bounds = {share: float(order[round(share * len(order)) - 1]) - ROUNDING for share in SHARES}
    gates = {share: Gate(weights=weights, ask_from=bound) for share, bound in bounds.items()}
    learned, scores = (_scores(seen, part.cases, gates) for seen, part in zip(looked, parts, strict=True))
    chosen = _choice(learned)
    scores = pl.concat([scores, _alone(out / TEST)])
    differences = differences_of(scores, [(method, ALONE) for method in (*map(_method, SHARES), parts[1].method.name)])
    asked = {_method(share): float(gate.asks(looked[1].situations).mean()) for share, gate in gates.items()}
    settings = settings_of(out / TEST) | {
        "gate": dict(zip(SITUATION, weights, strict=True)),
        "chosen on validation visits": chosen,
        "asked": asked,
        "validation visits": len(looked[0].targets),
    }
    verdict = _verdict(differences, chosen, asked)
    outcome = Outcome("beside", settings, [verdict], intervals(scores, SHOWN).to_dicts(), differences, [])
    _write(out, outcome, name)
    return outcome, gates.get(chosen, Gate(weights=weights, ask_from=None))


def contents() -> set[str]:
    """What the folder holds."""
    return {*OVERVIEW, VALIDATION, TEST, GATE}


def fitted(looked: Looked) -> tuple[float, float, float, float]:
    """The gate's weights under which the visits are most probable, with a little ridge."""
    rows = np.arange(len(looked.targets))
    by_fusion = np.exp(looked.fusion[rows, looked.targets])
    by_model = looked.model[rows, looked.targets]

    start = np.array(START)

    def loss(weights: Floats) -> float:
        share = 1 / (1 + np.exp(-looked.situations @ weights))
        probable = np.log((1 - share) * by_fusion + share * by_model + 1e-12)
        return float(-probable.mean() + RIDGE * ((weights - start) ** 2).sum())

    a, b, c, d = minimize(loss, start, method="L-BFGS-B").x.tolist()
    return a, b, c, d


def look(part: Asked, fusion: Ranker, out: Path, *, name: str, progress: Progress) -> Looked:
    """Ask both; the model's answers are kept in a run folder, so that a killed command goes on."""
    asked = part.cases
    run(asked, [part.method], out, name=name, progress=progress)
    answers = pl.read_parquet(out / RANKINGS, glob=False).sort("example")
    evidence = evidence_at(asked, asked.examples[0].as_of)  # frozen, so that of all
    queries = [asked.query(number) for number in range(len(asked.examples))]
    scores = fusion.score(queries, evidence)
    told = zip(scores, answers["pois"].to_list(), answers["probabilities"].to_list(), strict=True)
    return Looked(
        targets=[example.target for example in asked.examples],
        fusion=scores,
        model=np.array([completed(row, pois or (), shares or ()) for row, pois, shares in told]),
        situations=situations(scores, queries, [len(evidence.visits(query.user_id)) for query in queries]),
    )


def mixture(looked: Looked, gate: Gate) -> Floats:
    """Log-probabilities of all places with the model asked where a gate says so. Shape: (visits, pois)."""
    shares = gate.share(looked.situations) * gate.asks(looked.situations)
    return np.array([mixed(*row) for row in zip(looked.fusion, looked.model, shares, strict=True)])


def _scores(looked: Looked, asked: Cases, gates: dict[float, Gate]) -> pl.DataFrame:
    """Metrics of each visit: by the fusion alone, and with the model asked about a share of the visits."""
    frames = [_rankings(ALONE, looked.fusion)]
    for share, gate in gates.items():
        frames.append(_rankings(_method(share), mixture(looked, gate)))
    return rank_scores(asked.frame, pl.concat(frames))


def _alone(run_folder: Path) -> pl.DataFrame:
    """Metrics of the model by itself."""
    examples, rankings = (pl.read_parquet(run_folder / name, glob=False) for name in (EXAMPLES, RANKINGS))
    return rank_scores(examples, rankings)


def _rankings(method: str, scores: Floats) -> pl.DataFrame:
    """The best places by log-probabilities of all, as a run would write them."""
    pois = best(scores, K)
    return pl.DataFrame(
        {
            "method": [method] * len(pois),
            "example": range(len(pois)),
            "pois": [row.tolist() for row in pois],
            "probabilities": [np.exp(row[chosen]).tolist() for row, chosen in zip(scores, pois, strict=True)],
        },
        schema={name: SCHEMA[name] for name in ("method", "example", "pois", "probabilities")},
    ).with_columns(pl.lit(None, kind).alias(name) for name, kind in SCHEMA.items() if name in ("in_prompt", "failure"))


def _method(share: float) -> str:
    return f"{ALONE} with the model, {share:.0%} asked"


def _choice(scores: pl.DataFrame) -> float:
    """The smallest share that gives nearly all of what asking can give in MRR on these visits; 0 if nothing."""
    mean = dict(scores.group_by("method").agg(pl.col("mrr").mean()).iter_rows())
    gains = {share: mean[_method(share)] - mean[ALONE] for share in SHARES}
    most = max(gains.values())
    if most <= 0:
        return 0.0
    return next(share for share, gain in gains.items() if gain >= NEARLY * most)


def _verdict(compared: Sequence[Row], chosen: float, asked: dict[str, float]) -> Verdict:
    rows = {(row["a"], row["metric"]): row for row in compared}
    everywhere = rows[_method(1.0), "mrr"]
    headline = f"Asked everywhere, the model changes MRR by {_told(everywhere)}."
    if not chosen:
        return Verdict(None, headline, ("On validation visits it gave nothing, so it is not asked.",))
    some = rows[_method(chosen), "mrr"]
    share = asked[_method(chosen)]
    reason = f"Asked where the validation visits say, at {share:.0%} of the visits, it changes MRR by {_told(some)}."
    return Verdict(None, headline, (reason,))


def _told(row: Row) -> str:
    span = "no interval from one user" if row["low"] is None else f"{signed(row['low'])} to {signed(row['high'])}"
    return f"{signed(row['difference'])} ({span})"


def _write(out: Path, outcome: Outcome, name: str) -> None:
    settings = outcome.settings
    gate = ", ".join(f"{what} {weight:.2f}" for what, weight in settings["gate"].items())
    facts = [
        ("Data", f"{name}: {settings['data']['check_ins']:,} check-ins"),
        ("Visits", f"{settings['validation visits']:,} to learn the gate, {settings['examples']:,} measured"),
        ("Gate", f"logit of the model's share: {gate}"),
        ("Asked, by the validation visits", f"{settings['chosen on validation visits']:.0%} of them"),
    ]
    text = (
        "The fusion alone, and with the model asked about a share of the visits, those at which the fusion is least "
        "sure; thresholds and gate are of the validation visits. 95% intervals, bootstrapped over users; bold "
        "differences are significant after Holm's correction."
    )
    tables = [compact_table("By share of visits asked", outcome.overall)]
    tables.append(difference_table("Against the fusion alone", outcome.differences))
    write_overview(
        out,
        outcome,
        summary=f"{name}: what asking the language model gives.",
        settings=facts,
        sections=[Section("beside", "The model beside the fusion", text, tables)],
    )
