"""`genrec-eval bench rankers`: how fast the rankers rank, against Cornac's models on the same check-ins."""

import json
from pathlib import Path
from typing import Annotated

import typer

from eval.bench.networks import untrained
from eval.bench.rankers import BASELINES, baselines, measure, rows_table, to_json, workload
from eval.methods.llm import Models
from eval.methods.names import NETWORKS, RANKERS, make_methods
from genrec.cli.console import err, out
from genrec.files import write_text
from genrec.profiles.shelf import ProfileShelf

SIZES = (600, 5_000, 50_000)
FULL = ((256, 2048), (1, 256))  # queries at once, and in all
QUICK = ((256, 256), (1, 16))


def rankers(
    names: Annotated[
        list[str] | None, typer.Option("--method", metavar="M", help="A ranker; give it several times. Else all.")
    ] = None,
    sizes: Annotated[
        list[int] | None, typer.Option("--pois", min=20, metavar="N", help="Sizes of the catalogue. Else several.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer queries: under a minute on two cores.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the made check-ins.")] = 0,
    output: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="All figures as JSON.")] = None,
) -> None:
    """Time the rankers at several sizes of the catalogue, 256 queries at once and one by one, on made check-ins.

    The networks are untrained here: they rank as fast as trained ones. Where Cornac is installed, its SASRec and
    LightGCN stand beside them. Figures are of one machine; ratios travel.
    """
    chosen = names or [*(name for name in RANKERS if name not in BASELINES), *NETWORKS]
    batches, epochs = (QUICK, 0) if quick else (FULL, 1)
    rows = []
    with err.status("rankers") as status:
        for pois in sizes or SIZES:
            asked = workload(pois, max(count for _, count in batches), seed)
            models = Models(asked.checkins, None, None, None)
            counted = [name for name in chosen if name not in NETWORKS]
            ours = make_methods(counted, models, ProfileShelf([], asked.checkins, seed=seed), seed=seed)
            ours += [network for network in untrained(asked, seed) if network.name in chosen]
            for method in [*ours, *(each for each in baselines(seed, epochs) if each.name not in chosen)]:
                status.update(f"{pois:,} POIs: {method.name}")
                rows += list(measure(method, asked, batches[1:] if method.name in BASELINES else batches))
    out.print(rows_table(rows))
    if output:
        settings = {"quick": quick, "seed": seed, "batches": batches, "cornac_epochs": epochs}
        write_text(output, json.dumps(to_json(rows, settings), indent=1) + "\n")
