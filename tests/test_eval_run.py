"""Runs: the same examples for every method, resumed without a trace, failures counted; what the model is shown."""

import json
from itertools import groupby

import polars as pl
import pytest
from made import at, make
from made_city import csv_of, failed, town, written
from made_runs import RuleModel, contents, llm, town_run

from eval.baselines import BASELINES, BaselineMethod
from eval.llm_methods import LlmSpec, Models
from eval.methods import make_methods
from eval.profile_shelf import ProfileShelf, read_given
from eval.protocol import cases
from eval.ranked import Ranked
from eval.run import BATCH, batches, part_of, run
from genrec.adapter import SHIPPED
from genrec.errors import GenRecError
from genrec.profile import UNKNOWN, write_profiles

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


class Counting(BaselineMethod):
    """Remembers what it ranked, and may be killed at a batch."""

    def __init__(self, name, deadly=None):
        super().__init__(name)
        self.ranked, self._deadly = [], deadly

    def rank(self, asked, examples, k):
        if len(examples) > 1 and self._deadly == len(self.ranked):
            raise KeyboardInterrupt
        self.ranked.append(list(examples))
        return super().rank(asked, examples, k)


@pytest.mark.parametrize("cut", [0, 1, 200])
def test_a_killed_run_goes_on_without_a_trace(tmp_path, cut):
    asked = cases(town(6), "rolling")
    run(asked, [BaselineMethod("markov"), BaselineMethod("habits")], tmp_path / "whole", name="town")
    expected = contents(tmp_path / "whole")
    out = tmp_path / "killed"
    with pytest.raises(KeyboardInterrupt):
        run(asked, [BaselineMethod("markov"), Counting("habits", deadly=2)], out, name="town")
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
    run(asked, [BaselineMethod("habits")], tmp_path, name="town")
    expected = contents(tmp_path)
    part_of(tmp_path, "habits").write_bytes(b'{"weigh')
    run(asked, [BaselineMethod("habits")], tmp_path, name="town")
    assert contents(tmp_path) == expected


def test_methods_may_be_added_later(tmp_path):
    asked = cases(town(), "rolling")
    run(asked, [BaselineMethod("markov")], tmp_path, name="town")
    first = Counting("markov")
    run(asked, [first, BaselineMethod("habits")], tmp_path, name="town")
    assert first.ranked == []
    assert pl.read_parquet(tmp_path / "rankings.parquet")["method"].unique().sort().to_list() == ["habits", "markov"]


def test_a_folder_of_something_else_is_refused(tmp_path):
    asked = cases(town(), "rolling")
    run(asked, [BaselineMethod("markov")], tmp_path / "run", name="town")
    for other in (cases(town(), "rolling", limit=5), cases(town(4), "rolling"), cases(town(), "rolling", timed=False)):
        with pytest.raises(GenRecError, match="holds a run with other"):
            run(other, [BaselineMethod("markov")], tmp_path / "run", name="town")

    class Changed(BaselineMethod):
        def settings(self, _):
            return {"weights": "others"}

    with pytest.raises(GenRecError, match="was made with other settings"):
        run(asked, [Changed("markov")], tmp_path / "run", name="town")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.png").touch()
    with pytest.raises(GenRecError, match="holds something else"):
        run(asked, [BaselineMethod("markov")], tmp_path / "photos", name="town")
    (tmp_path / "photos" / "config.json").write_text("[]")
    with pytest.raises(GenRecError, match="is no configuration of a run"):
        run(asked, [BaselineMethod("markov")], tmp_path / "photos", name="town")


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


# --- what the model is shown ---


def test_names_say_everything():
    assert LlmSpec.parse("llm:none") == LlmSpec("none", "own", True, False)
    assert LlmSpec.parse("llm:routines-notable") == LlmSpec("routines", "own", False, False)
    assert LlmSpec.parse("llm:full-swapped-notable-adapted") == LlmSpec("full", "swapped", False, True)
    assert LlmSpec.parse("llm:full-emptied") == LlmSpec("full", "emptied", True, False)
    for name in ("llm:", "llm:best", "llm:none-swapped", "llm:full-notable-swapped", "full", "llm:full\n"):
        assert LlmSpec.parse(name) is None


