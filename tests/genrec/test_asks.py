"""Who and when is asked about: files of asks, options, and what is typed into a dialogue."""

import os
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import quick
from made_city import failed, town
from made_commands import dialogue

from genrec.assistant import check_user
from genrec.cli.batch import read_asks
from genrec.cli.times import local_time
from genrec.errors import GenRecError, InputError
from genrec.prompting import LONGEST_NAME
from genrec.rankers.ranking_prompt import ranking_messages

KNOWN = dict.fromkeys(["u0", "u1", "ü 2"])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "nobody to ask about"),
        ("\ufeff \n\r\n", "nobody to ask about"),
        ("u0\nu0,9999-01-01\n", "row 2: '9999-01-01' is not between the years 1970 and 2100"),
        ("u0\n\nu0,2024-02-31\n", "row 3: '2024-02-31' is not a local time"),
        ("u0,2024-01-11,08:00\n", "row 1: more than two fields"),
        ("u0\nnobody\n", "row 2: user 'nobody' has no check-ins"),
        (",2024-01-11\n", "row 1: user '' has no check-ins"),
        ("u0," + "9" * 100_000, "row 1: '9999"),
        ("x" * 1_000_000, "row 1: user 'xxxx"),
    ],
)
def test_faulty_asks_name_the_row(content, reason, tmp_path):
    path = tmp_path / "asks.txt"
    path.write_text(content)
    with pytest.raises(InputError) as raised:
        read_asks(path, None, KNOWN)
    assert reason in str(raised.value)
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize("header", ["user,time", "user_id,time", " User , Time ", "user", "user,"])
def test_a_header_is_not_a_user(header, tmp_path):
    (tmp_path / "asks.txt").write_text(f"{header}\r\nu0\r\nu1,2024-01-11\r\n")
    assert read_asks(tmp_path / "asks.txt", None, KNOWN) == [("u0", None), ("u1", datetime(2024, 1, 11))]


def test_an_id_with_a_comma_is_asked_about_in_quotes(tmp_path):
    known = ["a,b", 'x"y', "a", '"q']
    (tmp_path / "asks.txt").write_text('"a,b",2024-01-11\n"x""y"\nx"y\n"a" , 2024-01-11\n"q\n')
    day = datetime(2024, 1, 11)
    expected = [("a,b", day), ('x"y', None), ("a", day), ('"q', None)]
    assert read_asks(tmp_path / "asks.txt", None, dict.fromkeys(known)) == expected


def test_a_user_may_be_called_user(tmp_path):
    (tmp_path / "asks.txt").write_text("user\n")
    assert read_asks(tmp_path / "asks.txt", None, {"user": None}) == [("user", None)]


def test_asks_are_read_from_regular_files_only(tmp_path):
    os.mkfifo(tmp_path / "asks.txt")
    with pytest.raises(InputError, match="not a regular file"):
        read_asks(tmp_path / "asks.txt", None, KNOWN)


@quick
@given(st.lists(st.sampled_from(["u0", "ü 2", "u9", ",", " ", "\n", "\r", "2024-01-11", "9999-01-01", "\0", "²"])))
def test_any_asks_are_read_or_refused(tmp_path_factory, parts):
    path = tmp_path_factory.mktemp("asks") / "asks.txt"
    path.write_text("".join(parts), encoding="utf-8")
    try:
        asks = read_asks(path, datetime(2024, 1, 1), KNOWN)
    except GenRecError as error:
        assert "\n" not in str(error)
    else:
        assert asks
        assert {user for user, _ in asks} <= KNOWN.keys()


@pytest.mark.parametrize("text", ["9999-12-31", "0001-01-01", "2101-01-01 00:00", "1969-12-31", "9" * 5000, "", "²"])
def test_times_that_cannot_be(text):
    with pytest.raises(GenRecError):
        local_time(text)


def test_a_stranger_with_a_long_name_is_refused_at_once():
    known = dict.fromkeys(["z" * 300_000, *(f"u{i}" * 20_000 for i in range(20)), "anna"])
    with pytest.raises(GenRecError) as raised:
        check_user("y" * 300_000, known)
    assert len(str(raised.value)) < 500
    with pytest.raises(GenRecError, match=r"for instance anna$"):
        check_user("hanna", known)


def test_a_long_user_id_stays_out_of_the_prompt(profiles):
    from genrec.habits import city_habits
    from genrec.profiles.profile import read_profiles

    profile = read_profiles(profiles)["u0"].model_copy(update={"user_id": "long " * 60_000})
    checkins = town()
    prompt = ranking_messages(
        profile, city_habits(checkins, profile.as_of), checkins.pois, at=None, prefix=(), level="full",
        count_tokens=lambda text: len(text.split()), budget=400,
    )  # fmt: skip
    assert len(prompt.messages[0]["content"]) < 5000 + LONGEST_NAME


