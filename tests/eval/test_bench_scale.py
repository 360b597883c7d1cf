"""The bench of growing sizes: its steps lead from a CSV file to rankings, and figures that are there stay."""

import json
from pathlib import Path

import pytest

from eval.bench import scale
from eval.cli import bench_scale


@pytest.mark.slow
def test_its_steps_lead_from_a_file_to_rankings(tmp_path: Path) -> None:
    counts = {}
    for step, count in (
        (scale.generate, 20_000),
        (scale.prepared, 0),
        (scale.pandas_way, 0),
        (scale.per_row, 300),
        (scale.ranked, 9),
    ):
        counts |= dict(step(tmp_path, count))
    assert counts.pop("generate") == counts["prepare"] == counts["count"] == counts["pandas"]
    assert (counts["per-row"], counts["rank"]) == (300, 9)
    rankings = [json.loads(line) for line in (tmp_path / "rankings.jsonl").read_text().splitlines()]
    assert [len(ranking["places"]) for ranking in rankings] == [scale.K] * 9
    assert all(0 < place["probability"] <= 1 and place["reasons"] for one in rankings for place in one["places"])


@pytest.mark.slow
def test_sizes_that_are_there_stay(tmp_path: Path, genrec_eval, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = []

    def measure(check_ins: int, work: Path, asked: int):
        measured.append(check_ins)
        yield [scale.Row(check_ins, step, check_ins, 2.0, 1.0, 0.5) for step in ("", "prepare", "rank")]

    monkeypatch.setattr(bench_scale, "measure", lambda *given: (row for rows in measure(*given) for row in rows))
    arguments = ("bench", "scale", "--work", tmp_path / "work", "--out", tmp_path / "out.json", "--size", 20_000)
    assert genrec_eval(*arguments)[0] == 0
    assert genrec_eval(*arguments, "--size", 30_000)[0] == 0
    assert measured == [20_000, 30_000]
    rows = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert [(row["check_ins"], row["step"]) for row in rows] == [
        (size, step) for size in (20_000, 30_000) for step in ("prepare", "rank")
    ]
    assert rows[0]["cpu_s_per_million"] == 50
