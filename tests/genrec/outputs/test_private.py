"""Who may read what is written, and what is written to at all."""

import os

import pytest
from made_city import failed

from genrec.profiles.profile import read_profiles


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
