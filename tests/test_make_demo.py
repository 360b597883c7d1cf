"""`make demo` and `make app`: the commands of a fresh clone, here with programs that only say what they were asked."""

import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ADDRESS = "genrec app demo/checkins.csv --store demo/store.db --port 8080"


@pytest.fixture
def make(tmp_path):
    """Runs make in a folder of its own; `terminal`: whether its output goes to one. What is installed comes first."""
    bin_ = tmp_path / ".venv" / "bin"
    bin_.mkdir(parents=True)
    for name in ("python", "pip", "genrec"):
        (bin_ / name).write_text(f'#!/bin/sh\necho "{name} $*"\n[ "$1" != app ] || exit ${{ENDS:-130}}\n')
        (bin_ / name).chmod(0o755)
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("pyproject.toml", "requirements.txt"):
        (tmp_path / name).touch()

    def run(target, *, terminal, ends=130):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        environment["ENDS"] = str(ends)
        ours, theirs = pty.openpty() if terminal else os.pipe()
        try:
            done = subprocess.run(
                ["make", target], cwd=tmp_path, env=environment, stdout=theirs, stderr=theirs, check=False
            )
            said = os.read(ours, 1 << 16).decode().replace("\r", "")
        finally:
            os.close(theirs)
            os.close(ours)
        return done.returncode, said.splitlines()

    return run


def test_the_demo_ends_with_the_page_on_a_terminal(make):
    code, said = make("demo", terminal=True)
    assert code == 0  # Ctrl-C is how it ends
    demo = said.index("python examples/quickstart.py")
    assert any("pip" in line and ".[app]" in line for line in said[demo:])
    assert said[-1] == ADDRESS


def test_without_a_terminal_the_demo_is_text_alone(make):
    code, said = make("demo", terminal=False)
    assert (code, said[-1]) == (0, "python examples/quickstart.py")


def test_the_page_brings_its_city_and_a_failure_is_one(make):
    code, said = make("app", terminal=False, ends=2)
    assert code == 2
    assert any(line.startswith("genrec data synth --out demo") for line in said)
    assert said.index(ADDRESS) > 0
