"""The presets: what each runs, what it cuts and carries, and what its aggregates give away."""

import json
import re
import shutil
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import at, make, quick
from made_city import csv_of, failed, routine, town, written
from made_runs import RuleModel, contents, llm

from eval.audit import audit
from eval.baselines import BaselineMethod
from eval.cold_start import LENGTHS, _verdict, after, newcomers
from eval.cross_city import FittedHabits, difference_table, weights_of
from eval.llm_methods import LlmSpec
from eval.presets import ABLATION, ablation_methods, compact_table, run_figures, to_json
from eval.protocol import cases
from eval.report import write_report
from eval.run import run as run_all
from genrec.checkins import read_checkins
from genrec.errors import GenRecError
from genrec.habit_weights import FittedWeights, HabitWeights, fitted_weights
from genrec.profile import write_profiles

SOME = (0, 5, 20)  # lengths of history, enough for tests of the whole command
WRITTEN = ("metrics.json", "report.md", "report.html")


@pytest.fixture(autouse=True)
def _little_work(monkeypatch):
    """These tests are not about the width of intervals, nor about good weights."""
    monkeypatch.setattr("eval.findings.DRAWS", 100)
    monkeypatch.setattr("eval.findings.COMPARISON_DRAWS", 200)
    monkeypatch.setattr("eval.cross_city.DRAWS", 200)
    monkeypatch.setattr("eval.cross_city.FIT_LIMIT", 20)
    monkeypatch.setattr("eval.fit.RANDOM_TRIES", 1)
    monkeypatch.setattr("eval.fit.LAST_STEP", 0.2)


