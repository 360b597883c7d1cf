"""From city to city: weights and adapters that are carried, and the table of differences."""

import json

import pytest
from made_city import csv_of, failed, town
from made_runs import WRITTEN, contents, kill, leaks, no_person_and_no_path

from eval.experiments.cross_city import FittedHabits, difference_table, weights_of
from eval.experiments.experiment import compact_table
from eval.methods.rankers import RankerMethod
from eval.protocol import cases
from genrec.errors import GenRecError
from genrec.rankers.habit_weights import FittedWeights, HabitWeights, fitted_weights
from genrec.rankers.simple import CountingRanker
from genrec.reading.reader import read_checkins

pytestmark = pytest.mark.usefixtures("little_work")


def test_weights_of_ones_own_decide_the_ranking():
    asked = cases(town(6), "rolling", limit=20)
    everything = range(20)
    shipped = list(RankerMethod(CountingRanker("habits")).rank(asked, everything, 8))
    assert list(RankerMethod(FittedHabits("same", fitted_weights())).rank(asked, everything, 8)) == shipped
    odd = fitted_weights().model_copy(update={"weights": HabitWeights(novelty=0.99, near_km=20)})
    other = RankerMethod(FittedHabits("odd", odd))
    assert [answer.pois for answer in other.rank(asked, everything, 8)] != [answer.pois for answer in shipped]
    assert other.settings(asked)["weights"]["novelty"] == 0.99


def test_fitted_weights_are_kept(tmp_path, monkeypatch):
    path = tmp_path / "weights.json"
    fitted = weights_of(town(6), "town", path, seed=0)
    assert FittedWeights.model_validate_json(path.read_bytes()) == fitted
    monkeypatch.setattr("eval.experiments.cross_city.fit", None)
    assert weights_of(town(6), "town", path, seed=0) == fitted
    for checkins, seed in ((town(5), 0), (town(6), 1)):
        with pytest.raises(GenRecError, match="other check-ins or with another seed"):
            weights_of(checkins, "town", path, seed=seed)
    path.write_text("{")
    with pytest.raises(GenRecError, match="not fitted weights"):
        weights_of(town(6), "town", path, seed=0)


@pytest.fixture
def cities(tmp_path):
    """Two cities as files of the same name."""
    paths = [tmp_path / name / "checkins.csv" for name in ("north", "south")]
    for path, users in zip(paths, (5, 6), strict=True):
        path.parent.mkdir()
        csv_of(town(users), path)
    return paths


@pytest.mark.slow
def test_cross_city_from_the_command_line(genrec_eval, tmp_path, cities):
    out, figures = tmp_path / "out", tmp_path / "figures.json"
    command = ["cross-city", "--train", cities[0], "--test", cities[1], "--split", "rolling", "--out", out]
    command += ["--aggregates", figures]
    code, said, _ = genrec_eval(*command)
    assert code == 0
    assert "Habit weights of north checkins.csv" in said
    found = json.loads(figures.read_text())
    assert found["command"].startswith("genrec-eval cross-city --train checkins.csv --test checkins.csv --out DIR")
    assert found == json.loads((out / "metrics.json").read_text()) | {"command": found["command"]}
    failed(genrec_eval("cold-start", cities[1], "--out", out), "holds something else (run)")
    same = ["cross-city", "--train", cities[0], "--test", cities[0], "--out", tmp_path / "same"]
    failed(genrec_eval(*same), "the same check-ins")
    pairs = [("habits-carried", "habits-own"), ("habits-carried", "habits"), ("habits-own", "habits")]
    for metric in ("acc@1", "acc@10", "mrr"):
        assert [(row["a"], row["b"]) for row in found["differences"] if row["metric"] == metric] == pairs
    values = {row["method"]: row["value"] for row in found["overall"] if row["metric"] == "acc@1"}
    for row in found["differences"][:3]:
        assert row["difference"] == pytest.approx(values[row["a"]] - values[row["b"]], abs=2e-4)
        assert row["low"] <= row["difference"] <= row["high"]
    no_person_and_no_path(figures.read_text(), [f"u{i}" for i in range(6)], tmp_path)
    assert leaks(out / "run") == []
    before, overview = contents(out), [(out / name).read_bytes() for name in WRITTEN]
    kill(out / "run")
    assert genrec_eval(*command)[0] == 0
    assert contents(out) == before
    assert [(out / name).read_bytes() for name in WRITTEN] == overview


@pytest.mark.slow
def test_only_an_adapter_for_any_catalogue_is_carried(genrec_eval, tmp_path, cities, tiny_folder):
    from adapters import random_adapter

    from genrec.prepared import catalogue_hash

    command = ["cross-city", "--train", cities[0], "--test", cities[1], "--limit", 3, "--model", tiny_folder]
    for catalogue, reason in {
        "0123456789abcdef": "another catalogue of POIs",
        catalogue_hash(read_checkins(cities[1]).pois): "nothing would be carried",
    }.items():
        bound = random_adapter(tmp_path / catalogue, seed=1, catalogue=catalogue)
        failed(genrec_eval(*command, "--adapter", bound, "--out", tmp_path / "out"), reason)
    free = random_adapter(tmp_path / "free", seed=1)
    code, said, _ = genrec_eval(*command, "--adapter", free, "--split", "rolling", "--out", tmp_path / "out")
    assert code == 0
    assert "The model with the adapter" in said
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert ("llm:full-adapted", "llm:full") in {(row["a"], row["b"]) for row in found["differences"]}
    assert found["settings"]["methods"]["llm:full-adapted"]["adapter"] == "free"


def test_a_model_without_an_adapter_is_refused(genrec_eval, tmp_path, cities, tiny_folder):
    command = ["cross-city", "--train", cities[0], "--test", cities[1], "--model", tiny_folder, "--out", tmp_path]
    failed(genrec_eval(*command), "go with --adapter")


def test_tables_show_intervals_and_significance():
    row = {"method": "m", "value": 0.25, "low": 0.1, "high": 0.4}
    [(name, cells)] = compact_table("t", [row | {"metric": m} for m in ("acc@1", "acc@5", "acc@10", "mrr")]).rows
    assert name == "m"
    assert (cells[0].text, cells[0].span) == ("0.250", "0.100 to 0.400")
    ends = {"difference": 0.1, "low": None, "high": None}
    rows = [
        {"a": "x", "b": "y", "metric": metric, "p_holm": p} | ends
        for metric, p in {"acc@1": 0.01, "acc@10": 0.5, "mrr": 0.05}.items()
    ]
    [(_, cells)] = difference_table(rows).rows
    assert [(cell.text, cell.span, cell.strong) for cell in cells] == [
        ("+0.100", "", True), ("+0.100", "", False), ("+0.100", "", False),
    ]  # fmt: skip
