"""`genrec recommend` by the fusion and by habits: from the check-ins alone, as of the time asked about."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import at, made_checkins, make
from made_city import failed, town

from genrec.cli.console import PlainConsole
from genrec.cli.render import print_explanation, print_ranking
from genrec.evidence import Evidence
from genrec.rankers.fusion import Fusion
from genrec.rankers.fusion_file import SHIPPED
from genrec.rankers.ranker import Query
from genrec.rankers.simple import CountingRanker
from genrec.ranking import Ranking
from genrec.recommender import Recommender, trajectory

some = settings(max_examples=25, deadline=None)
WHO = st.sampled_from(["fusion", "habits"])
MODELS = ("transformers", "peft", "accelerate")


@pytest.fixture
def ask(data, genrec, tmp_path, monkeypatch):
    """The command over the town, without any model."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments, **options: genrec("recommend", data, *arguments, **options)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


# --- who ranks ---


@pytest.mark.slow
@pytest.mark.parametrize(("by", "absent"), [("fusion", MODELS), ("habits", (*MODELS, "torch"))])
def test_no_model_is_loaded(by, absent, data):
    code = f"""
import sys
from genrec.cli import main
sys.argv = ["genrec", "recommend", {str(data)!r}, "--user", "u0", "--by", {by!r}]
try:
    main()
finally:
    print([name for name in {absent!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"P({by})" in done.stdout
    assert done.stdout.endswith("[]\n")


def test_the_fusion_ranks_unless_told_otherwise(ask):
    code, out, err = ask("--user", "u0", "--at", "2024-01-15 09:00", "-k", 3)
    assert (code, err) == (0, "")
    assert out.startswith("Next place of u0, Monday 2024-01-15 09:00")
    assert "P(fusion)" in out
    assert "By habits alone: " in out
    assert "as of 2024-01-12 21:00, with 32 check-ins of u0; probabilities over all places" in out
    assert "gate" not in out


def test_habits_have_no_yardstick_but_themselves(ask):
    code, out, _ = ask("--user", "u0", "--by", "habits", "-k", 3)
    assert code == 0
    assert "P(habits)" in out
    assert "By habits alone" not in out


@pytest.mark.parametrize("option", ["--about", "--level", "--model", "--server", "--adapter"])
def test_what_only_a_model_reads_is_refused_elsewhere(option, ask, tmp_path):
    value = "none" if option == "--level" else "x"
    user = [] if option == "--about" else ["--user", "u0"]
    for by in ("fusion", "habits"):
        failed(
            ask(*user, option, value, "--by", by), f"{option} is for a language model", "say --by llm, or leave it out"
        )
    failed(ask(*user, option, value, "--explain"), f"{option} is for a language model", "--explain for the fusion")


@pytest.mark.parametrize("by", ["habits", "llm"])
def test_what_only_the_fusion_reads_is_refused_elsewhere(by, ask):
    for option in (["--rankers", "x"], ["--explain"], ["--says", "I like it."], ["--steer", 2]):
        failed(ask("--user", "u0", "--by", by, *option), f"{option[0]} is for the fusion", "say --by fusion")


def test_words_make_the_model_rank_and_say_so(ask, tiny_folder):
    code, out, err = ask("--about", "I like parks.", "--model", tiny_folder, "-k", 2)
    assert code == 0
    assert "P(LLM)" in out
    assert "note: a language model ranks, since --about is for one (--by llm)" in err


def test_before_all_data_nothing_is_known(ask):
    assert "nothing is known of anybody" in ask("--user", "u0", "--at", "2020-01-01")[2]
    assert ask("--user", "u0")[2] == ""


def test_strangers_are_refused(ask):
    for by in ("fusion", "habits"):
        failed(ask("--user", "u9", "--by", by), "user 'u9' has no check-ins in this data")


# --- what a ranking is ---


@pytest.mark.slow
@some
@given(
    checkins=made_checkins(), hours=st.integers(1, 24 * 14), timed=st.booleans(), user=st.sampled_from("abz"), by=WHO
)
def test_places_are_those_of_the_ranker(checkins, hours, timed, user, by):
    """Also for somebody new, whom nobody has seen."""
    moment = at(hour=hours) if timed else None
    [ranking] = Recommender(checkins).rank([(user, moment)], by, k=5)
    evidence = Evidence(checkins, ranking.as_of)
    ranker = Fusion() if by == "fusion" else CountingRanker("habits")
    query = Query(user, moment, trajectory(checkins, user, moment))
    [scores], [habits] = ranker.score([query], evidence), CountingRanker("habits").score([query], evidence)
    assert [place.probability for place in ranking.places] == pytest.approx(np.sort(np.exp(scores))[::-1][:5], rel=1e-4)
    for place in [*ranking.places, *ranking.by_habits]:
        assert place.habits_probability == pytest.approx(np.exp(habits[place.poi]))
        assert sum(place.fields.values()) == pytest.approx(1, abs=1e-4)
    assert [place.poi for place in ranking.by_habits] == np.argsort(-habits, kind="stable")[:5].tolist()
    assert ranking.checkins == len(evidence.visits(user))
    assert (ranking.at, ranking.by) == (moment, by)


@pytest.mark.slow
@some
@given(checkins=made_checkins(), hours=st.integers(1, 24 * 12), user=st.sampled_from("abc"), by=WHO)
def test_no_later_visit_is_seen(checkins, hours, user, by):
    """What comes after the time asked about may be anything."""
    moment, rows = at(hour=hours), checkins.frame.select("user_id", "poi", "time").rows()
    later = [("c", 7, at(60))]
    [ranking], [blind] = (
        Recommender(make(known + later)).rank([(user, moment)], by)
        for known in (rows, [row for row in rows if row[2] < moment])
    )
    assert ranking.as_of == moment
    assert replace(ranking, seconds=0) == replace(blind, seconds=0)


def test_many_are_ranked_as_each_alone():
    recommender = Recommender(town())
    asks = [("u0", at(12, 8)), ("u1", at(3, 9)), ("u2", None), ("u0", at(3, 9)), ("u1", at(30))]
    together = recommender.rank(asks, "fusion")
    assert [(ranking.user_id, ranking.at) for ranking in together] == asks
    for ranking, one in zip(together, asks, strict=True):
        [alone] = recommender.rank([one], "fusion")
        assert [(place.poi, place.reasons) for place in ranking.places] == [(p.poi, p.reasons) for p in alone.places]
        assert [place.probability for place in ranking.places] == pytest.approx(
            [place.probability for place in alone.places], rel=1e-4
        )
    end = town().frame["time"].max() + timedelta(seconds=1)
    assert [ranking.as_of for ranking in together] == [min(moment or end, end) for _, moment in asks]


def test_a_place_beyond_the_candidates_is_ranked_too():
    checkins = make([("a", 0, at(day, 8)) for day in range(10)], [f"kind {i % 7}" for i in range(2000)])
    [ranking] = Recommender(checkins).rank([("a", at(11, 8))], "fusion", k=2000)
    assert len({place.poi for place in ranking.places}) == 2000
    assert sum(place.probability for place in ranking.places) == pytest.approx(1)
    assert ranking.places[-1].fields == {}
    assert sum(place.probability for place in ranking.places if not place.fields) == pytest.approx(
        ranking.how.not_looked_at, rel=1e-4
    )
    console = PlainConsole()
    with console.capture() as shown:
        print_explanation(console, ranking)
    assert "not looked at" in shown.get()


@pytest.mark.parametrize("by", ["fusion", "habits"])
def test_little_is_known(by):
    """No categories, no names, one check-in of the user's; nobody's at all before the moment."""
    checkins = make([("a", 0, at(1, 8)), *(("b", day % 8, at(day, 9)) for day in range(9))], ["unknown"] * 8)
    for asks in ([("a", at(9))], [("a", None)], [("a", at(-3))], [("nobody", at(4))]):
        [ranking] = Recommender(checkins).rank(asks, by, k=8)
        assert sum(place.probability for place in ranking.places) == pytest.approx(1)
        assert all(place.reasons for place in ranking.places)
        assert "unknown" not in str([place.reasons for place in ranking.places])


def test_nothing_asked_nothing_ranked():
    assert Recommender(town()).rank([], "fusion") == []
    console = PlainConsole()
    with console.capture() as shown:
        print_ranking(console, Ranking("u", None, "habits", at(1), 0, [], [], 0.0), truth=3)
    assert "Truth: POI 3, not in the top 0" in shown.get()


def test_unknown_kinds_are_not_shown():
    checkins = town()
    checkins = replace(checkins, pois=checkins.pois.with_columns(category=pl.lit("unknown"), name=pl.lit("The Inn")))
    console = PlainConsole()
    with console.capture() as shown:
        print_ranking(console, Recommender(checkins).rank([("u0", None)], "fusion")[0])
    assert "The Inn" in shown.get()
    assert "unknown" not in shown.get().replace("time unknown", "")


# --- the gate ---


def test_what_the_fusion_weighed_is_shown(ask):
    code, out, _ = ask("--user", "u0", "--at", "2024-01-15 09:00", "-k", 3, "--explain")
    assert code == 0
    assert "    gate: " in out
    assert out.count("\n    1. POI ") == out.count("\n    3. POI ") == 1
    assert "all places not looked at, together: 0.0000" in out


def test_json_holds_all_of_it(ask):
    code, out, _ = ask("--user", "u0", "--at", "2024-01-15 09:00", "-k", 4, "--json")
    assert code == 0
    ranking = json.loads(out)
    assert (ranking["user_id"], ranking["by"], ranking["as_of"]) == ("u0", "fusion", "2024-01-12T21:00:01")
    assert sum(ranking["gate"].values()) == pytest.approx(1, abs=1e-4)
    assert ranking["not_looked_at"] == 0
    assert [sum(place["fields"].values()) for place in ranking["places"]] == pytest.approx([1] * 4, abs=1e-4)
    assert len(ranking["places"]) == len(ranking["by_habits"]) == 4


# --- many ---


@pytest.mark.slow
@pytest.mark.parametrize("by", ["fusion", "habits"])
def test_a_resumed_run_ends_the_same(by, ask, tmp_path):
    asks = [f"u{i % 3},2024-01-{2 + i % 14:02d} {8 + i % 11:02d}:30" for i in range(40)]
    (tmp_path / "asks.txt").write_text("\n".join(["u1", *asks]) + "\n")
    arguments = ["--users-from", "asks.txt", "--by", by, "-k", 3, "--out"]
    assert ask(*arguments, "whole.jsonl")[0] == 0
    whole = (tmp_path / "whole.jsonl").read_bytes()
    assert len(lines(tmp_path / "whole.jsonl")) == 41
    for cut in (whole.index(b"\n") + 1, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.jsonl").write_bytes(whole[:cut])
        assert ask(*arguments, "cut.jsonl")[0] == 0
        assert (tmp_path / "cut.jsonl").read_bytes() == whole
    [made_from] = {json.dumps(line["made_from"]) for line in lines(tmp_path / "whole.jsonl")}
    made_from = json.loads(made_from)
    assert made_from["by"] == by
    assert not {"model", "adapter", "level", "prompt", "profile"} & made_from.keys()
    assert ("rankers_sha256" in made_from) == (by == "fusion")


def test_rankings_of_another_ranker_are_not_added_to(ask, tmp_path):
    (tmp_path / "asks.txt").write_text("u0\n")
    assert ask("--users-from", "asks.txt", "--out", "r.jsonl")[0] == 0
    before = (tmp_path / "r.jsonl").read_bytes()
    failed(ask("--users-from", "asks.txt", "--out", "r.jsonl", "--by", "habits"), "made with another by, ")
    folder = rankers(tmp_path, lambda settings: settings["trained_on"].update(seed=7))
    failed(
        ask("--users-from", "asks.txt", "--out", "r.jsonl", "--rankers", folder),
        "made with another rankers_sha256, trained_on;",
    )
    assert (tmp_path / "r.jsonl").read_bytes() == before


# --- trained rankers ---


def rankers(tmp_path, change):
    folder = tmp_path / "rankers"
    shutil.copytree(SHIPPED, folder)
    settings_ = json.loads((folder / "fusion.json").read_text())
    change(settings_)
    (folder / "fusion.json").write_text(json.dumps(settings_))
    return folder


def test_a_trained_fusion_ranks(ask, tmp_path):
    folder = rankers(tmp_path, lambda settings: None)
    assert json.loads(ask("--user", "u0", "--rankers", folder, "--json")[1])["gate"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda settings: settings.update(catalogue="0" * 16), "trained for another catalogue of places"),
        (lambda settings: settings.update(format=9), "faulty"),
    ],
)
def test_a_folder_that_cannot_rank_is_one_line(change, reason, ask, tmp_path):
    folder = rankers(tmp_path, change)
    (tmp_path / "asks.txt").write_text("u0\n")
    failed(ask("--user", "u0", "--rankers", folder), reason)
    failed(ask("--users-from", "asks.txt", "--out", "r.jsonl", "--rankers", folder), reason)
    assert not (tmp_path / "r.jsonl").exists()


def test_a_folder_without_a_fusion_is_one_line(ask, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in ("empty", "none"):
        said = f"{folder}: is not a folder that `genrec-train rankers` has written: it has no fusion.json."
        failed(ask("--user", "u0", "--rankers", folder), said)
    folder = rankers(tmp_path, lambda settings: None)
    (folder / "fusion.safetensors").write_bytes(b"\0" * 100)
    failed(ask("--user", "u0", "--rankers", folder), "fusion.safetensors")


# --- the dialogue ---


def test_a_dialogue_begins_with_the_fusion_and_changes_over(ask, profiles, tiny_folder):
    words = [
        "user u0",
        "at 2024-01-12 09:00",
        "line 1 Goes to POI 6 at night",
        "level none",
        "by habits",
        "by llm",
        "by magic",
        "by fusion",
    ]
    code, out, err = ask(
        "--by", "fusion", "--profiles", profiles, "--model", tiny_folder, "-k", 3, stdin="\n".join([*words, "quit", ""])
    )
    assert (code, err) == (0, "")
    assert [out.count(f"P({who})") for who in ("fusion", "habits", "LLM")] == [4, 1, 1]
    assert "the level of the profile counts by llm only, and fusion ranks: type `by llm`" in out
    assert "1. Goes to POI 6 at night" in out
    assert "level none" in out
    assert "by WHOM: fusion, habits or llm, and not 'magic'" in out


def test_a_dialogue_without_a_model(ask):
    code, out, err = ask(
        "--explain", "-k", 2, stdin="by habits\nrank\nuser u0\nby fusion\nat 2024-01-05 09:00\nat\nquit\n"
    )
    assert (code, err) == (0, "")
    assert "pick a user first" in out
    assert out.count("Next place of u0") == 4
    assert out.count("    gate: ") == 3
    assert out.count("Changed: ") == 3
