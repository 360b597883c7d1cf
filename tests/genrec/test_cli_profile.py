"""`genrec profile` from the outside: files in, files out, one line for a mistake."""

import json
import shlex
import sys

import pytest
from made import make
from made_city import csv_of, failed, routine, town

from genrec.profiles.profile import read_profiles


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to work in, with check-ins in it."""
    monkeypatch.chdir(tmp_path)
    csv_of(town(), tmp_path / "in.csv")
    return tmp_path


@pytest.fixture
def profiles(folder, genrec):
    """The same with profiles."""
    code, _, err = genrec("profile", "in.csv", "--writer", "habits", "--out", "profiles.jsonl")
    assert code == 0, err
    return folder / "profiles.jsonl"


def test_run_with_a_model(folder, genrec, tiny_folder):
    code, out, _ = genrec("profile", "run", "in.csv", "--out", "p.jsonl", "--model", tiny_folder)
    assert code == 0
    assert "3 (3 written now)" in out
    before = (folder / "p.jsonl").read_bytes()
    assert list(read_profiles(folder / "p.jsonl")) == ["u0", "u1", "u2"]
    assert all(profile.traits["openness"].confidence for profile in read_profiles(folder / "p.jsonl").values())
    code, out, _ = genrec("profile", "run", "in.csv", "--out", "p.jsonl", "--model", tiny_folder)
    assert "3 (0 written now)" in out
    assert (folder / "p.jsonl").read_bytes() == before


def test_dry_run_writes_nothing(folder, genrec, tiny_folder):
    code, out, _ = genrec("profile", "in.csv", "--out", "p.jsonl", "--model", tiny_folder, "--dry-run")
    assert code == 0
    assert out.startswith("3 users, 24 facts: about ")
    assert not (folder / "p.jsonl").exists()


@pytest.mark.parametrize(
    ("options", "users"),
    [
        (["--users", "u2, u0"], ["u2", "u0"]),
        (["--limit", "1"], ["u0"]),
        (["--limit", "99"], ["u0", "u1", "u2"]),
        (["--as-of", "2024-01-05"], ["u0", "u1", "u2"]),
        (["--as-of", "2024-01-05 09:30"], ["u0", "u1", "u2"]),
    ],
)
def test_which_users_and_when(options, users, folder, genrec):
    assert genrec("profile", "in.csv", "--writer", "habits", "--out", "p.jsonl", *options)[0] == 0
    profiles = read_profiles(folder / "p.jsonl")
    assert list(profiles) == users
    if "--as-of" in options:
        assert {str(profile.as_of)[:10] for profile in profiles.values()} == {"2024-01-05"}
        assert profiles["u0"].habits.checkins == (12 if options[1] == "2024-01-05" else 14)


@pytest.mark.parametrize(
    ("arguments", "reasons"),
    [
        (["in.csv", "--users", "u0,u9"], ["user 'u9' has no check-ins", "for instance u"]),
        (["none.csv"], ["none.csv: no such file"]),
        (["in.csv", "--model", "./none"], ["error: model ./none: no such folder"]),
        (["in.csv", "--server", "localhost:1"], ["is not a URL"]),
        (["in.csv", "--server", "http://127.0.0.1:1"], ["cannot reach http://127.0.0.1:1", "Is the server running?"]),
    ],
)
def test_mistakes_of_a_run(arguments, reasons, folder, genrec):
    failed(genrec("profile", "run", *arguments, "--out", "p.jsonl"), *reasons)
    assert not (folder / "p.jsonl").exists()


def test_other_profiles_are_not_overwritten(profiles, genrec, tiny_folder):
    before = profiles.read_bytes()
    failed(genrec("profile", "in.csv", "--out", profiles, "--model", tiny_folder), "by 'habits'", "Name another --out")
    failed(
        genrec("profile", "in.csv", "--out", profiles, "--writer", "habits", "--as-of", "2024-01-05"),
        "not 2024-01-05",
    )
    failed(genrec("profile", "in.csv", "--out", "in.csv", "--writer", "habits"), "in.csv, row 1: not a profile")
    assert profiles.read_bytes() == before


def test_show(profiles, genrec):
    code, out, _ = genrec("profile", "show", "u0")
    assert code == 0
    assert out.startswith("User u0 as of 2024-01-12")
    assert "32 check-ins at 4 places in 10 days; written by habits" in out
    code, out, _ = genrec("profile", "show", "u0", "--json", "--profiles", profiles)
    assert json.loads(out) == json.loads(read_profiles(profiles)["u0"].model_dump_json())
    failed(genrec("profile", "show", "x"), "no profile of user 'x'", "It has: u0, u1, u2")
    failed(genrec("profile", "show", "u0", "--profiles", "none"), "none: no such file", "genrec profile run")


def test_markup_in_the_data_is_shown_as_it_is(folder, genrec):
    kind, user = "[red]Pub[/red] :100: {{ 7*7 }}", "[b]u:100:"
    csv_of(make(routine(user, (0, 1, 4)), ["Home", "Office", kind, "x", "y"]), folder / "odd.csv")
    assert genrec("profile", "odd.csv", "--writer", "habits", "--out", "p.jsonl")[0] == 0
    code, out, _ = genrec("profile", "show", user, "--profiles", "p.jsonl", "--json")
    assert code == 0
    assert kind in [habit["category"] for habit in json.loads(out)["habits"]["categories"]]
    code, out, _ = genrec("profile", "show", user, "--profiles", "p.jsonl")
    assert "[red]Pub[/red]" in out
    assert "[b]u" in out


def editor(folder, monkeypatch, body):
    """Make EDITOR a script; `text` is the sheet, and what it is in the end is saved."""
    script = folder / "editor.py"
    script.write_text(
        "import pathlib, sys\npath = pathlib.Path(sys.argv[1])\ntext = path.read_text()\n"
        f"{body}\npath.write_text(text)\n"
    )
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", shlex.join([sys.executable, str(script)]))
    monkeypatch.setattr("tempfile.tempdir", str(folder))


def drafts(folder):
    return list(folder.glob("genrec-profile-*.yaml"))


def test_edit_in_an_editor(profiles, folder, genrec, monkeypatch):
    change = "text = text.replace('gender: unknown', 'gender: female').replace('routines:', 'routines:\\n- Sings.')"
    editor(folder, monkeypatch, change)
    others = profiles.read_text().splitlines()[1:]
    code, out, err = genrec("profile", "edit", "u0")
    assert code == 0
    assert "gender female (100%)" in out
    assert "note: kept on your word, no evidence for it: Sings." in err
    profile = read_profiles(profiles)["u0"]
    assert profile.provenance.edited
    assert profile.routines[0].text == "Sings."
    assert profiles.read_text().splitlines()[1:] == others
    assert drafts(folder) == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("text = text.replace('gender: unknown', 'gender: robot')", "gender: 'robot' is not one of"),
        ("text += '\\n: ['", "not YAML"),
        ("text = ''", "holds nothing"),
    ],
)
def test_a_faulty_sheet_is_kept_for_another_try(body, reason, profiles, folder, genrec, monkeypatch):
    editor(folder, monkeypatch, body)
    before = profiles.read_bytes()
    last = failed(genrec("profile", "edit", "u0"), reason, "Nothing was changed")
    [draft] = drafts(folder)
    again = shlex.split(last.partition("then: ")[2])
    assert again == ["genrec", "profile", "edit", "u0", "--profiles", "profiles.jsonl", "--from", str(draft)]
    assert profiles.read_bytes() == before
    draft.write_text(draft.read_text().replace("robot", "male").replace("\n: [", ""))
    if "''" not in body:
        assert genrec(*again[1:])[0] == 0
        assert draft.exists(), "a file of the user's own"


def test_looking_changes_nothing(profiles, genrec, monkeypatch):
    before = profiles.read_bytes()
    monkeypatch.setenv("EDITOR", "true")
    code, out, err = genrec("profile", "edit", "u0")
    assert code == 0
    assert "nothing was changed" in err
    assert ", edited" not in out
    assert profiles.read_bytes() == before


def test_editors_that_fail(profiles, folder, genrec, monkeypatch):
    before = profiles.read_bytes()
    editor(folder, monkeypatch, "sys.exit(1)")
    last = failed(genrec("profile", "edit", "u0"), "the editor", "failed with exit code 1;")
    [draft] = drafts(folder)
    assert last.endswith(f"your text is in {draft}")
    monkeypatch.setenv("EDITOR", "no-such-editor")
    failed(genrec("profile", "edit", "u0"), "the editor 'no-such-editor' failed to start (No such file or directory);")
    monkeypatch.delenv("EDITOR")
    failed(genrec("profile", "edit", "u0"), "set EDITOR")
    failed(genrec("profile", "edit", "u0", "--from", "none.yaml"), "none.yaml: no such file")
    (folder / "binary").write_bytes(b"\xff\xfe\x00")
    failed(genrec("profile", "edit", "u0", "--from", "binary"), "binary: is not a UTF-8 text file")
    failed(genrec("profile", "edit", "x"), "no profile of user 'x'")
    assert profiles.read_bytes() == before


GENUP = {
    "traits": ["extroverted", "agreeable", "conscientious", "emotionally stable", "open"],
    "attributes": ["adult", "male", "college & beyond", "middle"],
    "preferences": ["Likes the Office."],
    "routines": ["Goes to POI 1 (Office) around 9."],
    "user_profile": "Enjoys hiking.",
}


def test_import(folder, genrec):
    theirs = folder / "theirs"
    theirs.mkdir()
    for user in ("u0", "u2"):
        (theirs / f"user_profile_{user}.json").write_text(json.dumps(GENUP))
    code, out, _ = genrec("profile", "import", theirs, "--checkins", "in.csv", "--out", "p.jsonl")
    assert (code, out) == (0, "2 profiles; the evidence supports 4 of their 6 sentences\n")
    assert list(read_profiles(folder / "p.jsonl")) == ["u0", "u2"]
    failed(genrec("profile", "import", theirs, "--checkins", "in.csv", "--out", "p.jsonl"), "p.jsonl exists")
    (theirs / "user_profile_u7.json").write_text(json.dumps(GENUP))
    failed(genrec("profile", "import", theirs, "--checkins", "in.csv", "--out", "q.jsonl"), "user 'u7'")
    (theirs / "user_profile_u7.json").unlink()
    (theirs / "user_profile_u1.json").write_text("{}")
    failed(genrec("profile", "import", theirs, "--checkins", "in.csv", "--out", "q.jsonl"), "user_profile_u1.json")
    failed(genrec("profile", "import", "none", "--checkins", "in.csv", "--out", "q.jsonl"), "none: no such file")
    assert not (folder / "q.jsonl").exists()


def test_what_is_not_there_names_a_command_that_works(genrec, tmp_path):
    failed(genrec("profile", "show", "ann", "--profiles", tmp_path / "p.jsonl"),
           "no such file", f"genrec profile run my.csv --out {tmp_path / 'p.jsonl'}")  # fmt: skip
    failed(genrec("profile", "shwo", "ann"), "no command or file 'shwo'", "genrec profile show`")
    failed(genrec("profile", tmp_path / "show", "--out", tmp_path / "p.jsonl"), "show: no such file")


def test_a_profile_without_a_sentence_says_why(folder, genrec):
    code, out, _ = genrec("profile", "in.csv", "--writer", "habits", "--out", "p.jsonl", "--as-of", "2024-01-01 10:00")
    assert code == 0
    assert "%" not in out  # of no sentence
    assert not list(read_profiles(folder / "p.jsonl")["u2"].statements())
    assert "too few visits to say anything" in genrec("profile", "show", "u2", "--profiles", "p.jsonl")[1]


@pytest.mark.parametrize("command", [["show", "alice"], ["edit", "alice"]])
def test_without_profiles_it_says_how_to_name_or_write_them(command, genrec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failed(genrec("profile", *command), "profiles.jsonl: no such file", "--profiles", "genrec profile run")
