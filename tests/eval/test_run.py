"""Runs: the same examples for every method, resumed without a trace, failures counted."""

import json
from itertools import groupby

import polars as pl
import pytest
from made_city import town
from made_runs import RuleModel, contents, llm, town_run

from eval.methods.method import Ranked
from eval.methods.rankers import RankerMethod
from eval.protocol import cases
from eval.run import BATCH, batches, part_of, run
from genrec.errors import GenRecError
from genrec.rankers.simple import CountingRanker

FILES = ("config.json", "examples.parquet", "rankings.parquet", "pois.parquet")


# --- the folder ---


def test_every_method_ranks_every_example_once(tmp_path):
    asked = town_run(tmp_path)
    rankings = pl.read_parquet(tmp_path / "rankings.parquet")
    examples = pl.read_parquet(tmp_path / "examples.parquet")
    methods = ["habits", "llm:full", "llm:full-swapped", "popularity"]
    assert rankings.select("method", "example").rows() == [
        (method, example) for method in methods for example in range(len(asked.examples))
    ]
    assert examples.equals(asked.frame)
    assert rankings["pois"].list.n_unique().to_list() == rankings["pois"].list.len().to_list()
    assert rankings.filter(method="habits")["in_prompt"].null_count() == len(examples)
    assert rankings.filter(method="llm:full")["in_prompt"].null_count() == 0
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["examples"] == len(examples)
    assert list(config["methods"]) == ["habits", "popularity", "llm:full", "llm:full-swapped"]
    assert config["methods"]["habits"]["data"]
    assert config["versions"]["polars"] == pl.__version__
    times = json.loads((tmp_path / "times.json").read_text())
    assert {method: spent["rankings"] for method, spent in times.items()} == dict.fromkeys(methods, len(examples))


def test_two_runs_give_the_same_bytes(tmp_path):
    town_run(tmp_path / "one")
    town_run(tmp_path / "two")
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert one == two
    assert {str(path) for path in one} >= {*FILES, "parts/llm-full.jsonl", "checkins/meta.json"}


class Counting(RankerMethod):
    """Remembers what it ranked, and may be killed at a batch."""

    def __init__(self, name, deadly=None):
        super().__init__(CountingRanker(name))
        self.ranked, self._deadly = [], deadly

    def rank(self, asked, examples, k):
        if len(examples) > 1 and self._deadly == len(self.ranked):
            raise KeyboardInterrupt
        self.ranked.append(list(examples))
        return super().rank(asked, examples, k)


@pytest.mark.parametrize("cut", [0, 1, 200])
def test_a_killed_run_goes_on_without_a_trace(tmp_path, cut):
    asked = cases(town(6), "rolling")
    run(
        asked,
        [RankerMethod(CountingRanker("markov")), RankerMethod(CountingRanker("habits"))],
        tmp_path / "whole",
        name="town",
    )
    expected = contents(tmp_path / "whole")
    out = tmp_path / "killed"
    with pytest.raises(KeyboardInterrupt):
        run(asked, [RankerMethod(CountingRanker("markov")), Counting("habits", deadly=2)], out, name="town")
    assert not (out / "rankings.parquet").exists()
    part = part_of(out, "habits")
    part.write_bytes(part.read_bytes()[: -cut or None])
    again = Counting("markov"), Counting("habits")
    run(asked, again, out, name="town")
    assert contents(out) == expected
    assert again[0].ranked == [], "what is finished is not ranked again"
    ranked = [batch for batch in again[1].ranked if len(batch) > 1]
    assert ranked == list(batches(asked))[0 if cut else 1 :]


def test_a_header_cut_short_is_written_anew(tmp_path):
    asked = cases(town(), "rolling")
    run(asked, [RankerMethod(CountingRanker("habits"))], tmp_path, name="town")
    expected = contents(tmp_path)
    part_of(tmp_path, "habits").write_bytes(b'{"weigh')
    run(asked, [RankerMethod(CountingRanker("habits"))], tmp_path, name="town")
    assert contents(tmp_path) == expected


