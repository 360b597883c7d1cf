"""Fixtures that several test files share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def embedded_folder() -> Path:
    """The embedded model's folder, built on the first use on this machine (about 1 minute)."""
    from genrec.llm.loading import resolve_model  # deferred: most tests need no torch

    return Path(resolve_model("embedded"))
