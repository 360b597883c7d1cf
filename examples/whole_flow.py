"""The whole flow on one page: check-ins, profiles, a ranking, SFT, DPO, evaluation.

    python examples/whole_flow.py [MODEL]

Each step is a command as one would type it, on a tiny synthetic city; everything is written into the folder
whole-flow/. MODEL is what `--model` takes: `embedded` (the default, some minutes on two cores) or a model's folder. The
city and the training are so small that the example shows how the parts fit together, and not how good they are. With
your own check-ins, leave out the first step, and the limits.
"""

import os
import shlex
import sys
from pathlib import Path

import eval.cli
import genrec.cli
import training.cli

MAIN = {"genrec": genrec.cli.main, "genrec-eval": eval.cli.main, "genrec-train": training.cli.main}
RECIPES = Path(training.cli.__file__).parents[1] / "recipes"
EMBEDDED = "embedded"


def step(about: str, command: str) -> None:
    """Show a command and run it in this process; an error ends the example."""
    print(f"\n# {about}\n$ {command}\n", flush=True)
    sys.argv = shlex.split(command)
    try:
        MAIN[sys.argv[0]]()
    except SystemExit as end:
        if end.code:
            raise


def flow(model: str) -> None:
    """From check-ins to an evaluated model, in the current folder."""
    step(
        "A city whose people are known. Its check-ins are a CSV, as yours are.",
        "genrec data synth --users 12 --pois 80 --days 60 --seed 3 --out city",
    )
    step(
        "Read a file once, check it, and keep it in a folder that loads fast.",
        "genrec data prepare city/checkins.csv --out checkins",
    )
    step(
        "Profiles of the three most active people. What happens from 23 February on is for the evaluation.",
        f"genrec profile checkins --limit 3 --as-of 2024-02-23 --model {model} --out profiles.jsonl",
    )
    step(
        "Each sentence of one of them, with the visits behind it.",
        "genrec profile show u0001 --profiles profiles.jsonl",
    )
    step(
        "Where will this person go next? The five most probable places, from the check-ins alone.",
        "genrec recommend checkins --user u0001 --at '2024-02-29 13:30' -k 5 --explain",
    )
    step(
        "The same by the language model, which reads the profile.",
        "genrec recommend checkins --by llm --profiles profiles.jsonl --user u0001 --at '2024-02-29 13:30' -k 5 "
        f"--model {model}",
    )

    # A recipe says all of a training run, and --set changes it: here to few examples with short prompts.
    small = "--set data.checkins=checkins --set data.limit=8 --set data.budget=100 --set data.visits=3"
    base = f"--set model={model}"
    start = "shipped" if model == EMBEDDED else "null"  # the adapter to go on from
    step(
        "SFT: learn the next place of each visit from conversations such as the ranking's.",
        f"genrec-train sft {RECIPES}/embedded-cpu.yaml {base} {small} --set adapter={start} --out sft",
    )
    pairs = f"{RECIPES}/dpo.yaml {base} {small} --set adapter=sft --set preferences=pairs.jsonl"
    step(
        "Pairs of a better and a worse place: the model's own answers, those of habits, places nearby, any places.",
        f"genrec-train preferences {pairs}",
    )
    step(
        "DPO: learn from these pairs. The result is one adapter, which does what both stages taught.",
        f"genrec-train dpo {pairs} --out dpo",
    )
    step(
        "Evaluate: the same visits for each method, and a report with intervals.",
        "genrec-eval run checkins --limit 6 --method fusion --method habits --method most-frequent --method llm:full "
        f"--method llm:full-adapted --model {model} --adapter dpo --profiles profiles.jsonl --out evaluation",
    )


if __name__ == "__main__":
    model = sys.argv[1] if len(sys.argv) > 1 else EMBEDDED
    if Path(model).is_dir():
        model = shlex.quote(str(Path(model).resolve()))
    folder = Path("whole-flow")
    if folder.exists():
        sys.exit(f"{folder} exists already: remove it, or run the example elsewhere")
    folder.mkdir()
    os.chdir(folder)
    flow(model)
    print(f"\nThe report is in {folder}/evaluation/report.html.")
