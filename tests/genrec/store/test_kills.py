"""kill -9 at random moments: what was acknowledged is there, and nothing is there by half."""

import json
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "kills"), [("sqlite", 20), ("postgresql", 8)])
def test_nothing_acknowledged_is_lost_and_nothing_is_half_there(kind, kills, new_address, opened):
    address = new_address(kind)
    command = [sys.executable, "made_kills.py", address, str(kills)]
    done = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, timeout=120, check=True)
    told = [line for run in done.stdout.splitlines() for line in json.loads(run)]
    assert len(done.stdout.splitlines()) == kills
    assert len(told) > 2 * kills

    store = opened(address)
    visits = Counter(visit.id.rpartition("-")[0] for visit in store.visits("u0"))
    assert set(visits.values()) == {3}
    versions = store.history("u0")
    assert [version.number for version in versions] == list(range(1, len(versions) + 1))
    for version in versions:
        assert version.profile.summary[0].text == f"Likes {version.by}."
    made = {(str(version.number), version.by) for version in versions}
    people = {person.id for person in store.people(limit=1000)}
    for line in told:
        match line.split():
            case ["visits", name]:
                assert name in visits
            case ["version", number, name]:
                assert (number, name) in made
            case ["erased", name]:
                assert name not in people
    assert len(people) <= 1 + kills
    for person in people - {"u0"}:  # killed between coming and going
        assert len(store.visits(person)) in {0, 3}
    if kind == "sqlite":
        with closing(sqlite3.connect(address)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
