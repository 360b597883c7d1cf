"""What profiles are worth, against figures worked out by hand."""

import json

import numpy as np
import polars as pl
import pytest
from made import KINDS, at, make
from made_city import csv_of, failed, town, written

from eval.profiles.recovery import calibration, read_truth, recovery
from eval.profiles.worth import differences, diversity, evidence_of, quality, vocabulary_of
from genrec.city import CityConfig, build_city
from genrec.errors import GenRecError, InputError
from genrec.profiles.profile import (
    ATTRIBUTES,
    CLOSED_FIELDS,
    TRAITS,
    UNKNOWN,
    Guess,
    Profile,
    Statement,
    write_profiles,
)
from genrec.reading.reader import read_checkins

PERSONA = {field: options[0] for field, options in CLOSED_FIELDS.items()}


@pytest.fixture(scope="module")
def profiles():
    """Profiles of u0, u1 and u2, by templates: every sentence is backed, every closed field unknown."""
    checkins = town()
    return [written(checkins, user) for user in ("u0", "u1", "u2")]


def guessing(profile: Profile, confidence: float = 0.9, **values: str) -> Profile:
    """The profile with these closed fields guessed."""
    guesses = {field: Guess(value=value, confidence=confidence) for field, value in values.items()}
    traits = profile.traits | {field: guess for field, guess in guesses.items() if field in TRAITS}
    attributes = profile.attributes | {field: guess for field, guess in guesses.items() if field in ATTRIBUTES}
    return profile.model_copy(update={"traits": traits, "attributes": attributes})


def called(profile: Profile, *users: str) -> list[Profile]:
    return [profile.model_copy(update={"user_id": user}) for user in users]


def rows(frame: pl.DataFrame, *keys: str) -> dict:
    return {tuple(row[key] for key in keys) if len(keys) > 1 else row[keys[0]]: row for row in frame.to_dicts()}


def quality_of(profiles, checkins=None):
    evidence = evidence_of(profiles, checkins)
    return rows(quality(profiles, evidence, vocabulary_of(evidence.values(), checkins)), "measure")


def test_quality_by_hand(profiles):
    first, second, third = profiles
    told = [
        Statement(text="Likes the Office. Enjoys hiking.", backed_by=["x"]),
        Statement(text="Goes to POI 9.", backed_by=["x"]),
    ]
    first = first.model_copy(update={"preferences": told, "routines": [], "summary": []})
    second = second.model_copy(update={"preferences": [Statement(text="Likes the Coffee Shop.", backed_by=["x"])],
                                       "routines": [], "summary": []})  # fmt: skip
    third = third.model_copy(update={"preferences": [], "routines": [], "summary": []})
    counts = ((4, 1, 100, 10), (4, 3, 200, 20), (2, 0, 0, 0))
    asked = [
        profile.model_copy(update={"provenance": profile.provenance.model_copy(
            update=dict(zip(("asked", "asked_again", "tokens_in", "tokens_out"), four, strict=True)))})
        for profile, four in zip((first, second, third), counts, strict=True)
    ]  # fmt: skip
    asked[0] = guessing(asked[0], gender="male", openness="high")
    found = quality_of(asked)
    assert {name: row["value"] for name, row in found.items()} == {
        "told": 0,
        "redundant": pytest.approx(1 / 9),
        "readability": pytest.approx(51.0, abs=0.1),
        "faithful": pytest.approx(6 / 10),
        "supported": pytest.approx(1 / 3),
        "coverage": pytest.approx(2 / 27),
        "words": pytest.approx((9 + 4 + 0) / 3),
        "tokens_in": 100,
        "tokens_out": 10,
    }
    # Users are drawn whole: the faithfulness of single users is 3/4, 1/4 and 1.
    assert (found["faithful"]["low"], found["faithful"]["high"]) == (0.25, 1.0)


def test_nothing_asked_for_gives_no_faithfulness(profiles):
    [imported] = called(profiles[0], "u0")
    imported = imported.model_copy(update={"provenance": imported.provenance.model_copy(update={"asked": 0})})
    found = quality_of([imported])
    assert [found["faithful"][key] for key in ("value", "low", "high")] == [None] * 3
    assert found["supported"]["value"] == 1


def test_evidence_is_counted_again(profiles):
    assert quality_of(profiles, town())["supported"]["value"] == 1
    others = make([("u0", 7, at(0)), ("u1", 7, at(0)), ("u2", 7, at(0))])
    assert quality_of(profiles, others)["supported"]["value"] == 0
    with pytest.raises(GenRecError, match=r"2 of 3 profiles .* made, for instance 'u1'"):
        evidence_of(profiles, make([("u0", 1, at(0))]))


def test_evidence_stops_at_each_profiles_own_moment():
    checkins = town()
    early, late = written(checkins, "u0", as_of=at(3)), written(checkins, "u1", as_of=at(9))
    evidence = evidence_of([early, late], checkins)
    assert evidence == {"u0": early.habits, "u1": late.habits}


