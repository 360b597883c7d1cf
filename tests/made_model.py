"""A model's folder spoilt, and what is said of it."""

import json

import pytest

from genrec.errors import GenRecError
from genrec.llm.local import LocalModel


def refused(folder, *words):
    with pytest.raises(GenRecError) as caught:
        LocalModel.load(str(folder))
    message = str(caught.value)
    assert message.startswith(f"model {folder}: cannot be loaded: ")
    assert "\n" not in message
    assert len(message) < 1000
    for word in words:
        assert word in message, message


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
