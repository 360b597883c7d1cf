"""`genrec recommend --beside`: the fusion ranks, and asks a model where a gate says so."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import at, make
from made_city import failed, town, written
from tiny import tiny_model

from genrec.beside import Beside, LearnedGate, asked_by_diaries
from genrec.errors import InputError
from genrec.evidence import Evidence
from genrec.llm.identity import model_settings
from genrec.prepared import catalogue_hash
from genrec.profiles.editing import EDITOR
from genrec.profiles.profile import Statement, read_profiles, write_profiles
from genrec.profiles.shelf import ProfileShelf, shown
from genrec.rankers.beside import Gate, completed, mixed
from genrec.rankers.diary_ranker import DiaryRanker
from genrec.rankers.fusion import Fusion
from genrec.rankers.llm import ProfileQuery
from genrec.rankers.ranker import Query
from genrec.reading.reader import read_checkins
from genrec.recommender import Recommender, trajectory

TOWN, TINY = town(), tiny_model()
NAMED = {"model": "tiny", "server": None, "adapter": None}
UNSURE = 1.5  # nats: in the town, some are and some are not
SHARED = (0.5, 0.0, -0.2, 0.0)  # weights of a gate


def gate(folder, ask_from, named=NAMED, **other):
    made = LearnedGate(
        gate=Gate(weights=SHARED, ask_from=ask_from), k=4, model=asked_by_diaries(named),
        fusion=Fusion().identity(), catalogue=catalogue_hash(TOWN.pois), made_from={},
    )  # fmt: skip
    made.model_copy(update=other).write(folder)
    return folder


def loaded():
    """A scorer that may be had."""
    return TINY


def never():
    raise AssertionError("the model is loaded")


def recommender(folder, ask_from, checkins=TOWN, profiles=(), scorer=loaded):
    return Recommender(checkins, beside=Beside(gate(folder, ask_from), checkins, list(profiles), NAMED, scorer))


def same(one, other):
    """Whether two rankings are the same but for rounding: a model computes what it knows already otherwise."""
    assert replace(one, seconds=0, places=0, how=0) == replace(other, seconds=0, places=0, how=0)
    assert one.how.beside.asked == other.how.beside.asked
    for place, its in zip(one.places, other.places, strict=True):
        assert (place.poi, place.reasons) == (its.poi, its.reasons)
        assert place.probability == pytest.approx(its.probability, abs=1e-6)


ASKS = [("u0", at(11, 8)), ("u1", at(3, 9)), ("u2", None), ("u0", at(30)), ("new", at(9, 12))]


def test_the_answer_is_the_mixture(tmp_path):
    ranked = recommender(tmp_path, UNSURE).rank(ASKS, "fusion", k=8)
    alone = Recommender(TOWN).rank(ASKS, "fusion", k=8)
    assert {ranking.how.beside.asked for ranking in ranked} == {True, False}
    for ranking, fusion in zip(ranked, alone, strict=True):
        model = ranking.how.beside
        assert model.asked == (model.entropy >= UNSURE)
        assert sum(place.probability for place in ranking.places) == pytest.approx(1, abs=1e-3)
        if not model.asked:
            assert (model.share, ranking.places) == (0, fusion.places)
            continue
        evidence = Evidence(TOWN, ranking.as_of)
        query = Query(ranking.user_id, ranking.at, trajectory(TOWN, ranking.user_id, ranking.at))
        [top] = DiaryRanker(TINY, TOWN).rank([profile_query(query, evidence)], k=4)
        [scores] = Fusion().score([query], evidence)
        told = mixed(scores, completed(scores, top.pois, top.probabilities), model.share)
        assert [place.poi for place in ranking.places] == np.argsort(-told, kind="stable").tolist()
        for place in ranking.places:
            assert place.probability == pytest.approx(np.exp(told[place.poi]), abs=1e-6)
            assert ("by the model" in place.reasons[0]) == ("model" in place.fields) == (place.poi in top.pois)
            assert "by the fusion" in place.reasons[0]
            assert sum(place.fields.values()) == pytest.approx(1, abs=1e-4)


def profile_query(query, evidence):
    source = ProfileShelf([], TOWN).source(query.user_id, evidence)
    return ProfileQuery(shown(source, query.user_id, evidence), query.at, query.prefix)


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(hours=st.integers(20, 24 * 12), user=st.sampled_from(["u0", "u1", "u2"]))
def test_no_later_visit_is_seen(tmp_path_factory, hours, user):
    folder = tmp_path_factory.mktemp("gate")
    moment, rows = at(hour=hours), TOWN.frame.select("user_id", "poi", "time").rows()
    known = [make([*visits, ("z", 6, at(60))]) for visits in (rows, [row for row in rows if row[2] < moment])]
    [[one], [other]] = (recommender_of(folder, city).rank([(user, moment)], "fusion", k=3) for city in known)
    same(one, other)
    assert one.how.beside.asked


def recommender_of(folder, checkins):
    """One that always asks, whatever the city."""
    made = gate(folder, 0.0, catalogue=catalogue_hash(checkins.pois))
    return Recommender(checkins, beside=Beside(made, checkins, [], NAMED, loaded))


def test_many_are_ranked_as_each_alone(tmp_path):
    ranks = recommender(tmp_path, UNSURE)
    together = ranks.rank(ASKS, "fusion", k=5)
    for ask, ranking in zip(ASKS, together, strict=True):
        same(*ranks.rank([ask], "fusion", k=5), ranking)


@pytest.mark.parametrize("ask_from", [None, 100.0])
def test_the_model_is_loaded_only_to_be_asked(ask_from, tmp_path):
    ranked = recommender(tmp_path, ask_from, scorer=never).rank(ASKS, "fusion", k=3)
    assert [r.places for r in ranked] == [r.places for r in Recommender(TOWN).rank(ASKS, "fusion", k=3)]
    with pytest.raises(AssertionError, match="loaded"):
        recommender(tmp_path, 0.0, scorer=never).rank(ASKS, "fusion")


def test_a_profile_that_knows_nothing_later_is_read(tmp_path):
    profile = written(TOWN, as_of=at(10))
    given = profile.model_copy(update={"provenance": profile.provenance.model_copy(update={"writer": "given"})})
    ranks = recommender(tmp_path, 0.0, profiles=[given])
    before, after = ranks.rank([("u0", at(9, 12)), ("u0", at(11, 12))], "fusion")
    assert (before.how.beside.profile_by, after.how.beside.profile_by) == ("habits", "given")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"catalogue": "0" * 16}, "learned for another catalogue of places"),
        ({"model": {"model": "other"}}, "learned with another model"),
        ({"model": asked_by_diaries(NAMED) | {"adapter": "diary"}}, r"\(adapter diary and not none\)"),
        ({"model": asked_by_diaries(NAMED) | {"prompt": "other"}}, r"\(prompt other and not"),
        ({"fusion": {"rankers_sha256": "1"}}, "learned with another fusion"),
    ],
)
def test_gates_of_something_else_are_refused(changed, reason, tmp_path):
    gate(tmp_path, 0.0, **changed)
    with pytest.raises(InputError, match=reason) as raised:
        _ = Recommender(TOWN, beside=Beside(tmp_path, TOWN, [], NAMED, never)).fusion
    assert "\n" not in str(raised.value)


@settings(max_examples=30, deadline=None)
@given(content=st.binary(max_size=40) | st.sampled_from([b"{}", b"[]", b'{"gate": {"weights": [NaN]}}']))
def test_any_file_is_read_or_refused(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("gate")
    (folder / "gate.json").write_bytes(content)
    with pytest.raises(InputError, match="not a gate"):
        Beside(folder, TOWN, [], NAMED, never)


# --- the command ---


@pytest.fixture
def ask(data, genrec, tiny_folder, tmp_path, monkeypatch):
    """The command over the town, with the tiny model beside the fusion where the gate in a folder says so."""
    monkeypatch.chdir(tmp_path)
    named = model_settings(str(tiny_folder), None, None)
    catalogue = catalogue_hash(read_checkins(data).pois)
    for name, ask_from in (("always", 0.0), ("unsure", UNSURE), ("never", None)):
        (tmp_path / name).mkdir()
        gate(tmp_path / name, ask_from, named, catalogue=catalogue)

    def run(folder, *arguments, **options):
        return genrec("recommend", data, "--beside", folder, "--model", tiny_folder, *arguments, **options)

    return run


@pytest.mark.slow
def test_the_answer_says_whether_the_model_was_asked(ask):
    code, out, _ = ask("always", "--user", "u0", "--at", "2024-01-12 10:00", "-k", 3, "--explain")
    assert code == 0
    assert "The model was asked, with a profile by habits; 0." in out
    assert "by the model, " in out
    assert "nats; the model is asked from 0.00 on" in out
    code, out, _ = ask("never", "--user", "u0", "--at", "2024-01-12 10:00")
    assert (code, "The model was not asked: on validation visits it gave nothing." in out) == (0, True)
    code, out, _ = ask("unsure", "--user", "u1", "--at", "2024-01-12 10:00", "--explain")
    assert (code, "The model was not asked: the fusion was sure enough." in out) == (0, True)
    code, out, _ = ask("always", "--user", "u0", "--json")
    assert json.loads(out)["beside"].keys() == {"asked", "share", "entropy", "ask_from", "profile_by"}


@pytest.mark.slow
def test_a_dialogue_with_words(ask):
    code, out, _ = ask("always", "-k", 3, stdin="user u0\nat 2024-01-12 10:00\nsays I love parks\nby habits\nquit\n")
    assert code == 0
    assert out.count("The model was asked") == 3
    assert 'Read as likes: "I love parks"' in out


def test_words_move_the_mixture(ask):
    code, out, _ = ask("always", "--user", "u0", "--json", "-k", 7)
    before = {place["poi"]: rank for rank, place in enumerate(json.loads(out)["places"], start=1)}
    assert code == 0
    code, out, _ = ask("always", "--user", "u0", "--json", "-k", 7, "--says", "I love parks")
    assert {place["poi"]: place["rank_before"] for place in json.loads(out)["places"]} == before


@pytest.mark.slow
def test_many_users_resumed_and_with_what_they_stated(ask, profiles, genrec, tmp_path):
    given = read_profiles(profiles)
    given["u0"].preferences.append(Statement(text="Loves parks.", backed_by=[EDITOR]))
    write_profiles(tmp_path / "edited.jsonl", given.values())
    (tmp_path / "users.txt").write_text("u0,2024-01-12 10:00\nu1\nu2,2024-01-12 10:00\n")
    arguments = ["--users-from", "users.txt", "--out", "r.jsonl", "-k", 3, "--profiles", "edited.jsonl"]
    code, out, err = ask("unsure", *arguments)
    assert code == 0, err
    whole = (tmp_path / "r.jsonl").read_bytes()
    (tmp_path / "r.jsonl").write_bytes(whole[: len(whole) // 2])
    assert ask("unsure", *arguments)[0] == 0
    rows = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert rows[0]["said"]
    for row, (user, *when) in zip(rows, (("u0", "--at", "2024-01-12 10:00"), ("u1",)), strict=False):
        _, out, _ = ask("unsure", "--user", user, *when, "-k", 3, "--profiles", "edited.jsonl", "--json")
        alone = json.loads(out)
        assert alone["beside"]["asked"] == row["beside"]["asked"]
        for one, other in zip(alone["places"], row["places"], strict=True):
            assert one["poi"] == other["poi"]
            assert one["probability"] == pytest.approx(other["probability"], abs=1e-6)
    failed(ask("always", *arguments), "made with another gate_sha256")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--beside", "always", "--by", "habits"], "--beside is for the fusion"),
        (["--beside", "always", "--level", "none"], "--level is for a language model, and --beside for the fusion"),
        (["--beside", "always", "--no-adapter"], "--no-adapter is for a language model"),
        (["--beside", "always"], "learned with another model (model tiny and not embedded)"),
        (["--beside", "nowhere"], "no such file. Learn one with `genrec-eval beside"),
    ],
)
def test_mistakes(arguments, reason, ask, genrec, data):
    failed(genrec("recommend", data, "--user", "u0", *arguments), reason)
