"""Changes by people, and profiles that others wrote."""

import json
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import quick
from made_city import named, town, written
from rich.console import Console

from genrec.cli.render import print_profile
from genrec.errors import GenRecError, InputError
from genrec.habits import habits_of
from genrec.profiles.editing import EDITOR, apply_sheet, replace_statement, to_sheet
from genrec.profiles.genup_import import genup_files, read_genup
from genrec.profiles.profile import Guess, unknown_fields

GENUP = {
    "traits": ["extroverted", "agreeable", "conscientious", "emotionally stable", "open"],
    "attributes": ["adult", "male", "college & beyond", "middle"],
    "preferences": ["Likes the Office.", "Enjoys hiking."],
    "routines": ["Goes to POI 1 (Office) on weekdays around 9."],
    "user_profile": "Often at POI 4 (Pub). A kind person!",
}


@pytest.fixture(scope="module")
def profile():
    profile = written(town(), about="I like trains")
    return profile.model_copy(update={"traits": profile.traits | {"openness": Guess(value="high", confidence=0.7)}})


def edited(profile, path, old="", new=""):
    sheet = to_sheet(profile)
    assert old in sheet
    return apply_sheet(profile, sheet.replace(old, new, 1) if old else sheet, path)


def flagged(profile):
    return profile.model_copy(update={"provenance": profile.provenance.model_copy(update={"edited": True})})


def test_an_untouched_sheet_changes_nothing_but_the_flag(profile, tmp_path):
    assert edited(profile, tmp_path) == flagged(profile)


@quick
@given(st.text(min_size=1).filter(str.strip))
def test_a_sheet_keeps_any_text(text):
    profile = written(town(1), "u0", about=text)
    habits = profile.habits.model_copy(update={"user_id": text})
    profile = profile.model_copy(update={"user_id": text, "habits": habits})
    assert edited(profile, "sheet") == flagged(profile)


def test_a_changed_answer_is_certain_and_others_stay(profile, tmp_path):
    changed = edited(profile, tmp_path, "gender: unknown\n", "gender: female\n")
    assert changed.attributes["gender"] == Guess(value="female", confidence=1.0)
    assert changed.traits == profile.traits
    assert {k: v for k, v in changed.attributes.items() if k != "gender"} == {
        k: v for k, v in profile.attributes.items() if k != "gender"
    }


def test_new_sentences_get_their_evidence_or_the_editors_word(profile, tmp_path):
    added = "preferences:\n- Likes the Pub.\n- Enjoys hiking.\n- '  '\n- 2024-13-45\n- yes\n- 12\n"
    changed = edited(profile, tmp_path, "preferences:\n", added)
    new = {s.text: s.backed_by for s in changed.preferences[:5]}
    assert new == {
        "Likes the Pub.": ["Pub: 2 visits"],
        "Enjoys hiking.": [EDITOR],
        "2024-13-45": [EDITOR],
        "yes": [EDITOR],
        "12": [EDITOR],
    }
    assert changed.preferences[5:] == profile.preferences
    assert changed.habits == profile.habits


def test_people_read_and_write_the_names_of_places(tmp_path):
    profile = written(named(town()))
    sheet = to_sheet(profile)
    assert "Riverside Office 1" in sheet
    assert "POI" not in sheet
    assert apply_sheet(profile, sheet, tmp_path) == flagged(profile)
    changed = apply_sheet(
        profile, sheet.replace("summary:\n", "summary:\n- Often goes to riverside office 1.\n"), tmp_path
    )
    assert changed.summary[0].text == "Often goes to POI 1 (Office)."
    assert changed.summary[0].backed_by[0].startswith("POI 1 (Office): ")
    shown = StringIO()
    print_profile(Console(file=shown, width=300, markup=False), changed)
    assert "Often goes to Riverside Office 1. " in shown.getvalue()
    assert "Riverside Office 1: " in shown.getvalue()


def test_removed_sentences_go(profile, tmp_path):
    changed = edited(profile, tmp_path, "- I like trains\n")
    assert changed.preferences == profile.preferences[1:]