@pytest.mark.parametrize(
    ("names", "adapter", "reason"),
    [
        (["habits", "habits"], None, "names one twice"),
        (["habit"], None, "there is no method 'habit'; there are popularity, .*llm:full-swapped"),
        (["llm:full-adapted"], None, "llm:full-adapted needs --adapter"),
        (["llm:full"], "folder", "methods whose names end in -adapted"),
    ],
)
def test_wrong_names_are_refused(names, adapter, reason):
    checkins = town()
    with pytest.raises(GenRecError, match=reason):
        make_methods(names, Models(checkins, "folder", None, adapter), ProfileShelf([], checkins))


def test_the_embedded_model_has_an_adapter_of_its_own():
    checkins = town()
    models = Models(checkins, None, None, None)
    assert models.adapter == str(SHIPPED)
    [method] = make_methods(["llm:full-adapted"], models, ProfileShelf([], checkins))
    assert method.name == "llm:full-adapted"
    make_methods(["llm:full"], models, ProfileShelf([], checkins))  # nobody named it, so it is no stray


def test_all_names_make_methods():
    checkins = town()
    names = [*BASELINES, "sasrec", "llm:none", "llm:full-swapped-notable", "llm:full-adapted"]
    methods = make_methods(names, Models(checkins, None, None, "folder"), ProfileShelf([], checkins))
    assert [method.name for method in methods] == names


def shown(name, asked, given=(), seed=0):
    """Answers and queries of a method on all examples, in order."""
    models = RuleModel()
    answers = list(llm(name, models, asked.checkins, given, seed).rank(asked, range(len(asked.examples)), 5))
    return answers, models


@pytest.mark.parametrize("timed", [True, False])
def test_habits_and_trajectory_are_the_examples_own_and_of_its_moment(timed):
    asked = cases(town(6), "rolling", refresh_days=3, timed=timed)
    for name in ("llm:full", "llm:full-swapped", "llm:full-emptied"):
        answers, models = shown(name, asked)
        for answer, query in zip(answers, models.asked, strict=True):
            example = asked.examples[answer.example]
            assert (query.profile.user_id, query.profile.as_of) == (example.user_id, example.as_of)
            assert query.profile.habits.as_of == example.as_of
            assert query.profile.habits.user_id == example.user_id
            assert query.prefix == example.prefix
            assert query.at == (example.time if timed else None)


def test_level_and_table_reach_the_model():
    asked = cases(town(), "rolling", limit=4)
    for name, level, table in (("llm:none", "none", True), ("llm:attributes-notable", "attributes", False)):
        assert {call[1:] for call in shown(name, asked)[1].calls} == {(level, table)}
    assert shown("llm:full-adapted", asked)[1].adapted


def test_controls_show_another_users_words_or_none():
    asked = cases(town(6), "rolling")
    own, own_models = shown("llm:full", asked)
    swapped, models = shown("llm:full-swapped", asked)
    assert any(any(query.profile.statements()) for query in own_models.asked)
    for mine, theirs, query in zip(own, swapped, models.asked, strict=True):
        user = asked.examples[mine.example].user_id
        assert mine.profile_user == user != theirs.profile_user
        assert any(query.profile.statements()), "a control that says nothing is none"
    partners = {asked.examples[answer.example].user_id: answer.profile_user for answer in swapped}
    assert len(set(partners.values())) > 1
    assert shown("llm:full-swapped", asked)[0] == swapped
    emptied, models = shown("llm:full-emptied", asked)
    for answer, query in zip(emptied, models.asked, strict=True):
        assert answer.profile_user is answer.profile_as_of is None
        assert not list(query.profile.statements())
        assert {guess.value for guess in (query.profile.traits | query.profile.attributes).values()} == {UNKNOWN}


def test_the_seed_decides_who_is_swapped():
    asked = cases(town(6), "rolling")
    partners = {tuple(answer.profile_user for answer in shown("llm:full-swapped", asked, seed=s)[0]) for s in range(5)}
    assert len(partners) > 1


