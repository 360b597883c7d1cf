"""Which parts of the fusion matter: each of its fields left out, the residual network, and the gate."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.experiments.experiment import Outcome, Row, difference_table, differences, examine, failures, settings_of
from eval.methods.fusion import WHOLE, FusionSpec
from eval.methods.method import Method
from eval.protocol import Cases, evidence_at
from eval.report.findings import YARDSTICK, pairs
from eval.report.tables import Table, signed
from eval.report.verdict import SIGNIFICANCE, Verdict
from eval.run import Progress
from genrec.rankers.features import ALL_FIELDS

LOOKED_AT = 100  # examples, to see which fields say something
CLAIMED = ("acc@1", "acc@10")  # metrics that the verdict is about


def part_methods(asked: Cases, folder: Path | None) -> list[str]:
    """The names of the methods: the fusion, each without a part that it uses in these check-ins, and the yardstick."""
    from genrec.rankers.fusion import Fusion  # deferred: loads torch

    last = asked.examples[-1].as_of
    late = [number for number, example in enumerate(asked.examples) if example.as_of == last][:LOOKED_AT]
    explained = Fusion(folder).explain([asked.query(number) for number in late], evidence_at(asked, last), k=0)
    heard = [field for field in ALL_FIELDS if any(field in found.gate for found in explained)]
    specs = [WHOLE, FusionSpec(form="mixture"), FusionSpec(form="fixed-gate"), *map(FusionSpec, heard)]
    return [*(spec.name for spec in specs), YARDSTICK]


def ablation_of_fusion(asked: Cases, methods: Sequence[Method], out: Path, *, name: str, progress: Progress) -> Outcome:
    """Run the methods, and write the report of the run into its folder."""
    metrics = examine(asked, methods, out, name=name, progress=progress)
    compared = differences(out, pairs([method.name for method in methods]))
    verdict = _verdict([row for row in compared if row["b"] == WHOLE.name])
    return Outcome("ablation", settings_of(out), [verdict], metrics["overall"], compared, failures(metrics))


def part_table(outcome: Outcome) -> Table:
    """What the fusion loses without each part."""
    return difference_table("Without a part", [row for row in outcome.differences if row["b"] == WHOLE.name])


def _verdict(compared: Sequence[Row]) -> Verdict:
    """The parts without which it ranks worse."""
    worse = {metric: [_told(row) for row in compared if row["metric"] == metric and _falls(row)] for metric in CLAIMED}
    said = [f"Acc@{metric[4:]} falls significantly with {', '.join(rows)}." for metric, rows in worse.items() if rows]
    headline = said[0] if said else "No part of the fusion is missed significantly."
    return Verdict(None, headline, tuple(said[1:]))


def _falls(row: Mapping[str, Any]) -> bool:
    return bool(row["difference"] < 0 and row["p_holm"] < SIGNIFICANCE)


def _told(row: Mapping[str, Any]) -> str:
    return f"{row['a']} ({signed(row['difference'])})"