def test_diversity_by_hand(profiles):
    four = [guessing(profiles[0], gender=gender) for gender in ("male", "male", "female", UNKNOWN)]
    found = rows(diversity(four), "field")
    assert list(found) == list(CLOSED_FIELDS)
    assert found["gender"] == {
        "field": "gender",
        "coverage": 0.75,
        "entropy": pytest.approx(np.log2(3) - 2 / 3),
        "commonest": "male",
        "share": pytest.approx(2 / 3),
    }
    assert found["openness"] == {"field": "openness", "coverage": 0, "entropy": 0, "commonest": None, "share": None}


def test_recovery_by_hand(profiles):
    guesses = ("adult", "adult", "child", UNKNOWN, "adolescent")
    true = ("adult", "child", "child", "adult", "adult")
    users = [f"v{i}" for i in range(5)]
    guessed = [guessing(p, age_group=g) for p, g in zip(called(profiles[0], *users), guesses, strict=True)]
    found = rows(
        recovery(guessed, {u: PERSONA | {"age_group": t} for u, t in zip(users, true, strict=True)}), "field", "measure"
    )
    age = {measure: row["value"] for (field, measure), row in found.items() if field == "age_group"}
    assert found["age_group", "accuracy"]["n"] == 4
    assert age == {
        "coverage": pytest.approx(4 / 5),
        "accuracy": pytest.approx(2 / 4),
        "majority": pytest.approx(2 / 4),  # "adult" is the commonest, and true of two of those four
        "gain": pytest.approx(0),
        "ece": pytest.approx(0.4),  # said .9, right in half of the cases
        # adult: 2 * 1 / (2 + 2); child: 2 * 1 / (1 + 2); adolescent: 0. Older adult does not occur.
        "macro_f1": pytest.approx((1 / 2 + 2 / 3 + 0) / 3),
        "majority_f1": pytest.approx((2 * 2 / (4 + 2) + 0) / 2),
    }
    assert found["openness", "accuracy"]["value"] is None
    assert found["all", "accuracy"]["value"] == age["accuracy"]
    assert found["all", "coverage"]["value"] == pytest.approx(4 / 45)
    assert ("all", "macro_f1") not in found


def test_calibration_by_hand(profiles):
    made = [guessing(profiles[0], 0.7, gender="male"), guessing(profiles[1], 0.68, gender="male"),
            guessing(profiles[2], 0.95, gender="female", openness="low")]  # fmt: skip
    truth = {profile.user_id: PERSONA | {"gender": "male"} for profile in made}
    assert calibration(made, truth).to_dicts() == [
        {"bin": 7, "n": 2, "confidence": pytest.approx(0.69), "accuracy": 1},
        {"bin": 10, "n": 2, "confidence": pytest.approx(0.95), "accuracy": 0},
    ]
    ece = rows(recovery(made, truth), "field", "measure")["all", "ece"]
    assert ece["value"] == pytest.approx((0.31 * 2 + 0.95 * 2) / 4)


def test_intervals_hold_the_truth_and_shrink(profiles):
    """Of guesses that are right with probability .7, and of eight times as many."""
    rng = np.random.default_rng(1)
    widths = []
    for users in (50, 400):
        names = [f"v{i}" for i in range(users)]
        right = rng.random(users) < 0.7
        guessed = [
            guessing(p, gender="female" if r else "male")
            for p, r in zip(called(profiles[0], *names), right, strict=True)
        ]
        row = rows(recovery(guessed, dict.fromkeys(names, PERSONA)), "field", "measure")["gender", "accuracy"]
        assert row["low"] < 0.7 < row["high"]
        widths.append(row["high"] - row["low"])
    assert widths[1] < widths[0] / 2


def test_the_truth_of_a_city(tmp_path):
    build_city(CityConfig(users=5, pois=100, days=20)).write(tmp_path)
    truth = read_truth(tmp_path / "truth_users.jsonl")
    assert list(truth) == [f"u000{i}" for i in range(1, 6)]
    assert all(persona.keys() == CLOSED_FIELDS.keys() for persona in truth.values())


@pytest.mark.parametrize(
    "line",
    ["{", "[]", '{"user_id": "a"}', '{"user_id": "a", "persona": {"gender": "male"}}',
     json.dumps({"user_id": "a", "persona": PERSONA | {"gender": "robot"}}),
     json.dumps({"user_id": 7, "persona": PERSONA}),
     json.dumps({"user_id": "a", "persona": list(PERSONA)})],
)  # fmt: skip
def test_faulty_truth_is_named(line, tmp_path):
    path = tmp_path / "truth.jsonl"
    path.write_text(json.dumps({"user_id": "b", "persona": PERSONA}) + "\n" + line + "\n")
    with pytest.raises(InputError, match=r"truth.jsonl, row 2: not a user"):
        read_truth(path)


