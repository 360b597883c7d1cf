"""What a comparison of optimisers says: one table, and the paper's claims held against it."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.table import Table

from eval.measures.intervals import percentiles, user_draws
from training.bench.optimizers.measure import Row
from training.bench.optimizers.variants import FULL, VARIANTS

LESS_STATE: Final = 0.655  # "up to", in the abstract of arXiv 2403.03507
RESAMPLES: Final = 2000
GALORE: Final = ("GaLore 128", "GaLore 256")  # in the precision of the optimiser that they are held against
LORA: Final = ("LoRA 16", "LoRA 128")
LEFT_OUT: Final = "not measured"

Floats = NDArray[np.float64]


def mean_loss(row: Row) -> float:
    """Mean of -log p of the places that people went to."""
    return sum(loss for _, _, loss in row.people) / sum(visits for visits, _, _ in row.people)


def accuracy(row: Row) -> float:
    """Share of the visits that the model would have written right."""
    return sum(right for _, right, _ in row.people) / sum(visits for visits, _, _ in row.people)


def table(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """A line a variant, as far as it is measured."""
    return [_line(rows, variant.name) for variant in VARIANTS if _of(rows, "cost", variant.name)]


def _line(rows: Sequence[Row], name: str) -> dict[str, Any]:
    [cost] = _of(rows, "cost", name)
    line: dict[str, Any] = {"variant": name, "error": cost.error}
    if cost.error is None:
        line |= {
            "state_bytes": cost.state_bytes,
            "less_state": less_state(rows, "cost", name),
            "peak_mb": cost.peak_mb,
            "step_seconds": cost.step_seconds,
            "first_step_seconds": cost.first_step_seconds,
        }
    learned = [row for row in _of(rows, "learned", name) if row.error is None]
    if learned:
        small: dict[str, Any] = {
            "rate": learned[0].rate,
            "state_bytes": learned[0].state_bytes,
            "less_state": less_state(rows, "learned", name),
            "peak_mb": max(row.peak_mb for row in learned),
            "step_seconds": round(float(np.mean([row.step_seconds for row in learned])), 4),
            "seeds": [row.seed for row in learned],
            "accuracy": float(np.mean([accuracy(row) for row in learned])),
            "loss": float(np.mean([mean_loss(row) for row in learned])),
            "loss_above_full": behind(rows, name, FULL),
            "accuracy_above_full": behind(rows, name, FULL, column=1),
        }
        line["small"] = small
    return line


def less_state(rows: Sequence[Row], part: str, name: str) -> float | None:
    """The share of full AdamW's state that a variant does without."""
    own, full = ([row.state_bytes for row in _of(rows, part, one) if row.error is None][:1] for one in (name, FULL))
    return 1 - own[0] / full[0] if own and full else None


def behind(rows: Sequence[Row], name: str, other: str, column: int = 2) -> dict[str, Any] | None:
    """How much more a variant's mean (of -log p; `column` 1: of visits foretold right) is than another's.

    Over the seeds that both have, with a 95% interval: persons are drawn with replacement, and so are seeds.
    """
    by_seed = [
        {row.seed: row.people for row in _of(rows, "learned", one) if row.error is None} for one in (name, other)
    ]
    seeds = sorted(by_seed[0].keys() & by_seed[1].keys())
    if not seeds or name == other:
        return None
    own, others = (np.array([people[seed] for seed in seeds]) for people in by_seed)  # (seeds, persons, columns)
    visits = own[0, :, 0]
    differences = (own - others)[:, :, column]
    draws = np.vstack(list(user_draws(len(visits), RESAMPLES, 0)))
    drawn: Floats = (draws @ differences.T) / (draws @ visits)[:, None]
    chosen = np.random.default_rng(1).multinomial(len(seeds), np.full(len(seeds), 1 / len(seeds)), size=RESAMPLES)
    low, high = percentiles((drawn * chosen).sum(axis=1) / len(seeds), len(visits))
    return {"mean": float(differences.sum() / visits.sum() / len(seeds)), "low": low, "high": high, "seeds": len(seeds)}


