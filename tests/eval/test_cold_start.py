"""Cold start: whose history is cut, to which lengths, and who is left out."""

import json
import shutil

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import at, make, quick
from made_city import csv_of, routine, town
from made_runs import WRITTEN, contents, kill, leaks, no_person_and_no_path

from eval.experiments.cold_report import verdict
from eval.experiments.cold_start import LENGTHS, after, newcomers
from eval.protocol import cases
from genrec.errors import GenRecError

SOME = (0, 5, 20)  # lengths of history, enough for tests of the whole command
pytestmark = pytest.mark.usefixtures("little_work")


def long_town():
    """A town in which u7 came late, and u8 only in the test part."""
    late = [("u7", poi, at(8, 8 + poi)) for poi in range(3)] + [("u7", poi, at(11, 20 + poi)) for poi in range(3)]
    visits = [*late, ("u8", 4, at(11, 20)), ("u8", 5, at(11, 22))]
    kinds = [(0, 1, 4), (0, 3, 5), (0, 1, 6)]
    return make([*(visit for i in range(6) for visit in routine(f"u{i}", kinds[i % 3], i % 2)), *visits])


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
    assert verdict(rows).headline == (
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
    monkeypatch.setattr("eval.experiments.cold_start.LENGTHS", SOME)


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
    compared = {(row["a"], row["b"], row["metric"], row["history"]) for row in found["differences"]}
    assert compared == {
        ("popularity", "habits", metric, length) for metric in ("acc@1", "acc@10", "mrr") for length in SOME
    }
    assert "Differences in Acc@10 by earlier check-ins" in said
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


@pytest.mark.slow
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
