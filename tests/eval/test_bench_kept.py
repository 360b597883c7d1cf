"""Benchmarks that are killed go on with what their files do not have yet."""

import json
from dataclasses import asdict, dataclass, replace

import pytest

from eval.bench import jobs
from eval.bench.kept import kept
from genrec.errors import GenRecError, InputError


@dataclass(frozen=True)
class Step:
    name: str
    seconds: float


def told(rows):
    return {"rows": [asdict(row) | {"more": 1} for row in rows]}


def test_what_was_measured_before_a_kill_is_there(tmp_path):
    path = tmp_path / "a" / "out.json"
    with pytest.raises(KeyboardInterrupt), kept(path, Step, {"n": (1, 2)}, told) as known:
        known.add(Step("a", 1.0), Step("b", 2.0))
        raise KeyboardInterrupt
    with kept(path, Step, {"n": (1, 2)}, told) as known:
        assert known.rows == [Step("a", 1.0), Step("b", 2.0)]
        known.add(Step("c", 3.0))
    file = json.loads(path.read_text())
    assert file["settings"] == {"n": [1, 2]}
    assert [row["name"] for row in file["rows"]] == ["a", "b", "c"]


def test_without_a_file_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with kept(None, Step, {}, told) as known:
        known.add(Step("a", 1.0))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "error", "problem"),
    [
        ('{"settings": {"n": 2}, "rows": []}', GenRecError, r"made with other settings \(n\); name another --out"),
        ('{"settings": {"n": 1}, "rows": [{"name": "a"}]}', InputError, "not rows of this benchmark: .*seconds"),
        ('{"settings": {"n": 1}, "rows": 3}', InputError, "not what a benchmark has measured"),
        ("[", InputError, "not what a benchmark has measured"),
    ],
)
def test_another_s_file_is_not_added_to(content, error, problem, tmp_path):
    path = tmp_path / "out.json"
    path.write_text(content)
    with pytest.raises(error, match=problem), kept(path, Step, {"n": 1}, told):
        pass
    assert path.read_text() == content


@pytest.mark.slow
def test_ways_of_jobs_that_are_there_are_not_measured_again(tmp_path, genrec_eval, monkeypatch):
    arguments = ("bench", "jobs", "--people", 3, "--days", 3, "--out", tmp_path / "out.json")
    measured, measure = [], jobs.measure

    def twice(data, folder, people, workers, way):
        if len(measured) == 1:
            measured.append("killed")
            raise KeyboardInterrupt
        measured.append(way)
        return replace(measure(data, folder, people, workers, "one process"), way=way)  # the others write the same

    monkeypatch.setattr(jobs, "measure", twice)
    assert genrec_eval(*arguments)[0] != 0
    first = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert [row["way"] for row in first] == ["one process"]
    assert genrec_eval(*arguments)[0] == 0
    assert measured == ["one process", "killed", "ray", "processes"]
    rows = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert rows[0] == first[0]
    assert [row["same"] for row in rows] == [True, True, True]
    assert genrec_eval(*arguments)[0] == 0
    assert len(measured) == 4


@pytest.mark.slow
def test_a_command_that_fails_says_why(tmp_path):
    with pytest.raises(GenRecError, match=r"failed with exit code 2: .*nothing"):
        jobs.measure(tmp_path / "nothing", tmp_path, 3, 2, "one process")
