"""`genrec recommend` from the outside: one user, many, and a dialogue."""

import json

import pytest
from made_city import failed
from made_commands import dialogue

from genrec.profiles.profile import read_profiles


def test_one_user_on_the_terminal(recommend, profiles):
    code, out, _ = recommend("--profiles", profiles, "--user", "u0", "--at", "2024-01-11 09:00", "-k", 3)
    assert code == 0
    assert out.startswith("Next place of u0, Thursday 2024-01-11 09:00")
    assert "By habits alone: " in out
    assert "probabilities are exact" in out


def test_one_user_as_json(recommend, profiles):
    code, out, _ = recommend("--profiles", profiles, "--user", "u0", "--json", "-k", 4, "--level", "none")
    assert code == 0
    ranking = json.loads(out)
    assert (ranking["user_id"], ranking["at"], ranking["level"]) == ("u0", None, "none")
    assert len({place["poi_id"] for place in ranking["places"]}) == 4
    assert sum(place["probability"] for place in ranking["places"]) <= 1
    assert recommend("--profiles", profiles, "--user", "u0", "--at", "2024-01-11T09:00:00", "--json")[0] == 0


def test_profiles_are_written_where_there_are_none(recommend):
    code, out, _ = recommend("--user", "u1", "--at", "2024-01-09 20:00", "--json")
    assert code == 0
    assert len(json.loads(out)["places"]) == 7, "k exceeds the catalogue"
    code, out, _ = recommend("--about", "I am a student.", "--json", "-k", 2)
    ranking = json.loads(out)
    assert (ranking["user_id"], ranking["places"][0]["distance_km"]) == ("(somebody new)", None)


@pytest.mark.parametrize(
    ("arguments", "reasons"),
    [
        (["--user", "u9"], ["user 'u9' has no check-ins", "for instance u"]),
        (["--user", "u0", "--profiles", "none.jsonl"], ["none.jsonl: no such file"]),
        (["--user", "u0", "--at", "2023-01-01"], ["no check-ins before 2023-01-01", "--about"]),
        (["--users-from", "users.txt"], ["--users-from and --out belong together"]),
        (["--out", "x.jsonl"], ["--users-from and --out belong together"]),
        (["--users-from", "none.txt", "--out", "x.jsonl"], ["none.txt: no such file"]),
    ],
)
def test_mistakes(arguments, reasons, recommend, tmp_path):
    failed(recommend(*arguments), *reasons)
    assert not (tmp_path / "x.jsonl").exists()


def test_a_time_that_the_profile_knows(recommend, profiles):
    failed(recommend("--profiles", profiles, "--user", "u0", "--at", "2024-01-10"), "may know the answer")


def test_no_zones_and_no_nonsense_as_times(recommend):
    for time in ("soon", "2024-01-05T08:00Z"):
        code, _, err = recommend("--user", "u0", "--at", time)
        assert code == 2
        assert "is not a local time" in err
        assert "2024-03-05" in err


@pytest.mark.parametrize("time", ["9999-12-31", "0001-01-01 00:00", "9" * 5000, "2024-\udcff"])
def test_times_that_no_data_can_have(recommend, time):
    code, out, err = recommend("--user", "u0", "--at", time)
    assert (code, out) == (2, "")
    assert len(err) < 1200
    assert "Traceback" not in err


ASKS = "u0,2024-01-11 09:00\nu1\n\nu2, 2024-01-11T20:00\nu0,2024-01-11 09:00\nu0,2024-01-11 21:00:00\n"


