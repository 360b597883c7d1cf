"""`genrec-eval fit-habits`: fit the weights of the habits ranker."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from eval.experiments.fit import fit, fit_set, synthetic_city
from genrec.cli.console import err, out
from genrec.cli.options import Reading
from genrec.files import one_writer, write_text


def fit_habits(
    context: typer.Context,
    output: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the weights go (JSON).")],
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[IN]...", help="Files of check-ins, or prepared folders.")
    ] = None,
    cities: Annotated[int, typer.Option(min=0, help="Synthetic cities to fit on as well.")] = 1,
    limit: Annotated[int, typer.Option(min=1, help="Visits of each to fit on, drawn at random.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws and the cities.")] = 0,
) -> None:
    """Fit the habits ranker's weights on visits of the second quarter of check-ins, which no split tests on."""
    context.with_resource(one_writer(output))
    sets = []
    for path in paths or []:
        sets.append(fit_set(Reading().checkins(path), path.name, limit=limit, seed=seed))
    for number in range(seed, seed + cities):
        with err.status(f"building city {number}"):
            sets.append(fit_set(synthetic_city(number), f"synthetic city, seed {number}", limit=limit, seed=seed))
    options = {"--cities": cities, "--limit": limit, "--seed": seed}
    words = [
        "genrec-eval",
        "fit-habits",
        *(path.name for path in paths or []),
        *(f"{k}={v}" for k, v in options.items()),
    ]
    with err.status("fitting") as status:
        fitted = fit(
            sets,
            command=shlex.join(words),
            seed=seed,
            progress=lambda score: status.update(f"fitting: mean log-probability {score:.4f}"),
        )
    write_text(output, fitted.model_dump_json(indent=2) + "\n")
    for name, value in fitted.weights.model_dump().items():
        out.print(f"{name} {value}")
    examples = sum(data.examples for data in fitted.data)
    sizes = ", ".join(f"{data.examples:,} of {data.name}" for data in fitted.data)
    out.print(
        f"mean log-probability of {examples:,} visits ({sizes}): {fitted.score_before:.4f} before, "
        f"{fitted.score:.4f} now"
    )
