"""`genrec-eval score`: the metrics of predictions that another project made."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from eval.foreign import Predictions, read_predictions
from eval.measures.intervals import intervals
from eval.measures.metrics import DEPTH, RANK_METRICS, rank_scores
from genrec.cli.console import err, out, progress_bar


def score(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PREDICTIONS",
            help='JSON lines, one object a line: {"prediction": ..., "target": ...}, with a "user" if known; or a .csv'
            " or .tsv with such columns (also: ground_truth, user_id); or a folder of them. A prediction is a list of"
            ' POI ids (best first), one id, or a text that names one: "POI id 123", "Answer: 12."',
        ),
    ],
    *,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
) -> None:
    """Score the predictions of any project: Acc@k, MRR and NDCG with 95 % intervals.

    A prediction in which no POI id is found counts as a miss.
    """
    bar = progress_bar()
    bar.disable = not err.is_terminal
    with bar:
        task = bar.add_task("reading, MB", total=None)
        predictions = read_predictions(
            path, lambda done, total: bar.update(task, completed=done >> 20, total=max(1, total >> 20))
        )
    with err.status("drawing users"):
        table = intervals(rank_scores(predictions.examples, predictions.rankings), RANK_METRICS, seed=seed)
    rows = Table("metric", "value", "95 % interval", title=path.name)
    for metric, value, low, high in table.select("metric", "value", "low", "high").iter_rows():
        name = {"mrr": "MRR@20", "ndcg@10": "NDCG@10"}.get(metric, metric.capitalize())
        rows.add_row(name, f"{value:.4f}", "unknown" if low is None else f"{low:.4f} to {high:.4f}")
    out.print(rows)
    for line in _notes(predictions):
        out.print(line, markup=False)


def _notes(predictions: Predictions) -> list[str]:
    """What one must know to read the table."""
    count, users = len(predictions.examples), predictions.examples["user_id"].n_unique()
    notes = [
        f"{count:,} predictions of {users:,} users; intervals by bootstrap over users."
        if predictions.by_user
        else f"{count:,} predictions; no users given: intervals by bootstrap over rows, too narrow if users repeat.",
        f"Predictions without a POI id: {predictions.unreadable:,}; they are misses.",
    ]
    if predictions.ambiguous:
        notes.append(f"Sentences that name several ids: {predictions.ambiguous:,}; the first counts.")
    if predictions.longest < DEPTH:
        notes.append(f"Places in the longest ranking: {predictions.longest}; a target beyond is a miss at every k.")
    return notes