@pytest.mark.parametrize(
    ("arguments", "reasons"),
    [
        (["--user", ""], ["--user is empty"]),
        (["--user", " \t"], ["--user is empty"]),
        (["--about", ""], ["--about is empty"]),
        (["--user", "u0", "--about", " "], ["--about is empty"]),
        (["--about", "x" * 100_000], ["--about has 100,000 characters; at most 2,000"]),
        (["--about", "I like \udcff"], ["--about is not UTF-8 text"]),
        (["--user", "u0", "--about", "I like parks."], ["with --user say it with --says"]),
        (["--user", "u0", "--at", "9999-12-31 23:59"], ["is not between the years 1970 and 2100"]),
        (["--user", "u0", "--at", "0001-01-01"], ["is not between the years 1970 and 2100"]),
        (["--user", "x" * 100_000], ["has no check-ins in this data"]),
        (["--user", "u0", "--users-from", "users.txt", "--out", "x.jsonl"], ["--user and --users-from exclude"]),
        (["--about", "me", "--users-from", "users.txt", "--out", "x.jsonl"], ["--about and --users-from exclude"]),
        (["--users-from", "users.txt", "--out", "x.jsonl"], ["users.txt: nobody to ask about"]),
    ],
)
def test_options_that_mean_nobody(arguments, reasons, recommend, tmp_path):
    (tmp_path / "users.txt").write_text("\n")
    line = failed(recommend(*arguments), *reasons)
    assert len(line) < 500
    assert not (tmp_path / "x.jsonl").exists()


@pytest.mark.parametrize("k", ["0", "-1", "nan", "1.5", ""])
def test_lengths_that_cannot_be(k, recommend):
    failed(recommend("--user", "u0", "-k", k), "'-k': must be")


def test_rankers_that_cannot_be(recommend):
    failed(recommend("--user", "u0", "--by", "gpt"), "'--by': 'gpt' is not one of 'fusion', 'habits', 'llm'")


def test_a_length_beyond_the_catalogue_is_all_of_it(recommend, profiles):
    code, out, _ = recommend("--profiles", profiles, "--user", "u0", "-k", 10**30, "--json")
    assert code == 0
    assert out.count('"poi_id"') == 14


@pytest.mark.parametrize("users", ["", ",", "u0,", " "])
def test_profiles_of_nobody(users, data, genrec, tmp_path):
    out = tmp_path / "p.jsonl"
    failed(genrec("profile", data, "--writer", "habits", "--users", users, "--out", out), "--users has an empty place")
    assert not out.exists()


@pytest.mark.parametrize(
    "options",
    [["--seed", "-1"], ["--days", "0"], ["--days", "99999999"], ["--users", str(10**15)], ["--pois", "50"]],
)
def test_cities_that_cannot_be(options, genrec, tmp_path):
    assert genrec("data", "synth", "--out", tmp_path / "city", *options)[0] == 2
    assert not (tmp_path / "city").exists()


def test_a_city_replaces_cities_only_and_says_so(genrec, tmp_path):
    def made(seed):
        return genrec("data", "synth", "--out", tmp_path, "--users", 3, "--pois", 51, "--days", 5, "--seed", seed)

    (tmp_path / "checkins.csv").write_text("mine")
    failed(made(0), "not of a synthetic city")
    assert (tmp_path / "checkins.csv").read_text() == "mine"
    (tmp_path / "checkins.csv").unlink()
    assert [made(seed)[2].count("is replaced") for seed in (0, 0, 1)] == [0, 0, 1]


def test_strange_lines_do_not_end_a_dialogue(recommend, profiles):
    out = dialogue(
        recommend, profiles,
        "user u0", "line ² x", "line " + "9" * 5000 + " x", "line 1 POI " + "9" * 5000, "line -1",
        "at 9999-01-01", "user",
        "user " + "x" * 100_000, "level", "at 2024-01-11 09:00", "line 1 Likes  the\tpub", "quit",
    )  # fmt: skip
    assert out.count("give the number of a line, 1 to ") == 3
    assert "a sentence of 5,004 characters" in out
    assert "is not between the years 1970 and 2100" in out
    assert out.count("has no check-ins in this data") == 1
    assert "user ID: say which user" in out
    assert "level L: none, routines, attributes or full" in out
    assert "1. Likes the pub" in out


def test_a_dialogue_begins_at_the_time_given(genrec, profiles, data, tiny_folder):
    code, out, _ = genrec(
        "recommend", data, "--by", "llm", "--model", tiny_folder, "--profiles", profiles, "--at", "2024-01-11 09:00",
        stdin="user u0\nquit\n",
    )  # fmt: skip
    assert code == 0
    assert "Next place of u0, Thursday 2024-01-11 09:00" in out