def claims(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Of the paper's claims, what these figures say: confirmed, contradicted or undecided."""
    found: list[dict[str, Any]] = []
    for part, model in (("cost", "large model"), ("learned", "small model")):
        saved = [less for name in GALORE if (less := less_state(rows, part, name)) is not None]
        verdict = "undecided" if not saved else "confirmed" if max(saved) >= LESS_STATE else "contradicted"
        claim = f"GaLore saves up to {LESS_STATE:.1%} of the optimiser's state: {model}"
        found.append({"claim": claim, "verdict": verdict, "less_state": max(saved, default=None)})
    pairs = [(f"{lora} ends behind full rank", lora, FULL) for lora in LORA]
    pairs += [(f"{lora} ends behind {GALORE[0]}", lora, GALORE[0]) for lora in LORA]
    for claim, name, other in pairs:
        difference = behind(rows, name, other)
        found.append({"claim": claim, "verdict": _verdict(difference), "loss_above": difference})
    for name in GALORE:  # that nothing is lost cannot be shown by an interval that reaches 0, only the opposite
        difference = behind(rows, name, FULL)
        verdict = {"confirmed": "contradicted", "contradicted": "confirmed"}.get(_verdict(difference), "undecided")
        found.append({"claim": f"{name} does not end behind full rank", "verdict": verdict, "loss_above": difference})
    return found


def _verdict(difference: dict[str, Any] | None) -> str:
    if difference is None or difference["low"] is None:
        return "undecided"
    return "confirmed" if difference["low"] > 0 else "contradicted" if difference["high"] < 0 else "undecided"


def warnings(rows: Sequence[Row]) -> list[str]:
    """What the reader must know of the learning rates."""
    found = []
    for variant in VARIANTS:
        learned = _of(rows, "learned", variant.name)
        if variant.rates and learned and learned[0].rate in (min(variant.rates), max(variant.rates)):
            found.append(f"{variant.name}: the best rate, {learned[0].rate:g}, is at the end of those tried.")
    return found


def shown(rows: Sequence[Row], model: str) -> Table:
    """The table for a terminal."""
    made = Table(
        title=f"Ways to tune: what they cost on {model}, and what a small model learns by them",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    headings = ("state MB", "less", "peak MB", "s a step", "first", "rate", "state MB", "less", "s a step", "right")
    made.add_column("way")
    for heading in (*headings, "-log p", "above full AdamW (95%)"):
        made.add_column(heading, justify="right")
    for line in table(rows):
        made.add_row(line["variant"], *_cost_cells(line), *_small_cells(line.get("small")))
    return made


def _cost_cells(line: dict[str, Any]) -> list[str]:
    if line["error"]:
        return [f"does not run here: {line['error']}", *[""] * 4]
    seconds = f"{line['step_seconds']:.2f}", f"{line['first_step_seconds']:.1f}"
    return [f"{line['state_bytes'] / 1e6:,.1f}", _share(line["less_state"]), f"{line['peak_mb']:,}", *seconds]


def _small_cells(small: dict[str, Any] | None) -> list[str]:
    if small is None:
        return [LEFT_OUT, *[""] * 6]
    above = small["loss_above_full"]
    return [
        f"{small['rate']:g}",
        f"{small['state_bytes'] / 1e6:,.2f}",
        _share(small["less_state"]),
        f"{small['step_seconds']:.3f}",
        f"{small['accuracy']:.3f}",
        f"{small['loss']:.3f}",
        f"{above['mean']:+.3f} ({above['low']:+.3f} to {above['high']:+.3f})" if above else "",
    ]


def _share(less: float | None) -> str:
    return "" if less is None else f"{less:.1%}"


def _of(rows: Sequence[Row], part: str, name: str) -> list[Row]:
    return [row for row in rows if (row.part, row.variant) == (part, name)]
