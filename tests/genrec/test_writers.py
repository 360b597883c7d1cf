"""Every command that writes: alone at its output, private, resumed after a kill to the same bytes, and never mixing."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import polars as pl
import pytest
from conftest import command
from made import at, make
from made_city import csv_of, failed, routine, town
from made_disk import held, no_room

from genrec.profiles.profile import read_profiles
from genrec.reading.reader import read_checkins

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


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to work in, with the check-ins of a town and of another one, asks, and profiles."""
    monkeypatch.chdir(tmp_path)
    csv_of(town(6), tmp_path / "in.csv")
    csv_of(make([v for i in range(5, 9) for v in routine(f"u{i}", (0, 3, 5), 3)]), tmp_path / "other.csv")
    (tmp_path / "asks.txt").write_text("".join(f"u{i}\n" for i in range(6)))
    return tmp_path


@pytest.fixture
def profiles(folder, genrec):
    path = folder / "profiles.jsonl"
    assert genrec("profile", "in.csv", "--writer", "habits", "--as-of", "2024-01-12", "--out", path)[0] == 0
    return path


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


@pytest.mark.parametrize("name", WRITERS)
def test_the_second_of_two_writers_is_refused_in_one_line(name, folder, tiny_folder, genrec, genrec_eval):
    package, arguments, kind = WRITERS[name]
    command = genrec if package == "genrec" else genrec_eval
    output = folder / "out"
    if name == "edit":
        assert genrec("profile", "in.csv", "--writer", "habits", "--out", output)[0] == 0
        (folder / "sheet.yaml").write_text("")
    if name == "report":
        output.mkdir()
    before = snapshot(folder)
    with held(output, folder=kind == "folder"):
        words = [tiny_folder if word == "MODEL" else word for word in arguments]
        failed(command(*words, output), f"{output} is being written by another process: wait until that ends")
    assert {path: data for path, data in snapshot(folder).items() if not path.name.endswith(".lock")} == before


@pytest.fixture
def genrec_train(monkeypatch, capsys):
    from training.cli import main

    return command("genrec-train", main, monkeypatch, capsys)


@pytest.mark.parametrize(
    ("arguments", "recipe"),
    [
        (["sft"], "kind: sft\ndata: {checkins: in.csv}\n"),
        (["dpo"], "kind: dpo\npreferences: p.jsonl\n"),
        (["budget", "run"], ""),
        (["budget", "plan"], ""),
        (["budget", "advise"], ""),
        (["compact"], ""),
    ],
)
def test_training_is_alone_in_its_folder(arguments, recipe, folder, genrec_train):
    (folder / "recipe.yaml").write_text(recipe)
    with held(folder / "out", folder=True):
        failed(genrec_train(*arguments, "recipe.yaml", "--out", "out"), "out is being written by another process")


def test_preferences_are_made_once(folder, genrec_train):
    (folder / "recipe.yaml").write_text("kind: dpo\npreferences: p.jsonl\ndata: {checkins: in.csv}\n")
    with held(folder / "p.jsonl"):
        failed(genrec_train("preferences", "recipe.yaml"), "p.jsonl is being written by another process")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_two_prepares_at_once_lose_nothing(seed, folder):
    """Each ends well and its check-ins are there, or says that the other is at it."""
    several = [start("genrec", "data", "prepare", name, "--out", "city") for name in ("in.csv", "other.csv")]
    errors = [process.communicate()[1] for process in several]
    done = [name for name, process in zip(("in.csv", "other.csv"), several, strict=True) if process.returncode == 0]
    for process, error in zip(several, errors, strict=True):
        assert process.returncode == 0 or (process.returncode, error.count("\n")) == (2, 1), error
        assert process.returncode == 0 or "is being written by another process" in error
    assert done
    expected = {row for name in done for row in read_checkins(folder / name).frame.select("user_id", "time").rows()}
    assert set(read_checkins(folder / "city").frame.select("user_id", "time").rows()) == expected
    assert {path.name for path in (folder / "city").iterdir()} == {"checkins.parquet", "pois.parquet", "meta.json"}


@pytest.mark.slow
def test_two_profile_runs_at_once_double_nothing(folder):
    several = [
        start("genrec", "profile", "in.csv", "--writer", "habits", "--out", "p.jsonl", before=slow(0.2))
        for _ in range(2)
    ]
    codes = [(process.communicate(), process.returncode)[1] for process in several]
    assert sorted(codes) in ([0, 0], [0, 2])
    assert list(read_profiles(folder / "p.jsonl")) == [f"u{i}" for i in range(6)]


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


