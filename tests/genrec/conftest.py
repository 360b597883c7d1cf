"""Fixtures that tests of `genrec recommend` share."""

import pytest
from made_city import csv_of, town


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return csv_of(town(), tmp_path_factory.mktemp("data") / "in.csv")


@pytest.fixture
def recommend(data, tiny_folder, genrec, tmp_path, monkeypatch):
    """The command over the town, by the tiny model."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, **options):
        return genrec("recommend", data, "--by", "llm", "--model", tiny_folder, *arguments, **options)

    return run


@pytest.fixture
def profiles(data, genrec, tmp_path):
    path = tmp_path / "profiles.jsonl"
    assert genrec("profile", data, "--writer", "habits", "--as-of", "2024-01-11", "--out", path)[0] == 0
    return path
