"""What is killed at any moment ends, when it is run again, with the bytes of an undisturbed run."""

import random
import signal
import time

import pytest
from made_outputs import slow, start


def kill_after(process, seconds):
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("model", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_killed_at_any_moment_the_file_ends_the_same(model, folder, profiles, tiny_folder, genrec, monkeypatch):
    arguments = ["profile", "in.csv", "--writer", "habits", "--out"]
    if model:
        arguments = [
            "recommend",
            "in.csv",
            "--by",
            "llm",
            "--users-from",
            "asks.txt",
            "--profiles",
            profiles,
            "--model",
            tiny_folder,
        ]
        arguments += ["-k", 3, "--out"]
    for size in ("genrec.profiles.run.BATCH", "genrec.profiles.run.TEMPLATED", "genrec.cli.batch.BATCH"):
        monkeypatch.setattr(size, 1)
    assert genrec(*arguments, "whole.jsonl")[0] == 0
    draw = random.Random(1)
    for _ in range(2 if model else 4):  # a start with a model takes seconds
        process = start("genrec", *arguments, "killed.jsonl", before=slow(0.15))
        while not (folder / "killed.jsonl").exists() and process.poll() is None:
            time.sleep(0.01)
        kill_after(process, draw.random() * 0.5)
    assert genrec(*arguments, "killed.jsonl")[0] == 0
    assert (folder / "killed.jsonl").read_bytes() == (folder / "whole.jsonl").read_bytes()
    assert len((folder / "whole.jsonl").read_text().splitlines()) == 6
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.slow
def test_a_killed_prepare_is_done_again_to_the_same_folder(folder):
    pause = "import os, time\\nsync = os.fsync\\nos.fsync = lambda handle: (time.sleep(0.05), sync(handle))"
    first = start("genrec", "data", "prepare", "in.csv", "--out", "whole")
    assert (first.communicate(), first.returncode)[1] == 0
    draw = random.Random(2)
    for _ in range(4):
        process = start("genrec", "data", "prepare", "in.csv", "--out", "killed", before=pause)
        while not (folder / "killed").exists() and process.poll() is None:
            time.sleep(0.01)
        kill_after(process, draw.random() * 0.6)
    last = start("genrec", "data", "prepare", "in.csv", "--out", "killed")
    assert (last.communicate(), last.returncode)[1] == 0
    names = {path.name for path in (folder / "killed").iterdir()}
    assert names == {"checkins.parquet", "pois.parquet", "meta.json"}
    for name in names:
        assert (folder / "killed" / name).read_bytes() == (folder / "whole" / name).read_bytes()
