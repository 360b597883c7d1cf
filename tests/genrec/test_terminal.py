"""Nothing that data, files or servers say commands the terminal, and no error ends in a traceback."""

import ast
import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from conftest import command
from hypothesis import given
from hypothesis import strategies as st
from made_city import csv_of, town
from made_server import chatting
from rich.table import Table
from rich.text import Text

from genrec.cli.console import PlainConsole
from genrec.cli.entry import run_app
from genrec.errors import GenRecError
from genrec.terminal import visible

ROOT = Path(__file__).parents[2]
BAD = "\x1b]0;owned\x07\x1b[2J\r\x9b31m\u202e[red]"
COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
HOSTILE = st.text(st.sampled_from("\x1b\x07\r\x9b\u202e\u2067\x00[]/abred \n") | st.characters(), max_size=30)


def harmless(*outputs):
    for output in outputs:
        assert not COMMANDS.search(output), repr(output)


@given(HOSTILE)
def test_nothing_commands_and_the_rest_stays(text):
    harmless(visible(text))
    assert visible(visible(text)) == visible(text)
    assert json.loads(visible(json.dumps([text], ensure_ascii=False))) == [text]


@given(HOSTILE)
def test_whatever_way_a_console_prints_it(text):
    console = PlainConsole()
    table = Table("a", text, title=text)
    table.add_row(text, Text(text))
    with console.capture() as capture:
        for shown in (text, Text(text), Text.assemble((text, "bold")), table):
            console.print(shown)
        console.rule(text.replace("\n", " "))
        console.print("[not markup]")
    harmless(capture.get())
    assert capture.get().endswith("[not markup]\n")