def test_nobody_to_swap_with_is_a_failure():
    asked = cases(town(1), "rolling", limit=1)
    [answer] = shown("llm:full-swapped", asked)[0]
    assert answer.failure.startswith("nobody else has a profile")


def given_profile(text, when, user="u0"):
    profile = written(town(6), user, as_of=when)
    profile.summary[0].text = text
    return profile


def test_the_latest_given_profile_before_the_moment_is_shown():
    asked = cases(town(6), "rolling", refresh_days=1)
    given = [given_profile(text, at(day)) for text, day in (("first", 2), ("second", 9), ("late", 99))]
    answers, models = shown("llm:full", asked, given)
    seen = set()
    for answer, query in zip(answers, models.asked, strict=True):
        example = asked.examples[answer.example]
        if example.user_id == "u0":
            expected = ("second", at(9)) if example.as_of >= at(9) else ("first", at(2))
            assert (query.profile.summary[0].text, answer.profile_as_of) == expected
            seen.add(expected)
        else:
            assert answer.profile_as_of == example.as_of, "by templates, then"
    assert len(seen) == 2
    coverage = llm("llm:full", RuleModel(), asked.checkins, given).settings(asked)["profiles"]
    assert coverage["given"] == len(asked.frame.filter(user_id="u0"))
    assert sum(coverage.values()) == len(asked.examples)


def test_other_profiles_are_other_settings(tmp_path):
    asked = cases(town(6), "rolling")
    for text in ("first", "first", "second"):
        method = llm("llm:full", RuleModel(), asked.checkins, [given_profile(text, at(2))])
        if text == "second":
            with pytest.raises(GenRecError, match="was made with other settings"):
                run(asked, [method], tmp_path, name="town")
        else:
            run(asked, [method], tmp_path, name="town")


def test_given_profiles_are_swapped_among_each_other():
    asked = cases(town(6), "rolling")
    given = [written(town(6), user, as_of=at(2)) for user in ("u0", "u3")]
    for profile in given:
        profile.provenance.writer = "model"
    for answer in shown("llm:full-swapped", asked, given)[0]:
        user = asked.examples[answer.example].user_id
        if user in ("u0", "u3"):
            assert {user, answer.profile_user} == {"u0", "u3"}
        else:
            assert answer.profile_user not in ("u0", "u3")


def test_profiles_that_know_too_much_are_refused():
    asked = cases(town(), "rolling")
    method = llm("llm:full", RuleModel(), asked.checkins, [written(town(), "u0", as_of=at(30))])
    with pytest.raises(GenRecError, match=r"none of the 1 profiles given .* --as-of 2024-01-0"):
        method.settings(asked)


def test_profiles_of_other_places_are_refused():
    checkins = town()
    profile = written(checkins, "u0", as_of=at(5))
    for place in range(2):
        other = checkins.pois.with_columns(poi_id=pl.lit("q") + pl.col("poi_id"))[place * 8 :]
        with pytest.raises(GenRecError, match="was written for other data"):
            ProfileShelf([profile], type(checkins)(checkins.frame, other, "other", []))


def test_files_of_several_moments_are_read_together(tmp_path):
    for day in (3, 5):
        write_profiles(tmp_path / f"{day}.jsonl", [written(town(), "u0", as_of=at(day))])
    assert [profile.as_of for profile in read_given([tmp_path / "5.jsonl", tmp_path / "3.jsonl"])] == [at(5), at(3)]
    with pytest.raises(GenRecError, match="two profiles as of 2024-01-04"):
        read_given([tmp_path / "3.jsonl", tmp_path / "3.jsonl"])


# --- the command ---


