"""Who may import whom, and what an import may cost."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "transformers", "trl", "vllm", "sqlalchemy", "alembic", "psycopg")


def test_imports_keep_to_the_layers():
    """The contracts stand in pyproject.toml."""
    command = [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prompts_hold_templates_only():
    assert {path.suffix for path in (ROOT / "prompts").iterdir() if path.is_file()} == {".jinja"}


@pytest.mark.parametrize(
    "module",
    ["genrec", "genrec.cli", "genrec.checkins", "genrec.profiles.writer", "genrec.prompting", "genrec.store.opening",
     "genrec.cli.profile", "eval.cli"],
)  # fmt: skip
def test_light_imports(module):
    code = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    ["", "data", "data prepare", "data describe", "data synth", "profile", "profile run", "profile show",
     "profile edit", "profile import", "recommend", "audience", "app", "key", "key add", "key list", "key drop",
     "vllm", "store", "store dump", "store load", "model", "model info"],
)  # fmt: skip
def test_every_command_explains_itself(genrec, command):
    explains_itself(genrec(*command.split(), "--help"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        "",
        "run",
        "report",
        "score",
        "profiles",
        "audit",
        "fit-habits",
        "bench",
        "ablation",
        "cold-start",
        "cross-city",
        "update",
    ],
)
def test_every_evaluation_explains_itself(genrec_eval, command):
    explains_itself(genrec_eval(*command.split(), "--help"))


def explains_itself(said):
    code, out, _ = said
    assert code == 0
    assert "Usage: " in out and "<bool>" not in out
