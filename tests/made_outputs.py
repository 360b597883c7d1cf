"""Commands that write, as tests of what they leave start them."""

import subprocess
import sys

RUN = "import {package}.cli\n{before}\n{package}.cli.main()"


def start(package, *arguments, before="", **options):
    """A command in a process of its own."""
    code = RUN.format(package=package, before=before)
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def snapshot(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "times.json"}


WRITERS = {
    "prepare": ("genrec", ["data", "prepare", "in.csv", "--out"], "folder"),
    "synth": ("genrec", ["data", "synth", "--users", 3, "--pois", 60, "--days", 5, "--out"], "folder"),
    "profile": ("genrec", ["profile", "in.csv", "--writer", "habits", "--as-of", "2024-01-12", "--out"], "file"),
    "rankings": (
        "genrec",
        ["recommend", "in.csv", "--by", "llm", "--users-from", "asks.txt", "--model", "MODEL", "--out"],
        "file",
    ),
    "edit": ("genrec", ["profile", "edit", "u0", "--from", "sheet.yaml", "--profiles"], "file"),
    "run": ("eval", ["run", "in.csv", "--method", "habits", "--split", "rolling", "--out"], "folder"),
    "report": ("eval", ["report"], "folder"),
    "cold-start": ("eval", ["cold-start", "in.csv", "--method", "habits", "--out"], "folder"),
    "cross-city": ("eval", ["cross-city", "--train", "in.csv", "--test", "other.csv", "--out"], "folder"),
    "ablation": ("eval", ["ablation", "in.csv", "--model", "MODEL", "--out"], "folder"),
    "fit-habits": ("eval", ["fit-habits", "in.csv", "--cities", 0, "--out"], "file"),
}


def slow(seconds):
    """Batches of one, with a pause before each: so that there is a middle to be killed in."""
    return f"""
import time, genrec.profiles.run as profiles, genrec.cli.batch as batch, genrec.jsonl as jsonl
profiles.BATCH = profiles.TEMPLATED = batch.BATCH = 1
append = jsonl.append
def late(*arguments, **options):
    time.sleep({seconds})
    append(*arguments, **options)
jsonl.append = late
"""