def test_the_truth_of_another_city(profiles):
    with pytest.raises(GenRecError, match="same city"):
        recovery(profiles, {"x": PERSONA})
    with pytest.raises(GenRecError, match="same city"):
        calibration(profiles, {"x": PERSONA})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with check-ins, profiles that guess a gender, and the truth about u0 and u1."""
    monkeypatch.chdir(tmp_path)
    checkins = read_checkins(csv_of(town(), tmp_path / "in.csv"))
    profiles = [written(checkins, user) for user in ("u0", "u1", "u2")]
    write_profiles(tmp_path / "p.jsonl", [guessing(profile, gender="female") for profile in profiles])
    truth = [{"user_id": user, "persona": PERSONA} for user in ("u0", "u1")]
    (tmp_path / "truth.jsonl").write_text("".join(json.dumps(person) + "\n" for person in truth))
    return tmp_path


def test_command(folder, genrec_eval):
    code, out, err = genrec_eval("profiles", "p.jsonl")
    assert (code, err) == (0, "")
    assert "sentences backed now" in out
    assert "Guesses against the truth" not in out
    code, out, err = genrec_eval("profiles", "p.jsonl", "--checkins", "in.csv", "--truth", "truth.jsonl")
    assert code == 0, err
    assert "note: 1 of 3 users are not in truth.jsonl" in err
    assert "Guesses against the truth" in out
    code, again, _ = genrec_eval("profiles", "p.jsonl", "--checkins", "in.csv", "--truth", "truth.jsonl")
    assert again == out


def test_nothing_is_told_of_guesses_that_nobody_made(folder, genrec_eval):
    assert "│ gender" in genrec_eval("profiles", "p.jsonl")[1]
    write_profiles(folder / "p.jsonl", [written(read_checkins(folder / "in.csv"), "u0")])
    assert "│ gender" not in genrec_eval("profiles", "p.jsonl")[1]


def test_command_as_json(folder, genrec_eval):
    code, out, _ = genrec_eval("profiles", "p.jsonl", "--truth", "truth.jsonl", "--json")
    assert code == 0
    found = json.loads(out)
    assert found.keys() == {"users", "quality", "alike", "traits", "fields", "recovery", "calibration"}
    gender = {row["measure"]: row for row in found["recovery"] if row["field"] == "gender"}
    assert gender["accuracy"]["value"] == 1
    assert found["calibration"] == [{"bin": 9, "n": 2, "confidence": 0.9, "accuracy": 1.0}]


def test_mistakes(folder, genrec_eval):
    (folder / "empty.jsonl").touch()
    failed(genrec_eval("profiles", "empty.jsonl"), "empty.jsonl: holds no profiles")
    failed(genrec_eval("profiles", "none.jsonl"), "none.jsonl: no such file")
    failed(genrec_eval("profiles", "p.jsonl", "--truth", "none"), "none: no such file")
    failed(genrec_eval("profiles", "p.jsonl", "--truth", "in.csv"), "in.csv, row 1: not a user")


def test_categories_of_the_catalogue_count_as_named(profiles):
    """A kind of place that nobody visits is a claim all the same, and a false one; so is a word of no catalogue."""
    [profile] = called(profiles[0], "u0")
    zoo = profile.model_copy(update={"preferences": [Statement(text="Likes the Office and the Zoo.", backed_by=["x"])],
                                     "routines": [], "summary": []})  # fmt: skip
    assert quality_of([zoo])["supported"]["value"] == 0
    checkins = town()
    wider = make(
        [(u, p, t) for u, p, t in checkins.frame.select("user_id", "poi", "time").iter_rows()], [*KINDS, "Zoo"]
    )
    assert quality_of([zoo], wider)["supported"]["value"] == 0


def test_differences_of_two_writers_are_of_the_same_people(profiles):
    said = called(profiles[0], "u0")[0]
    mute = said.model_copy(update={"summary": [], "routines": [], "preferences": []})
    others = [mute, *profiles[1:]]
    evidence = evidence_of(profiles, None)
    vocabulary = vocabulary_of(evidence.values(), None)
    same = rows(differences(profiles, profiles[::-1], evidence, vocabulary), "measure")
    assert all(row["value"] in (0, None) and row["low"] in (0, None) for row in same.values())
    found = rows(differences(profiles, others, evidence, vocabulary), "measure")
    one, two = quality_of(profiles), quality_of(others)
    for measure in ("told", "words"):
        assert found[measure]["value"] == pytest.approx(one[measure]["value"] - two[measure]["value"])
        assert 0 == found[measure]["low"] < found[measure]["high"]
    with pytest.raises(GenRecError, match="not of the same people"):
        differences(profiles, profiles[:2], evidence, vocabulary)