def test_methods_may_be_added_later(tmp_path):
    asked = cases(town(), "rolling")
    run(asked, [RankerMethod(CountingRanker("markov"))], tmp_path, name="town")
    first = Counting("markov")
    run(asked, [first, RankerMethod(CountingRanker("habits"))], tmp_path, name="town")
    assert first.ranked == []
    assert pl.read_parquet(tmp_path / "rankings.parquet")["method"].unique().sort().to_list() == ["habits", "markov"]


def test_a_folder_of_something_else_is_refused(tmp_path):
    asked = cases(town(), "rolling")
    run(asked, [RankerMethod(CountingRanker("markov"))], tmp_path / "run", name="town")
    for other in (cases(town(), "rolling", limit=5), cases(town(4), "rolling"), cases(town(), "rolling", timed=False)):
        with pytest.raises(
            GenRecError, match=r"holds a run with (--limit left out|other check-ins|--time given); name"
        ):
            run(other, [RankerMethod(CountingRanker("markov"))], tmp_path / "run", name="town")

    class Changed(RankerMethod):
        def settings(self, _):
            return {"weights": "others"}

    with pytest.raises(GenRecError, match="was made with other settings"):
        run(asked, [Changed(CountingRanker("markov"))], tmp_path / "run", name="town")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.png").touch()
    with pytest.raises(GenRecError, match="holds something else"):
        run(asked, [RankerMethod(CountingRanker("markov"))], tmp_path / "photos", name="town")
    (tmp_path / "photos" / "config.json").write_text("[]")
    with pytest.raises(GenRecError, match="Name a folder of `genrec-eval run`"):
        run(asked, [RankerMethod(CountingRanker("markov"))], tmp_path / "photos", name="town")


def test_batches_keep_moments_and_users_together():
    asked = cases(town(6), "rolling", refresh_days=2)
    order = [number for batch in batches(asked) for number in batch]
    assert sorted(order) == list(range(len(asked.examples)))
    assert all(len(batch) <= BATCH for batch in batches(asked))
    keys = [(asked.examples[number].as_of, asked.examples[number].user_id) for number in order]
    assert [key for key, _ in groupby(keys)] == sorted(set(keys))


# --- failures ---


def test_a_failure_is_a_miss_with_its_reason(tmp_path):
    asked = cases(town(6), "rolling")
    models = RuleModel(failing=lambda query: query.profile.user_id == "u1")
    run(asked, [llm("llm:full", models, asked.checkins)], tmp_path, name="town")
    rankings = pl.read_parquet(tmp_path / "rankings.parquet").join(asked.frame, on="example")
    lost = rankings.filter(pl.col("failure").is_not_null())
    assert len(lost) == len(asked.frame.filter(user_id="u1")) > 0
    assert lost["failure"].unique().to_list() == ["the prompt of u1 is too long"]
    assert lost["pois"].list.len().max() == 0
    assert rankings.filter(pl.col("failure").is_null())["pois"].list.len().min() > 0


def test_a_model_that_ranks_nothing_stops_the_run(tmp_path):
    asked = cases(town(6), "rolling")
    method = llm("llm:full", RuleModel(failing=lambda query: True), asked.checkins)
    with pytest.raises(GenRecError, match=r"llm:full: none of \d+ examples could be ranked: the prompt of"):
        run(asked, [method], tmp_path, name="town")
    assert len(part_of(tmp_path, "llm:full").read_text().splitlines()) == 1, "an outage is no miss"


def test_an_answer_is_kept_as_it_is(tmp_path):
    """Also one with words that need care in JSON and in tables."""
    asked = cases(town(), "rolling", limit=1)

    class Odd(RankerMethod):
        def rank(self, asked, examples, k):
            return [Ranked(number, "e", failure='no "rank"\u2028\nat all', profile_user="ü") for number in examples]

    for _ in range(2):
        run(asked, [Odd(CountingRanker("markov"))], tmp_path, name="town")
        row = pl.read_parquet(tmp_path / "rankings.parquet").row(0, named=True)
        assert (row["failure"], row["profile_user"], row["pois"]) == ('no "rank"\u2028\nat all', "ü", [])
