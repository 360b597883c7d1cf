"""Who may import whom, and what an import may cost."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = {
    "genrec": {"genrec"},
    "prompts": set(),
    "eval": {"eval", "genrec"},
    "training": {"training", "eval", "genrec"},
}
FOLDERS = [folder for folder in ALLOWED if (ROOT / folder).is_dir()]


def imported(path: Path) -> set[str]:
    """Top-level packages that a file imports, also inside functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("folder", FOLDERS)
def test_arrows_point_down(folder):
    for path in (ROOT / folder).rglob("*.py"):
        wrong = (imported(path) & ALLOWED.keys()) - ALLOWED[folder]
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


def test_prompts_hold_templates_only():
    assert {path.suffix for path in (ROOT / "prompts").iterdir() if path.is_file()} == {".jinja"}


@pytest.mark.parametrize(
    "module", ["genrec", "genrec.cli", "genrec.checkins", "genrec.profiles.writer", "genrec.prompting", "eval.cli"]
)
def test_light_imports(module):
    code = f"import sys, {module}; print([m for m in ('torch', 'transformers', 'trl', 'vllm') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "command",
    ["", "data", "data prepare", "data describe", "data synth", "profile", "profile run", "profile show",
     "profile edit", "profile import", "recommend", "serve", "model", "model info"],
)  # fmt: skip
def test_every_command_explains_itself(command):
    explains_itself("genrec", command)


@pytest.mark.parametrize(
    "command",
    ["", "run", "report", "score", "profiles", "audit", "fit-habits", "bench", "ablation", "cold-start", "cross-city"],
)
def test_every_evaluation_explains_itself(command):
    explains_itself("eval", command)


def explains_itself(package, command):
    done = subprocess.run(
        [sys.executable, "-c", f"from {package}.cli import main; main()", *command.split(), "--help"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "Usage: " in done.stdout