def test_the_command(genrec_eval, tmp_path):
    path, out = csv_of(town(6), tmp_path / "town.csv"), tmp_path / "run"
    command = ["run", path, "--method", "habits", "--method", "markov", "--split", "rolling", "--limit", 20]
    command += ["--out", out, "--time", "unknown", "--refresh", 2, "--seed"]
    code, said, noise = genrec_eval(*command, 4)
    assert code == 0, noise
    assert said.startswith("20 examples, drawn from 96 with seed 4\n  nothing was left out\n")
    assert [line.split()[1] for line in said.splitlines() if line.startswith("│")] == ["habits", "markov"]
    config = json.loads((out / "config.json").read_text())
    asked_for = {"name": "town.csv", "sample_seed": 4, "time": "unknown", "refresh_days": 2, "split": "rolling"}
    assert asked_for.items() <= config.items()
    assert genrec_eval(*command, 4)[:2] == (code, said)
    code, _, noise = genrec_eval(*command, 5)
    assert code == 2
    assert "holds a run with other sample_seed" in noise


def test_the_command_counts_what_is_left_out_and_warns(genrec_eval, tmp_path):
    alone = [("u0", 0, at(20 + day)) for day in range(3)]
    path = csv_of(make([*town(6).frame.select("user_id", "poi", "time").rows(), *alone]), tmp_path / "town.csv")
    code, said, noise = genrec_eval(
        "run", path, "--method", "habits", "--preset", "genup-tky", "--out", tmp_path / "run"
    )
    assert code == 0
    assert said.startswith("the preset keeps 183 of 195 check-ins, 6 of 6 users, 4 of 7 POIs\n")
    assert "  left out: 3, one-visit trajectory\n" in said
    assert "warning: genup-tky: " in noise
    assert "GenUP has 6,980" in noise


def test_mistakes_are_one_line(genrec_eval, tmp_path):
    path = csv_of(town(6), tmp_path / "town.csv")
    result = genrec_eval("run", path, "--method", "best", "--out", tmp_path / "run")
    assert result[0] == 2
    assert result[2].splitlines()[-1].startswith("error: there is no method 'best'")
    failed(
        genrec_eval("run", path, "--method", "habits", "--profiles", tmp_path / "none", "--out", tmp_path / "run"),
        "no such file",
    )


def test_a_model_from_the_command_line(genrec_eval, tmp_path, tiny_folder):
    path = csv_of(town(), tmp_path / "town.csv")
    methods = ["--method", "llm:full", "--method", "llm:none-notable"]
    command = ["run", path, *methods, "--split", "rolling", "--limit", 3, "--model", tiny_folder, "--out"]
    assert [genrec_eval(*command, tmp_path / out)[0] for out in ("run", "again")] == [0, 0]
    assert contents(tmp_path / "run") == contents(tmp_path / "again")
    rankings = pl.read_parquet(tmp_path / "run" / "rankings.parquet")
    assert rankings["method"].to_list() == ["llm:full"] * 3 + ["llm:none-notable"] * 3
    assert rankings["pois"].list.len().to_list() == [7] * 6
    assert rankings["failure"].null_count() == 6


def test_fitting_from_the_command_line(genrec_eval, tmp_path, monkeypatch):
    from genrec.habit_weights import FittedWeights

    monkeypatch.setattr("eval.fit.RANDOM_TRIES", 1)
    monkeypatch.setattr("eval.fit.LAST_STEP", 0.2)
    path, out = csv_of(town(6), tmp_path / "town.csv"), tmp_path / "weights.json"
    code, said, _ = genrec_eval("fit-habits", path, "--cities", 0, "--limit", 5, "--out", out)
    assert code == 0
    assert "mean log-probability of 5 visits" in said
    fitted = FittedWeights.model_validate_json(out.read_text())
    assert fitted.command == "genrec-eval fit-habits town.csv --cities=0 --limit=5 --seed=0"
    assert [data.name for data in fitted.data] == ["town.csv"]


def test_an_answer_is_kept_as_it_is(tmp_path):
    """Also one with words that need care in JSON and in tables."""
    asked = cases(town(), "rolling", limit=1)

    class Odd(BaselineMethod):
        def rank(self, asked, examples, k):
            return [Ranked(number, "e", failure='no "rank"\u2028\nat all', profile_user="ü") for number in examples]

    for _ in range(2):
        run(asked, [Odd("markov")], tmp_path, name="town")
        row = pl.read_parquet(tmp_path / "rankings.parquet").row(0, named=True)
        assert (row["failure"], row["profile_user"], row["pois"]) == ('no "rank"\u2028\nat all', "ü", [])
