"""Fixtures that several test files share."""

import os
from pathlib import Path

import pytest

# The tiny model is faster on one thread than on two: 30 times where other processes want the cores, too.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def embedded_folder() -> Path:
    """The embedded model's folder, built on the first use on this machine (about 1 minute)."""
    from genrec.llm.loading import resolve_model  # deferred: most tests need no torch

    return Path(resolve_model("embedded"))


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random model as a folder, for `--model`."""
    from tiny import tiny_model

    folder = tmp_path_factory.mktemp("tiny")
    tiny = tiny_model()
    tiny._model.save_pretrained(folder)
    tiny.tokenizer.save_pretrained(folder)
    return folder
