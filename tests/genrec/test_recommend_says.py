"""What a person says steers the fusion: on the command line, in the dialogue, and from an edited profile."""

import json

import pytest
from made_city import csv_of, failed, named, town

SAYS = ["--says", "I hate bars. I love museums, not that I never go."]


@pytest.fixture
def ask(data, genrec, tmp_path, monkeypatch):
    """The command over the town."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENREC_HOME", str(tmp_path / "cache"))
    return lambda *arguments, **options: genrec("recommend", data, *arguments, **options)


@pytest.fixture
def kinds(ask):
    """The kinds of the places of a user, the most probable first."""
    places = json.loads(ask("--user", "u0", "-k", 50, "--json")[1])["places"]
    return list(dict.fromkeys(place["category"] for place in places if place["category"] != "unknown"))


def ranked(answer):
    code, out, err = answer
    assert code == 0, err
    return json.loads(out)


def mass(ranking, kind):
    return sum(place["probability"] for place in ranking["places"] if place["category"] == kind)


def test_what_is_said_moves_the_kinds_that_it_names(ask, kinds, tiny_folder):
    plain = ranked(ask("--user", "u0", "-k", 50, "--json"))
    liked, avoided = kinds[-1], kinds[0]
    says = f"I avoid every {avoided}, but I want a {liked}."
    said = ranked(ask("--user", "u0", "-k", 50, "--json", "--says", says, "--model", tiny_folder))
    assert mass(said, liked) > mass(plain, liked)
    assert mass(said, avoided) < mass(plain, avoided)
    assert sum(place["probability"] for place in said["places"]) == pytest.approx(1, abs=1e-3)
    assert [clause["polarity"] for clause in said["said"]] == ["avoids", "likes"]
    before = {place["poi"]: number for number, place in enumerate(plain["places"], start=1)}
    assert all(place["rank_before"] == before[place["poi"]] for place in said["places"])
    first = next(place for place in said["places"] if place["category"] == liked)
    assert first["reasons"][0] == f'because you said "I want a {liked}"'
    stronger = ranked(ask("--user", "u0", "-k", 50, "--json", "--says", says, "--steer", 2, "--model", tiny_folder))
    assert mass(stronger, liked) > mass(said, liked)


def test_words_without_a_clear_meaning_load_no_model_and_change_nothing(ask):
    plain = ask("--user", "u0", "-k", 3)[1].splitlines()
    code, out, _ = ask("--user", "u0", "-k", 3, "--says", "Ich hasse Bars.", "--model", "there is no such model")
    assert code == 0
    assert out.splitlines()[:4] == plain[:4]
    assert 'Unclear, so without effect: "Ich hasse Bars" (it is not understood; say it as a plain English' in out


def test_strength_0_changes_nothing(ask, kinds):
    plain = ranked(ask("--user", "u0", "--json"))
    said = ranked(ask("--user", "u0", "--json", "--says", f"I like a {kinds[0]}.", "--steer", 0, "--model", "nowhere"))
    assert [place["probability"] for place in said["places"]] == [place["probability"] for place in plain["places"]]


def test_somebody_new_says_something(ask, kinds, tiny_folder):
    said = ranked(ask("--says", f"I like a {kinds[-1]}.", "-k", 50, "--json", "--model", tiny_folder))
    assert (said["checkins"], said["by"]) == (0, "fusion")
    assert mass(said, kinds[-1]) >= 0.14


def test_in_the_dialogue(ask, kinds, tiny_folder):
    typed = f"user u0\nsays I want a {kinds[-1]}.\nsteer 2\nsteer 9\nsays\nquit\n"
    code, out, err = ask("-k", 3, "--by", "fusion", "--model", tiny_folder, stdin=typed)
    assert (code, err) == (0, "")
    assert out.count(f'Read as likes: "I want a {kinds[-1]}": moves {kinds[-1]}') == 2
    assert "steer N: a number from 0 to 2, and not '9'" in out
    assert out.count("P(fusion)") == 4
    assert "Changed: " in out


def test_an_edited_profile_counts_and_one_that_visits_back_does_not(ask, kinds, profiles, tiny_folder):
    lines = [json.loads(line) for line in profiles.read_text().splitlines()]
    of_u0 = next(line for line in lines if line["user_id"] == "u0")
    arguments = ["--user", "u0", "--by", "fusion", "--model", tiny_folder, "-k", 50, "--json", "--profiles"]
    code, out, err = ask(*arguments, profiles)
    assert code == 0
    assert "holds only what visits back" in err
    of_u0["preferences"].append({"text": f"I avoid every {kinds[0]}.", "backed_by": ["stated by the editor"]})
    of_u0["provenance"]["edited"] = True
    profiles.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert mass(ranked(ask(*arguments, profiles)), kinds[0]) < mass(json.loads(out), kinds[0])


def test_what_cannot_be_is_one_line(ask):
    failed(ask("--says", " "), "--says is empty")
    failed(ask("--says", "x" * 3000, "--user", "u0"), "3,000 characters said at once", "at most 2,000")
    failed(ask("--says", "I like it.", "--about", "I like it."), "leave out one of them")
    failed(ask("--user", "nobody", *SAYS), "nobody")


def test_places_are_called_by_their_names(genrec, tmp_path, tiny_folder, monkeypatch):
    monkeypatch.setenv("GENREC_HOME", str(tmp_path / "cache"))
    data = csv_of(named(town()), tmp_path / "town.csv")
    says = "I love riverside university 3, but I never go to Riverside Office 1 again."
    answer = ranked(genrec("recommend", data, "--user", "u0", "--json", "--says", says, "--model", tiny_folder))
    assert [(clause["polarity"], clause["text"]) for clause in answer["said"]] == [
        ("likes", "I love Riverside University 3"),
        ("avoids", "I never go to Riverside Office 1 again"),
    ]
    called = {place["poi"]: place["name"] for place in answer["places"]}
    assert [[called.get(poi) for poi in clause["pois"]] for clause in answer["said"]] == [
        ["Riverside University 3"],
        ["Riverside Office 1"],
    ]
