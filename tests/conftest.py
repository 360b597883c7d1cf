"""Fixtures that several test files share."""

import gc
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# The tiny model is faster on one thread than on two: 30 times where other processes want the cores, too.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_finish() -> None:
    """What the test files have loaded stays: each training collects garbage, and would look through it again."""
    gc.freeze()


def pytest_unconfigure() -> None:
    """At the end all of it may go: libraries complain of what is left of them."""
    gc.unfreeze()


@pytest.fixture(scope="session")
def embedded_folder() -> Path:
    """The embedded model's folder, built on the first use on this machine (about 1 minute)."""
    from genrec.llm.loading import resolve_model  # deferred: most tests need no torch

    return Path(resolve_model("embedded"))


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random model as a folder, for `--model`."""
    from tiny import tiny_model

    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny = tiny_model()
    tiny.engine.model.save_pretrained(folder)
    tiny.tokenizer.save_pretrained(folder)
    return folder


Command = Callable[..., tuple[int, str, str]]


def command(
    name: str, main: Callable[[], None], patch: pytest.MonkeyPatch, output: pytest.CaptureFixture[str]
) -> Command:
    """Run a command as a shell would: exit code, stdout, stderr."""

    def run(*arguments: object, stdin: str = "") -> tuple[int, str, str]:
        patch.setattr(sys, "argv", [name, *map(str, arguments)])
        patch.setattr(sys, "stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as exit_:
            main()
        return int(exit_.value.code or 0), *output.readouterr()

    return run


@pytest.fixture
def genrec(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command `genrec`."""
    from genrec.cli import main

    return command("genrec", main, monkeypatch, capsys)


@pytest.fixture
def genrec_eval(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command `genrec-eval`."""
    from eval.cli import main

    return command("genrec-eval", main, monkeypatch, capsys)


@pytest.fixture
def serve() -> Iterator[Callable[..., Any]]:
    """Start a server that answers as `answer(path, body)` says; gives its URL and the requests that it saw."""
    from made_server import servers

    with servers() as start:
        yield start


@pytest.fixture
def little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that are not about the width of intervals, nor about good weights."""
    monkeypatch.setattr("eval.report.findings.DRAWS", 100)
    monkeypatch.setattr("eval.report.findings.COMPARISON_DRAWS", 200)
    monkeypatch.setattr("eval.experiments.cross_city.DRAWS", 200)
    monkeypatch.setattr("eval.experiments.cross_city.FIT_LIMIT", 20)
    monkeypatch.setattr("eval.experiments.fit.SEARCH", {"maxiter": 1})
