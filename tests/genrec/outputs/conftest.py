"""Fixtures of commands that write."""

import pytest
from conftest import command
from made import make
from made_city import csv_of, routine, town


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to work in, with the check-ins of a town and of another one, asks, and profiles."""
    monkeypatch.chdir(tmp_path)
    csv_of(town(6), tmp_path / "in.csv")
    csv_of(make([v for i in range(5, 9) for v in routine(f"u{i}", (0, 3, 5), 3)]), tmp_path / "other.csv")
    (tmp_path / "asks.txt").write_text("".join(f"u{i}\n" for i in range(6)))
    return tmp_path


@pytest.fixture
def profiles(folder, genrec):
    path = folder / "profiles.jsonl"
    assert genrec("profile", "in.csv", "--writer", "habits", "--as-of", "2024-01-12", "--out", path)[0] == 0
    return path


@pytest.fixture
def genrec_train(monkeypatch, capsys):
    from training.cli import main

    return command("genrec-train", main, monkeypatch, capsys)


@pytest.fixture
def rank(folder, genrec, tiny_folder, profiles):
    def rank(**changes):
        options = {"--by": "llm", "--users-from": "asks.txt", "--out": "r.jsonl", "--model": tiny_folder, "-k": 3}
        options |= {"--profiles": profiles, "IN": "in.csv"} | changes
        source = options.pop("IN")
        return genrec("recommend", source, *(word for pair in options.items() for word in pair if word is not None))

    return rank
