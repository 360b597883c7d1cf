"""What the OpenAPI description allows and forbids is tried on the real app, by Schemathesis in all its phases."""

import subprocess
import sys
from pathlib import Path

import pytest
from made_service import served

from genrec.reading.reader import read_checkins
from genrec.service.keys import make_key
from genrec.store.opening import open_store
from genrec.store.records import Settings

from .conftest import NO_MODEL

CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.slow
def test_the_app_does_what_its_description_says(data, tmp_path, monkeypatch):
    pytest.importorskip("schemathesis")
    for rate in ("OPERATOR_RATE", "OWN_RATE"):
        monkeypatch.setattr(f"genrec.service.guard.{rate}", 1e6)
    store = open_store(str(tmp_path / "store.db"))
    store.import_checkins(read_checkins(data), Settings(consent=True))
    with served(store, NO_MODEL) as url:
        result = tried(url, make_key(store, None), tmp_path)
    store.close()
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr
    assert "Tested: " in result.stdout


def tried(url, key, folder):
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", CONFIG, "run", f"{url}/openapi.json", "-H",
        f"Authorization: Bearer {key}", "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "2",
        "--seed", "1", "--no-color", "--continue-on-failure",
    ]  # fmt: skip
    return subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True, timeout=300)