def kill_after(process, seconds):
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("model", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_killed_at_any_moment_the_file_ends_the_same(model, folder, profiles, tiny_folder):
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
    whole = start("genrec", *arguments, "whole.jsonl", before=slow(0))
    assert (whole.wait(), whole.communicate())[0] == 0
    draw = random.Random(1)
    for _ in range(4):
        process = start("genrec", *arguments, "killed.jsonl", before=slow(0.15))
        while not (folder / "killed.jsonl").exists() and process.poll() is None:
            time.sleep(0.01)
        kill_after(process, draw.random() * 0.5)
    last = start("genrec", *arguments, "killed.jsonl", before=slow(0))
    assert (last.communicate(), last.returncode)[1] == 0
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


# --- old results are not taken for new ones ---


@pytest.fixture
def rank(folder, genrec, tiny_folder, profiles):
    def rank(**changes):
        options = {"--by": "llm", "--users-from": "asks.txt", "--out": "r.jsonl", "--model": tiny_folder, "-k": 3}
        options |= {"--profiles": profiles, "IN": "in.csv"} | changes
        source = options.pop("IN")
        return genrec("recommend", source, *(word for pair in options.items() for word in pair if word is not None))

    return rank


def another_model(folder, tiny_folder):
    """The same but for one weight, at the same place or another."""
    from safetensors.torch import load_file, save_file

    weights = load_file(tiny_folder / "model.safetensors")
    weights["model.norm.weight"][0] += 1
    target = folder / "other model"
    target.mkdir()
    for path in tiny_folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    return target


def test_rankings_of_something_else_are_refused(rank, folder, genrec, tiny_folder, profiles):
    assert rank()[0] == 0
    before = (folder / "r.jsonl").read_bytes()
    assert "6 of them from before" in rank()[1]
    lines = profiles.read_text().splitlines(keepends=True)
    other = lines[0].replace('"gender":{"value":"unknown"', '"gender":{"value":"male"')
    (folder / "changed.jsonl").write_text(other + "".join(lines[1:]))
    rows = (folder / "in.csv").read_text().splitlines(keepends=True)
    (folder / "fewer.csv").write_text("".join(rows[:-1]))
    (folder / "kinds.csv").write_text("".join(rows).replace("Pub", "Bar"))
    for changes, named in (
        ({"-k": 4}, "another k;"),
        ({"--level": "none"}, "another level;"),
        ({"--model": another_model(folder, tiny_folder)}, "another model, model_sha256;"),
        ({"--profiles": folder / "changed.jsonl"}, "another profile;"),
        ({"IN": "fewer.csv"}, "another check-ins;"),
        ({"IN": "kinds.csv"}, "another places;"),
    ):
        failed(rank(**changes), f"r.jsonl holds rankings made with {named} name another --out")
        assert (folder / "r.jsonl").read_bytes() == before
    (folder / "more.jsonl").write_text("".join(lines[:3]))
    failed(rank(**{"--profiles": folder / "more.jsonl"}), "another profile;")


def test_each_line_is_a_ranking_that_says_what_it_was_made_from(rank, folder):
    assert rank()[0] == 0
    for line in (folder / "r.jsonl").read_text().splitlines():
        ranking = json.loads(line)
        assert len(ranking["places"]) == ranking["made_from"]["k"] == 3
        assert set(ranking["made_from"]) >= {"model", "adapter", "level", "check-ins", "places", "profile", "prompt"}


def test_rankings_that_do_not_say_are_refused(rank, folder):
    assert rank()[0] == 0
    lines = [json.loads(line) for line in (folder / "r.jsonl").read_text().splitlines()]
    (folder / "r.jsonl").write_text("".join(json.dumps(line | {"made_from": None}) + "\n" for line in lines))
    failed(rank(), "holds no rankings, or none that say what they were made from; name another --out")


def test_profiles_of_other_people_or_evidence_do_not_mix(profiles, folder, genrec):
    """Also those of users who are not asked for now."""
    arguments = ["--writer", "habits", "--as-of", "2024-01-12", "--out", profiles]
    before = profiles.read_bytes()
    failed(genrec("profile", "other.csv", *arguments), "holds a profile of 'u0' from other check-ins", "another --out")
    failed(genrec("profile", "other.csv", "--users", "u7", *arguments), "holds a profile of 'u0' from other check-ins")
    assert profiles.read_bytes() == before
    assert genrec("profile", "in.csv", "--users", "u1", *arguments)[0] == 0
    assert profiles.read_bytes() == before


# --- who may read, and what a full disk does ---


def test_files_about_people_are_private(rank, folder, genrec, genrec_eval, little_work):
    assert rank()[0] == 0
    (folder / "bad.csv").write_text((folder / "in.csv").read_text() + "u9,p1,never,Pub,51,-114\n")
    assert genrec("data", "prepare", "bad.csv", "--on-bad-rows", "skip", "--out", "city")[0] == 0
    options = ["--method", "habits", "--split", "rolling", "--profiles", "profiles.jsonl", "--out", "run"]
    assert genrec_eval("run", "in.csv", *options)[0] == 0
    personal = [folder / "r.jsonl", folder / "profiles.jsonl", *(folder / "city").iterdir()]
    personal += [folder / "run" / name for name in ("profiles.jsonl", "examples.parquet", "rankings.parquet")]
    personal += [*(folder / "run" / "parts").iterdir(), *(folder / "run" / "checkins").iterdir()]
    assert (folder / "city" / "rejects.csv") in personal
    assert {oct(path.stat().st_mode & 0o777) for path in personal} == {"0o600"}


def test_an_edit_keeps_mode_and_link(profiles, folder, genrec):
    profiles.chmod(0o640)
    (folder / "link.jsonl").symlink_to(profiles)
    sheet = sheet_of(profiles, "u0")
    (folder / "sheet.yaml").write_text(sheet.replace("gender: unknown", "gender: female"))
    assert genrec("profile", "edit", "u0", "--profiles", "link.jsonl", "--from", "sheet.yaml")[0] == 0
    assert (folder / "link.jsonl").is_symlink()
    assert profiles.stat().st_mode & 0o777 == 0o640
    assert read_profiles(profiles)["u0"].attributes["gender"].value == "female"


def sheet_of(path, user):
    from genrec.profiles.editing import to_sheet

    return to_sheet(read_profiles(path)[user])


def test_prepared_files_keep_their_mode(folder, genrec):
    assert genrec("data", "prepare", "in.csv", "--out", "city")[0] == 0
    for path in (folder / "city").iterdir():
        path.chmod(0o640)
    assert genrec("data", "prepare", "other.csv", "--out", "city")[0] == 0
    assert {path.stat().st_mode & 0o777 for path in (folder / "city").iterdir()} == {0o640}


@pytest.mark.parametrize("output", ["/dev/full", "/dev/stdout", "pipe", "."])
def test_outputs_that_are_no_files_are_refused(output, folder, rank, genrec):
    os.mkfifo(folder / "pipe")
    reason = "is a folder, not a file" if output == "." else "not a regular file"
    failed(rank(**{"--out": output}), reason)
    failed(genrec("profile", "in.csv", "--writer", "habits", "--out", output), reason)


@pytest.mark.slow
@pytest.mark.parametrize("megabytes", [100, 700])
def test_a_conversion_without_room_is_one_line_and_leaves_nothing(megabytes, folder):
    """A limit on the size of a file, met while the package is joined or while the weights are written."""
    limit = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({megabytes << 20},) * 2)"
    process = start("genrec", "model", "info", before=limit, env=os.environ | {"GENREC_HOME": str(folder / "home")})
    last = process.communicate()[1].splitlines()[-1]
    assert process.returncode == 2
    assert last.startswith("error: ") and "gemma-3-270m cannot be written: " in last and "GENREC_HOME" in last
    assert [path.name for path in (folder / "home" / "models").iterdir()] == ["gemma-3-270m.lock"]


@pytest.mark.parametrize("name", ["prepare", "profile", "run", "synth"])
def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(name, folder, genrec, genrec_eval):
    package, arguments, _ = WRITERS[name]
    draw = random.Random(3)
    visits = [(f"u{i % 200}", draw.randrange(8), at(draw.randrange(90), draw.random() * 24)) for i in range(10_000)]
    csv_of(make(visits), folder / "in.csv")
    if name == "synth":
        arguments = ["data", "synth", "--out"]
    with no_room(folder / "disk", 40 << 10) as disk:
        command = genrec if package == "genrec" else genrec_eval
        code, _, error = command(*arguments, disk / "out")
        assert code == 2
        assert error.splitlines()[-1].startswith(f"error: {disk}/out"), error
        assert "cannot be written: " in error.splitlines()[-1]
        assert "Traceback" not in error
        left = [path for path in disk.rglob("*") if path.is_file()]
        assert not [path for path in left if path.name.startswith(".") or path.name.endswith(".new")]
        for path in left:
            if path.suffix == ".parquet":
                pl.read_parquet(path)
            elif path.name.endswith("jsonl"):
                assert path.read_bytes().endswith(b"\n")