def kill(run):
    """Leave a run as if it had been killed in the middle of its last method's answers."""
    (run / "rankings.parquet").unlink()
    (run / "metrics.json").unlink()
    last = max((run / "parts").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    lines = last.read_text().splitlines(keepends=True)
    last.write_text("".join(lines[:-2]) + lines[-2][:9])


def long_town():
    """A town in which u7 came late, and u8 only in the test part."""
    late = [("u7", poi, at(8, 8 + poi)) for poi in range(3)] + [("u7", poi, at(11, 20 + poi)) for poi in range(3)]
    visits = [*late, ("u8", 4, at(11, 20)), ("u8", 5, at(11, 22))]
    kinds = [(0, 1, 4), (0, 3, 5), (0, 1, 6)]
    return make([*(visit for i in range(6) for visit in routine(f"u{i}", kinds[i % 3], i % 2)), *visits])


def leaks(run):
    return [leak for finding in audit(run) for leak in finding.leaks]


def no_person_and_no_path(text, people, *folders):
    assert not re.search(r"\d{4}-\d\d-\d\d", text), "the time of a check-in"
    for word in [*(f'"{user}"' for user in people), *map(str, folders), "user_id", "poi_id"]:
        assert word not in text


# --- a run ---


def shape(value):
    """The names in plain data; rows of a table have one shape."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return shape(value[0]) if isinstance(value, list) and value else None


def test_a_run_gives_the_figures_that_are_kept_beside_the_code(genrec_eval, tmp_path):
    kept = json.loads((Path(__file__).parents[1] / "eval/results/calgary-rolling.json").read_text())
    path, run, figures = csv_of(town(6), tmp_path / "town.csv"), tmp_path / "run", tmp_path / "figures.json"
    command = ["run", path, "--method", "habits", "--method", "markov", "--split", "rolling", "--seed", 3]
    assert genrec_eval(*command, "--out", run, "--aggregates", figures)[0] == 0
    found = json.loads(figures.read_text())
    assert found["command"] == (
        "genrec-eval run town.csv --method habits --method markov --out DIR --split rolling --seed 3"
    )
    for figure in (kept, found):
        del figure["failures"], figure["ece"], figure["settings"]["versions"]
    del kept["settings"]["methods"]["sasrec"]
    habits, markov = found["settings"]["methods"].values()
    assert shape(found["settings"] | {"methods": {}}) == shape(kept["settings"] | {"methods": {}})
    assert habits["weights"] == pytest.approx(kept["settings"]["methods"]["habits"]["weights"])
    assert (shape(habits), markov) == (shape(kept["settings"]["methods"]["habits"]), {})
    assert shape(found | {"settings": {}}) == shape(kept | {"settings": {}})
    no_person_and_no_path(figures.read_text(), [f"u{i}" for i in range(6)], tmp_path)


def test_figures_of_a_run_are_about_nobody(tmp_path):
    alone = [("u9", poi, at(11, 20 + hour)) for hour, poi in enumerate((0, 1, 0, 1))]
    visits = town(6).frame.select("user_id", "poi", "time").rows()
    asked = cases(make([*visits, *alone]), "all-visits")
    methods = [
        BaselineMethod("habits"),
        llm("llm:full", RuleModel(lambda query: query.profile.user_id == "u9"), asked.checkins),
    ]
    run_all(asked, methods, tmp_path, name="town")
    write_report(tmp_path)
    metrics, found = json.loads((tmp_path / "metrics.json").read_text()), run_figures(tmp_path, "c")
    assert "u9" in json.dumps(metrics["failures"])
    assert found["failures"] == [{"method": "llm:full", "n": sum(e.user_id == "u9" for e in asked.examples)}]
    assert {row["users"] for row in metrics["slices"]} - {row["users"] for row in found["slices"]} == {1}
    no_person_and_no_path(to_json(found), ["u9"], tmp_path)
    assert "u9" not in to_json(found)


def test_the_command_is_told_without_paths_and_addresses(genrec_eval, tmp_path):
    path, folder = csv_of(town(6), tmp_path / "town.csv"), tmp_path / "my model"
    folder.mkdir()
    profiles = tmp_path / "profiles.jsonl"
    write_profiles(profiles, [written(read_checkins(path), as_of=at(3))])
    command = ["run", path, "--method", "habits", "--split", "rolling", "--limit", 5, "--profiles", profiles]
    command += ["--model", folder, "--server", "http://10.0.0.7:8000", "--month-first", "--out", tmp_path / "run"]
    code, _, noise = genrec_eval(*command, "--aggregates", tmp_path / "figures.json")
    assert code == 0, noise
    assert json.loads((tmp_path / "figures.json").read_text())["command"] == (
        "genrec-eval run town.csv --method habits --out DIR --profiles profiles.jsonl --split rolling --limit 5 "
        "--model 'my model' --server URL --month-first"
    )


# --- ablation ---


def test_the_ablation_has_parts_controls_and_yardsticks():
    assert ablation_methods(adapted=False) == list(ABLATION)
    specs = [LlmSpec.parse(name) for name in ABLATION]
    models = [spec for spec in specs if spec]
    assert [spec.level for spec in models if spec.habit_table and spec.show == "own"] == [
        "none", "routines", "attributes", "full",
    ]  # fmt: skip
    assert {spec.show for spec in models} == {"own", "swapped", "emptied"}
    assert [spec.level for spec in models if not spec.habit_table] == ["full"]
    assert ABLATION[-3:] == ("habits", "most-frequent", "popularity")
    adapted = [LlmSpec.parse(name) for name in ablation_methods(adapted=True)]
    assert [spec.adapted for spec in adapted if spec] == [True] * len(models)


def test_ablation_from_the_command_line(genrec_eval, tmp_path, tiny_folder):
    path, run, figures = csv_of(town(6), tmp_path / "town.csv"), tmp_path / "run", tmp_path / "figures.json"
    command = ["ablation", path, "--split", "rolling", "--limit", 4, "--model", tiny_folder, "--out", run]
    command += ["--aggregates", figures]
    code, said, _ = genrec_eval(*command)
    assert code == 0
    assert "Acc@1" in said and "MRR@20" in said
    assert set(ABLATION) <= set(said.split()), "names of methods stay whole"
    assert "profile" in said.splitlines()[-2]  # the verdict
    assert leaks(run) == []
    found = json.loads(figures.read_text())
    assert found["command"] == (
        f"genrec-eval ablation town.csv --out DIR --split rolling --limit 4 --model {tiny_folder.name}"
    )
    assert list(dict.fromkeys(row["method"] for row in found["overall"])) == list(ABLATION)
    assert {row["n"] for row in found["overall"]} == {4}
    assert {(row["a"], row["b"]) for row in found["differences"]} >= {
        ("llm:full", "llm:full-swapped"), ("llm:full", "llm:full-emptied"), ("llm:full", "llm:none"),
        ("llm:full-notable", "llm:full"), ("llm:full", "habits"),
    }  # fmt: skip
    assert found["settings"]["methods"]["llm:full"]["model"] == tiny_folder.name
    no_person_and_no_path(figures.read_text(), [f"u{i}" for i in range(6)], tmp_path, tiny_folder.parent)
    before, kept = contents(run), figures.read_bytes()
    kill(run)
    assert genrec_eval(*command)[0] == 0
    assert contents(run) == before
    assert figures.read_bytes() == kept
    assert all((run / name).exists() for name in WRITTEN)


def test_the_ablation_takes_a_part_and_a_preset(genrec_eval, tmp_path, tiny_folder):
    path, run = csv_of(town(6), tmp_path / "town.csv"), tmp_path / "run"
    command = ["ablation", path, "--preset", "genup-nyc", "--part", "validation", "--limit", 2, "--model", tiny_folder]
    code, said, noise = genrec_eval(*command, "--out", run)
    assert code == 0, noise
    assert said.startswith("the preset keeps ")
    config = json.loads((run / "config.json").read_text())
    asked_for = {"split": "llm4poi", "part": "validation", "preset": "genup-nyc", "examples": 2}
    assert asked_for.items() <= config.items()
    assert {config["methods"][name]["prompt"] for name in ABLATION if name.startswith("llm:")} == {"genup"}
    failed(genrec_eval(*command, "--split", "rolling", "--out", tmp_path / "no"), "means the split llm4poi")


# --- cold start ---


@pytest.mark.parametrize("split", ["all-visits", "llm4poi"])
def test_histories_are_cut_to_each_length(split):
    sample = newcomers(cases(long_town(), split), users=3, limit=None, seed=1)
    frame = sample.asked.checkins.frame
    cut = pl.col("user_id").is_in(sample.users)
    past = pl.col("time") < sample.as_of
    for length in LENGTHS:
        asked = after(sample, length)
        assert asked.frame["history"].to_list() == [length] * len(sample.asked.examples)
        kept = asked.checkins.frame
        assert kept.filter(~cut).equals(frame.filter(~cut))
        assert kept.filter(~past).equals(frame.filter(~past))
        for user in sample.users:
            own = pl.col("user_id") == user
            assert kept.filter(own & past).equals(frame.filter(own & past).tail(length))
        goals = [(example.user_id, example.time, example.target) for example in asked.examples]
        assert goals == [(example.user_id, example.time, example.target) for example in sample.asked.examples]
        train = frame[: sample.asked.train_rows].join(kept, on=frame.columns, how="semi", maintain_order="left")
        assert kept[: asked.train_rows].equals(train)


def test_the_trajectory_so_far_forgets_what_the_history_does():
    """A trajectory that began before the test part: of its earlier visits only the known ones stay."""
    sample = newcomers(cases(town(6), "all-visits"), users=3, limit=None, seed=0)
    cut = 0
    for length in LENGTHS[:3]:
        for short, full in zip(after(sample, length).examples, sample.asked.examples, strict=True):
            early = [visit for visit in full.prefix if visit[0] < sample.as_of]
            late = [visit for visit in full.prefix if visit[0] >= sample.as_of]
            assert list(short.prefix) == (early[-length:] if length else []) + late
            cut += len(early) > length
    assert cut


@quick
@given(users=st.integers(1, 6), limit=st.one_of(st.none(), st.integers(1, 5)), seed=st.integers(0, 9))
def test_every_example_is_asked_or_counted(users, limit, seed):
    asked = cases(long_town(), "all-visits")
    sample = newcomers(asked, users=users, limit=limit, seed=seed)
    again = newcomers(asked, users=users, limit=limit, seed=seed)
    assert sample.asked.examples == again.asked.examples
    for part in (sample.asked, sample.real):
        assert (part.sampled_from or len(part.examples)) + sum(part.excluded.values()) == len(asked.examples)
    assert len(sample.users) == users
    assert max(sample.real.frame["history"]) < max(LENGTHS) <= min(sample.asked.frame["history"])


def test_methods_that_are_equally_good_are_all_named():
    values = {("popularity", 0): 0.5, ("habits", 0): 0.5, ("popularity", 20): 0.0, ("habits", 20): 0.25}
    rows = [{"method": m, "history": n, "metric": "acc@1", "value": value} for (m, n), value in values.items()]
    assert _verdict(rows).headline == (
        "Highest Acc@1 without earlier check-ins: popularity and habits, 0.500; with 20: habits, 0.250."
    )


def test_who_cannot_be_cut_back():
    with pytest.raises(GenRecError, match="frozen once"):
        newcomers(cases(town(6), "rolling", refresh_days=1), users=2, limit=None, seed=0)
    strangers = make([(f"u{i}", i % 5, at(i)) for i in range(40)])
    with pytest.raises(GenRecError, match="nobody in the test part has 20"):
        newcomers(cases(strangers, "all-visits"), users=2, limit=None, seed=0)
    with pytest.raises(GenRecError, match="nobody's check-ins are left"):
        after(newcomers(cases(town(6), "all-visits"), users=6, limit=None, seed=0), 0)


@pytest.fixture
def some_lengths(monkeypatch):
    monkeypatch.setattr("eval.cold_start.LENGTHS", SOME)


@pytest.mark.slow
def test_cold_start_from_the_command_line(genrec_eval, tmp_path, some_lengths):
    path, out, figures = csv_of(long_town(), tmp_path / "town.csv"), tmp_path / "out", tmp_path / "figures.json"
    command = ["cold-start", path, "--method", "popularity", "--method", "habits", "--users", 3, "--out", out]
    command += ["--aggregates", figures]
    code, said, _ = genrec_eval(*command)
    assert code == 0
    assert "Acc@1 by earlier check-ins" in said
    found = json.loads(figures.read_text())
    assert found["command"] == "genrec-eval cold-start town.csv --out DIR --method popularity --method habits --users 3"
    assert found == json.loads((out / "metrics.json").read_text()) | {"command": found["command"]}
    assert [row["history"] for row in found["overall"] if (row["method"], row["metric"]) == ("habits", "acc@1")] == [
        *SOME
    ]
    assert found["settings"]["sampled_users"] == 3
    no_person_and_no_path(figures.read_text(), [f"u{i}" for i in range(9)], tmp_path)
    runs = [out / f"history-{length}" for length in SOME] + [out / "newcomers"]
    for run in runs:
        assert leaks(run) == []
        assert all((run / name).exists() for name in WRITTEN)
    assert "the last 5 check-ins" in (runs[1] / "report.md").read_text()
    before = contents(out)
    overview = [(out / name).read_bytes() for name in WRITTEN]
    kill(runs[1])
    shutil.rmtree(runs[2])
    assert genrec_eval(*command)[0] == 0
    assert contents(out) == before
    assert [(out / name).read_bytes() for name in WRITTEN] == overview


def test_models_see_cut_histories_only(genrec_eval, tmp_path, tiny_folder, some_lengths):
    path, out = csv_of(long_town(), tmp_path / "town.csv"), tmp_path / "out"
    options = ["--users", 2, "--limit", 2, "--model", tiny_folder, "--out", out]
    assert genrec_eval("cold-start", path, "--method", "llm:full", *options)[0] == 0
    for length in SOME:
        assert leaks(out / f"history-{length}") == []
        rankings = pl.read_parquet(out / f"history-{length}" / "rankings.parquet")
        assert rankings["failure"].null_count() == 2
        settings = json.loads((out / f"history-{length}" / "config.json").read_text())["methods"]["llm:full"]
        assert settings["profiles"] == {"given": 0, "templates": 2}


# --- from city to city ---


def test_weights_of_ones_own_decide_the_ranking():
    asked = cases(town(6), "rolling", limit=20)
    everything = range(20)
    shipped = list(BaselineMethod("habits").rank(asked, everything, 8))
    assert list(FittedHabits("same", fitted_weights()).rank(asked, everything, 8)) == shipped
    odd = fitted_weights().model_copy(update={"weights": HabitWeights(novelty=0.99, near_km=20)})
    other = FittedHabits("odd", odd)
    assert [answer.pois for answer in other.rank(asked, everything, 8)] != [answer.pois for answer in shipped]
    assert other.settings(asked)["weights"]["novelty"] == 0.99


def test_fitted_weights_are_kept(tmp_path, monkeypatch):
    path = tmp_path / "weights.json"
    fitted = weights_of(town(6), "town", path, seed=0)
    assert FittedWeights.model_validate_json(path.read_bytes()) == fitted
    monkeypatch.setattr("eval.cross_city.fit", None)
    assert weights_of(town(6), "town", path, seed=0) == fitted
    for checkins, seed in ((town(5), 0), (town(6), 1)):
        with pytest.raises(GenRecError, match="other check-ins or with another seed"):
            weights_of(checkins, "town", path, seed=seed)
    path.write_text("{")
    with pytest.raises(GenRecError, match="holds no fitted weights"):
        weights_of(town(6), "town", path, seed=0)


@pytest.fixture
def cities(tmp_path):
    """Two cities as files of the same name."""
    paths = [tmp_path / name / "checkins.csv" for name in ("north", "south")]
    for path, users in zip(paths, (5, 6), strict=True):
        path.parent.mkdir()
        csv_of(town(users), path)
    return paths


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


def test_only_an_adapter_for_any_catalogue_is_carried(genrec_eval, tmp_path, cities, tiny_folder):
    from adapters import random_adapter

    from genrec.store import catalogue_hash

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


# --- tables ---


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
