"""What the README says of the program and of the folder is true."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PACKAGES = ("genrec", "eval", "training")
READMES = [path.relative_to(ROOT) for package in PACKAGES for path in sorted((ROOT / package).glob("**/README.md"))]
LARGEST = 14 * 1024
INDENT = 2
LINE_OF_TREE = re.compile(r"( *)([\w.-]+/?) {2,}(\S.*)")


def tree() -> list[str]:
    """The paths of the README's file tree, as it draws them."""
    section = README.read_text(encoding="utf-8").partition("## What is where")[2]
    paths: list[str] = []
    parents: list[str] = []
    for line in section.split("```")[1].strip("\n").splitlines():
        found = LINE_OF_TREE.match(line)
        assert found, f"a line of the tree is `path/  what it is`: {line!r}"
        depth = len(found[1]) // INDENT
        parents = [*parents[:depth], found[2]]
        paths.append("".join(parents))
        paths += [paths[-1] + file for file in re.findall(r"\w+\.py", found[3])]  # that the line speaks of
    return paths


def links(page: Path) -> list[str]:
    """Where the page's relative links and pictures lead."""
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / page).read_text(encoding="utf-8"))
    return [target for target in targets if "://" not in target]


def test_its_lists_of_commands_are_the_program_s():
    done = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", README], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}Run `python -m cogapp -r README.md`."


def test_its_tree_names_what_exists():
    paths = tree()
    assert {"genrec/reading/", "eval/protocol.py", "training/recipes/", "tests/"} <= set(paths)
    assert [
        path for path in paths if not ((ROOT / path).is_dir() if path[-1] == "/" else (ROOT / path).is_file())
    ] == []


def test_its_tree_names_every_room():
    rooms = {
        f"{init.parent.relative_to(ROOT)}/"
        for package in PACKAGES
        for init in [*ROOT.glob(f"{package}/__init__.py"), *ROOT.glob(f"{package}/*/__init__.py")]
    }
    assert rooms - set(tree()) == set()


def test_it_is_short():
    assert len(README.read_bytes()) <= LARGEST


@pytest.mark.parametrize("page", [Path("README.md"), *READMES], ids=str)
def test_links_lead_somewhere(page):
    assert [link for link in links(page) if not (ROOT / page.parent / link).exists()] == []