def rankings(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def without_seconds(path):
    return [ranking | {"seconds": 0} for ranking in rankings(path)]


@pytest.mark.slow
@pytest.mark.parametrize("with_profiles", [True, False])
def test_many_users_and_a_resumed_run(with_profiles, recommend, profiles, tmp_path):
    (tmp_path / "users.txt").write_text(ASKS)
    out = tmp_path / "new folder" / "r.jsonl"
    arguments = ["--users-from", "users.txt", "--out", out, "-k", 3]
    if with_profiles:
        arguments += ["--profiles", profiles]
    code, text, _ = recommend(*arguments)
    assert (code, text) == (0, f"4 rankings in {out}, 0 of them from before\n")
    assert [(r["user_id"], r["at"]) for r in rankings(out)] == [
        ("u0", "2024-01-11T09:00:00"), ("u1", None), ("u2", "2024-01-11T20:00:00"), ("u0", "2024-01-11T21:00:00"),
    ]  # fmt: skip
    whole, bytes_ = without_seconds(out), out.read_bytes()
    for cut in (len(bytes_) // 2, 3) if not with_profiles else (len(bytes_) - 1, bytes_.index(b"\n") + 1):
        out.write_bytes(bytes_[:cut])
        assert recommend(*arguments)[0] == 0
        assert [r | {"places": 0, "by_habits": 0} for r in without_seconds(out)] == [
            r | {"places": 0, "by_habits": 0} for r in whole
        ]
        for again, before in zip(rankings(out), whole, strict=True):
            assert [p["poi"] for p in again["places"]] == [p["poi"] for p in before["places"]]
    assert recommend(*arguments)[1] == f"4 rankings in {out}, 4 of them from before\n"


def test_times_in_any_order(recommend, tmp_path):
    """Profiles that are written now are as of the time asked about, whatever was asked before."""
    (tmp_path / "users.txt").write_text("u0,2024-01-11 09:00\nu0,2024-01-05 09:00\n")
    assert recommend("--users-from", "users.txt", "--out", "r.jsonl", "-k", 1)[0] == 0
    assert len(rankings(tmp_path / "r.jsonl")) == 2


@pytest.mark.parametrize(
    ("asks", "reasons"),
    [
        ("u0\nu0,soon\n", ["users.txt, row 2: 'soon' is not a local time"]),
        ("u0,2024-01-11T09:00+01:00\n", ["row 1", "is not a local time"]),
        ("u0\nu9\n", ["user 'u9' has no check-ins"]),
    ],
)
def test_faulty_asks(asks, reasons, recommend, tmp_path):
    (tmp_path / "users.txt").write_text(asks)
    failed(recommend("--users-from", "users.txt", "--out", "r.jsonl"), *reasons)
    assert not (tmp_path / "r.jsonl").exists()


@pytest.mark.parametrize("content", ["my notes", "[1]\n", '{"user_id": "u0"}\n', "\udcff"])
def test_other_files_are_not_added_to(content, recommend, tmp_path):
    (tmp_path / "users.txt").write_text("u0\n")
    (tmp_path / "r.jsonl").write_text(content, errors="surrogateescape")
    before = (tmp_path / "r.jsonl").read_bytes()
    failed(recommend("--users-from", "users.txt", "--out", "r.jsonl"), "holds no rankings")
    assert (tmp_path / "r.jsonl").read_bytes() == before


def test_a_dialogue(recommend, profiles):
    before = profiles.read_bytes()
    sentence = read_profiles(profiles)["u0"].preferences[0].text
    out = dialogue(
        recommend, profiles,
        "user u0", "at 2024-01-11 09:00", "line 1 Goes to POI 6 [red] at night", "line 2", "level none", "show", "rank",
        "at", "quit", "user u1",
    )  # fmt: skip
    assert out.count("Next place of u0") == 7
    assert "Next place of u1" not in out
    assert "Thursday 2024-01-11 09:00" in out
    assert f"1. {sentence}" in out
    assert "1. Goes to POI 6 [red] at night" in out
    assert out.count("Changed: ") == 6
    assert "level none" in out
    assert "stated by the editor" in out
    assert "written by habits, edited" in out
    assert profiles.read_bytes() == before, "a dialogue changes no file"


def test_mistakes_do_not_end_a_dialogue(recommend, profiles):
    out = dialogue(
        recommend, profiles,
        "", "show", "rank", "user nobody", "at noon", "at 2024-01-11T09:00Z", "user u0", "line 99 x", "line x",
        "level best", "at 2020-01-01", "I love museums", "by gpt", "help", "at", "user u2",
    )  # fmt: skip
    assert out.count("pick a user first") == 2
    assert "user 'nobody' has no check-ins" in out
    assert out.count("is not a local time") == 2
    assert out.count("give the number of a line, 1 to ") == 2
    assert "may know the answer" in out
    assert "'I love museums' is not a command" in out and "to say it of yourself: says I love museums" in out
    assert "by WHOM: fusion, habits or llm, and not 'gpt'" in out
    assert "level L: none, routines, attributes or full, and not 'best'" in out
    assert out.count("replace line N") == 2, "help: at the start, and when it is asked for"
    assert out.count("Next place of u0") == 2
    assert out.count("Next place of u2") == 1
