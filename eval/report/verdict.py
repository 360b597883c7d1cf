"""Does the profile matter? What the controls of a run say, in the sentences that open its report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from eval.methods.llm import LlmSpec
from genrec.profiles.shelf import Show

SIGNIFICANCE = 0.05
CONTROLS: dict[Show, str] = {"swapped": "another user's profile", "emptied": "an emptied profile"}


@dataclass(frozen=True)
class Verdict:
    """`used`: whether it matters that the profile is this user's; None if the run cannot tell."""

    used: bool | None
    headline: str
    reasons: tuple[str, ...]


def verdicts(controls: pl.DataFrame, methods: Sequence[str]) -> list[Verdict]:
    """One verdict a method that has controls, or else one that says why there is none.

    `controls`: columns of `eval.measures.intervals.compare`, `a` being a method and `b` one of its controls.
    """
    if controls.is_empty():
        return [_untested(methods)]
    return [_verdict(str(own), rows.to_dicts()) for (own,), rows in controls.group_by("a", maintain_order=True)]


def _untested(methods: Sequence[str]) -> Verdict:
    specs = {method: LlmSpec.parse(method) for method in methods}
    readers = [method for method, spec in specs.items() if spec is not None and spec.level != "none"]
    if not readers:
        return Verdict(None, "No method of this run reads a profile.", ())
    advice = "The run has no control. Add the methods llm:full-swapped and llm:full-emptied beside llm:full."
    return Verdict(None, "Whether the profile matters was not tested.", (advice,))


def _verdict(own: str, rows: Sequence[Mapping[str, Any]]) -> Verdict:
    by_control = {_control(row["b"]): row for row in rows}
    falls = {control: _falls(row) for control, row in by_control.items()}
    reasons = tuple(_reason(CONTROLS[control], row) for control, row in by_control.items())
    if not any(falls.values()):
        return Verdict(False, f"The profile is not used by {own}.", reasons)
    if falls.get("swapped") is False:
        other = "another user's profile works equally well"
        return Verdict(False, f"The user's own profile is not used by {own}: {other}.", reasons)
    if falls.get("emptied") is False:
        return Verdict(False, f"The profile does not help {own}: an emptied profile works equally well.", reasons)
    if "swapped" not in falls:
        return Verdict(None, f"A profile helps {own}; whether it must be the user's own was not tested.", reasons)
    if "emptied" not in falls:
        return Verdict(None, f"A wrong profile harms {own}; whether the right one helps was not tested.", reasons)
    return Verdict(True, f"The profile matters to {own}.", reasons)


def _control(method: str) -> Show:
    spec = LlmSpec.parse(method)
    if spec is None:
        raise ValueError(f"{method!r} is not a control")
    return spec.show


def _falls(row: Mapping[str, Any]) -> bool:
    return bool(row["p_holm"] < SIGNIFICANCE and row["difference"] > 0)


def _reason(what: str, row: Mapping[str, Any]) -> str:
    """What a control does to Acc@1, with the interval: it also says how large a fall the examples leave possible."""
    change, low, high = (end if end is None else 0.0 - end for end in (row["difference"], row["high"], row["low"]))
    span = "no interval from one user" if low is None else f"95% interval {low:+.3f} to {high:+.3f}"
    numbers = f"{change:+.3f} ({span}, p = {row['p_holm']:.2g})".replace("-", "\N{MINUS SIGN}")
    return f"With {what}, Acc@1 {'falls' if _falls(row) else 'does not fall significantly'}: {numbers}."
