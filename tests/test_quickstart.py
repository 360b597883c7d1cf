"""The example that the README shows and `make demo` runs, from start to end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "examples" / "quickstart.py"


@pytest.mark.slow
def test_quickstart_prints_profiles_rankings_and_truth(tmp_path, embedded_folder):
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, EXAMPLE], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.count("Truth: POI") == 3
    assert (
        done.stdout.count("P(fusion)") == done.stdout.count("By the LLM:") == done.stdout.count("By habits alone:") == 3
    )
    [profiles] = (tmp_path / "demo").glob("profiles-*.jsonl")
    assert profiles.read_text().count("\n") == 6