@pytest.mark.slow
def test_no_module_escapes_for_consoles_that_take_no_markup():
    for folder in ("genrec", "eval", "training"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                assert getattr(node, "module", None) != "rich.markup", f"{path}: consoles take no markup: drop escape()"


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """Check-ins whose users, categories and file's name hold what terminals obey."""
    monkeypatch.chdir(tmp_path)
    rows = list(csv.DictReader(csv_of(town(), tmp_path / "plain.csv").open()))
    with (tmp_path / f"in {BAD.replace('/', '')}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "name"])
        writer.writeheader()
        for row in rows:
            user, kind = row["user_id"] + BAD, row["category"] + BAD
            writer.writerow(row | {"user_id": user, "category": kind, "name": f"{BAD} [/] [bold]"})
    return Path(file.name)


@pytest.mark.slow
def test_hostile_data_through_the_commands(hostile, genrec, genrec_eval, tiny_folder):
    user = f"u0{BAD}"
    for words in (
        ["data", "describe", hostile],
        ["profile", hostile, "--writer", "habits", "--out", "p.jsonl"],
        ["profile", "show", user, "--profiles", "p.jsonl"],
        ["recommend", hostile, "--by", "llm", "--profiles", "p.jsonl", "--user", user, "--model", tiny_folder],
    ):
        code, out, err = genrec(*words)
        assert code == 0, err
        harmless(out, err)
    assert "[red]" in out
    for words in (
        ["profile", "show", user, "--profiles", "p.jsonl", "--json"],
        [
            "recommend",
            hostile,
            "--by",
            "llm",
            "--profiles",
            "p.jsonl",
            "--user",
            user,
            "--model",
            tiny_folder,
            "--json",
        ],
    ):
        code, out, _ = genrec(*words)
        harmless(out)
        assert json.loads(out)["user_id"] == user
    code, out, err = genrec("recommend", hostile, "--by", "llm", "--profiles", "p.jsonl", "--model", tiny_folder,
                            stdin=f"user {user}\nline 1 {BAD}\nuser nobody{BAD}\nquit\n")  # fmt: skip
    harmless(out, err)
    assert "has no check-ins" in out
    code, out, err = genrec_eval("run", hostile, "--method", "habits", "--out", "run")
    assert code == 0, err
    harmless(out, err)


@pytest.mark.parametrize(
    "words",
    [
        ["data", "describe", f"nowhere{BAD}.csv"],
        ["data", "describe", "FILE", "--columns", f"user_id={BAD}"],
        ["data", "describe", "FILE", "--timezone", BAD],
        ["data", f"what{BAD}"],
        ["recommend", "FILE", "--k", BAD],
        ["recommend", "FILE", f"--{BAD}"],
        ["recommend", "FILE", "--user", f"nobody{BAD}"],
        ["recommend", "FILE", "--user", "u0", "--by", "llm", "--model", f"./{BAD}"],
        ["recommend", "FILE", "--user", "u0", "--by", "llm", "--server", f"http://{BAD}"],
        ["profile", "show", BAD, "--profiles", f"p{BAD}"],
    ],
)
def test_hostile_words_in_errors(words, hostile, genrec):
    code, out, err = genrec(*(hostile if word == "FILE" else word for word in words))
    assert code == 2
    harmless(out, err)
    assert err.splitlines()[-1].startswith("error: ")


@pytest.mark.parametrize(
    "answer", [(500, f"no {BAD}".encode()), (200, f"{{{BAD}".encode()), (403, BAD.encode()), (400, {"error": BAD})]
)
def test_hostile_words_of_servers(answer, hostile, genrec, serve, monkeypatch):
    monkeypatch.setattr("genrec.llm.endpoint.TRIES", 1)
    url, _ = serve(chatting(answer))
    code, out, err = genrec("profile", hostile, "--out", "p.jsonl", "--server", url)
    assert code == 2
    harmless(out, err)
    url, _ = serve(lambda path, body: (200, {"data": [{"id": f"m{BAD}"}, {"id": BAD}]}))
    code, out, err = genrec("profile", hostile, "--out", "p.jsonl", "--server", url)
    assert "serves 2 models" in err
    harmless(out, err)


@pytest.fixture
def app(monkeypatch, capsys):
    """Run a command line with one command that does what a test says."""

    def started(act, *words):
        made = typer.Typer(pretty_exceptions_enable=False)
        made.command()(act)
        return command("made", lambda: run_app(made), monkeypatch, capsys)(*words)

    return started


def raising(error):
    def act() -> None:
        raise error

    return act


def endless() -> None:
    endless()


@pytest.mark.parametrize(
    ("act", "code", "line"),
    [
        (raising(GenRecError(f"bad{BAD}")), 2, "error: bad\\u001b]0;owned"),
        (raising(FileNotFoundError(2, "No such file", BAD)), 2, "error: [Errno 2] No such file"),
        (raising(ValueError(f"two\nlines {BAD}")), 1, "error: unexpected failure: ValueError: two lines \\u001b"),
        (
            raising(KeyError("k")),
            1,
            "error: unexpected failure: KeyError: 'k'. Run again with --debug (or GENREC_DEBUG",
        ),
        (raising(ExceptionGroup("many", [ValueError("one")])), 1, "error: unexpected failure: ExceptionGroup: many"),
        (raising(AssertionError()), 1, "error: unexpected failure: AssertionError"),
        (endless, 1, "error: unexpected failure: RecursionError"),
        (raising(MemoryError()), 1, "error: there is not enough memory"),
        (raising(EOFError()), 1, "error: the input ended"),
        (raising(KeyboardInterrupt()), 130, "interrupted"),
        (raising(typer.Exit(7)), 7, ""),
        (raising(typer.BadParameter(BAD)), 2, "error: Invalid value: \\u001b"),
        (lambda: None, 0, ""),
    ],
)
def test_every_end_is_one_line_and_a_code(act, code, line, app):
    ended, out, err = app(act)
    assert (ended, out) == (code, "")
    assert err.strip().startswith(line)
    assert len(err.strip().splitlines()) == bool(line)
    harmless(err)


def test_the_traceback_is_there_for_who_asks(app, monkeypatch):
    for words, variable in ((["--debug"], ""), ([], "1")):
        monkeypatch.setenv("GENREC_DEBUG", variable)
        code, _, err = app(raising(ValueError(BAD)), *words)
        assert code == 1
        assert "Traceback" in err
        assert err.splitlines()[-1].startswith("error: unexpected failure: ValueError")
        harmless(err)


@pytest.mark.parametrize("package", ["genrec", "eval", "training"])
def test_a_closed_or_full_output_is_no_traceback(package):
    run = [sys.executable, "-c", f"from {package}.cli import main; main()", "--help"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(run, stdout=full, stderr=subprocess.PIPE, text=True, env=environment, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(run, stdout=writing, stderr=subprocess.PIPE, text=True, env=environment, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")