@pytest.mark.parametrize(
    ("old", "new", "where", "reason"),
    [
        ("gender: unknown\n", "gender: robot\n", "", "gender: 'robot' is not one of female, male, unknown"),
        ("gender: unknown\n", "height: tall\n", "", "unknown field 'height'"),
        ("traits:\n", "hobbies: chess\ntraits:\n", "", "hobbies: is not known here"),
        ("traits:\n", "", "", "mapping|not YAML|is missing"),
        ("gender: unknown\n", "gender: [unknown\n", ", row", "not YAML"),
        ("gender: unknown\n", "gender:\tunknown: x\n", ", row", "not YAML"),
        ("- I like trains\n", "- Likes: trains\n", "", "preferences.0: must be text"),
        ("- I like trains\n", "- \x00\n", "", "not YAML"),
    ],
)
def test_faults_are_errors_with_their_place(old, new, where, reason, profile, tmp_path):
    path = tmp_path / "sheet.yaml"
    with pytest.raises(InputError, match=reason) as caught:
        edited(profile, path, old, new)
    assert str(caught.value).startswith(f"{path}{where}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("sheet", ["", "text", "- a\n- b\n", "traits: null\n", "&a [*a]\n"])
def test_no_sheet_at_all(sheet, profile, tmp_path):
    with pytest.raises(InputError):
        apply_sheet(profile, sheet, tmp_path)


def test_replace_one_sentence(profile):
    old = profile.routines[0]
    new = replace_statement(profile, old, "Goes to POI 4 (Pub) on Fridays.")
    assert new.routines[0].backed_by == ["POI 4 (Pub): 2 visits", "POI 4: 2 of 2 visits Friday"]
    assert replace_statement(profile, old, "Sings.").routines[0].backed_by == [EDITOR]
    assert replace_statement(profile, old, "").routines == profile.routines[1:]
    assert new.provenance.edited
    assert not profile.provenance.edited
    assert (new.preferences, new.routines[1:], new.summary) == (
        profile.preferences, profile.routines[1:], profile.summary,
    )  # fmt: skip


def test_genup_import(tmp_path):
    (tmp_path / "user_profile_u0.json").write_text(json.dumps(GENUP | {"more": 1}))
    files = genup_files(tmp_path)
    assert files == {"u0": tmp_path / "user_profile_u0.json"} == genup_files(tmp_path / "user_profile_u0.json")
    profile = read_genup(files["u0"], habits_of(town(), "u0"))
    assert {name: guess.value for name, guess in profile.traits.items()} == {
        "openness": "high", "conscientiousness": "high", "extraversion": "high", "agreeableness": "high",
        "neuroticism": "low",
    }  # fmt: skip
    assert [guess.value for guess in profile.attributes.values()] == ["adult", "male", "college and beyond", "middle"]
    assert [bool(s.backed_by) for s in profile.preferences] == [True, False]
    assert [bool(s.backed_by) for s in profile.routines] == [True]
    assert [(s.text, bool(s.backed_by)) for s in profile.summary] == [
        ("Often at POI 4 (Pub).", True), ("A kind person!", False),
    ]  # fmt: skip
    assert profile.provenance.writer == "GenUP"


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        (["introverted", "antagonistic", "unconscientious", "neurotic", "closed"],
         {"extraversion": "low", "agreeableness": "low", "conscientiousness": "low", "neuroticism": "high",
          "openness": "low"}),
        ([" Open to experience ", "witty"], {"openness": "high"}),
        ([], {}),
    ],
)  # fmt: skip
def test_genup_trait_words(traits, expected, tmp_path):
    (tmp_path / "user_profile_u0.json").write_text(json.dumps(GENUP | {"traits": traits, "attributes": ["odd"]}))
    profile = read_genup(tmp_path / "user_profile_u0.json", habits_of(town(), "u0"))
    known = {name: guess.value for name, guess in profile.traits.items() if guess.value != "unknown"}
    assert known == expected
    assert profile.attributes == unknown_fields(profile.attributes)


def test_genup_faults(tmp_path):
    with pytest.raises(GenRecError, match="no such file, or a folder without"):
        genup_files(tmp_path)
    with pytest.raises(GenRecError, match="no such file"):
        genup_files(tmp_path / "none.json")
    for content in (b"{}", b"hello", b"\xff\xfe", json.dumps(GENUP | {"traits": "open"}).encode()):
        (tmp_path / "user_profile_u0.json").write_bytes(content)
        with pytest.raises(InputError, match="not a GenUP profile") as caught:
            read_genup(tmp_path / "user_profile_u0.json", habits_of(town(), "u0"))
        assert "\n" not in str(caught.value)


def test_a_sheet_of_another_user_is_refused(profile, tmp_path):
    sheet = to_sheet(profile.model_copy(update={"user_id": "somebody else"}))
    with pytest.raises(InputError, match="another user"):
        apply_sheet(profile, sheet, tmp_path / "sheet.yaml")
