"""Every command that writes is alone at its output."""

import pytest
from made_city import failed
from made_disk import held
from made_outputs import WRITERS, slow, snapshot, start

from genrec.profiles.profile import read_profiles
from genrec.reading.reader import read_checkins


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
