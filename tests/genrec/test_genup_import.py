"""GenUP's profile files: any content is taken over or refused in one line, and soon."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import quick
from made_city import town

from genrec.errors import InputError
from genrec.habits import habits_of
from genrec.profiles.genup_import import genup_files, read_genup

WHOLE = {
    "traits": ["open"],
    "attributes": ["adult"],
    "preferences": ["Likes pubs."],
    "routines": [],
    "user_profile": "",
}
HABITS = habits_of(town(), "u0")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (json.dumps(WHOLE | {"preferences": ["x" * 1001]}), "a sentence of 1,001 characters"),
        (json.dumps(WHOLE | {"user_profile": "POI " * 400}), "a sentence of 1,599 characters"),
        (json.dumps(WHOLE | {"user_profile": "a. " * 300_000}), "user_profile"),
        (json.dumps(WHOLE | {"traits": ["open"] * 1000}), "traits"),
        (json.dumps(WHOLE | {"more": "x" * 1_000_000}), "larger than 1 MB"),
        (json.dumps(WHOLE | {"traits": "\ud800"}), "not a GenUP profile"),
        (json.dumps(WHOLE | {"traits": [float("nan")]}), "traits.0"),
        ('{"traits": ' + "9" * 9000 + "}", "not a GenUP profile"),
        ("[" * 100_000, "not a GenUP profile"),
    ],
)
def test_hostile_files(content, reason, tmp_path):
    path = tmp_path / "u0.json"
    path.write_text(content)
    with pytest.raises(InputError) as raised:
        read_genup(path, HABITS)
    assert reason in str(raised.value)
    assert str(raised.value).startswith(str(path))
    assert len(str(raised.value)) < 500
    assert "\n" not in str(raised.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit", [" ", "1 ", "a", "(", "\n", "POI 4 (", "from POI 4 ", "around 1", "1 of 2 ", "not ", '"']
)
def test_long_runs_are_checked_or_refused(unit, tmp_path):
    path = tmp_path / "u0.json"
    for length in (990, 19_000, 300_000):
        text = (unit * length)[:length]
        path.write_text(json.dumps(WHOLE | {"preferences": [text] * 3, "user_profile": f"He is. {text}"}))
        try:
            read_genup(path, HABITS)
        except InputError:
            assert length > 990


strings = st.text() | st.sampled_from(["POI 4 (Pub)", "on Mondays", "open", "adult", "\u2028", "7" * 500, "a. b! c? "])
fields = st.lists(strings, max_size=4) | st.none() | strings | st.integers() | st.lists(st.floats(), max_size=2)


@quick
@given(st.fixed_dictionaries({name: fields for name in WHOLE}) | st.dictionaries(st.text(), fields) | fields)
def test_any_file_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("genup") / "u0.json"
    path.write_text(json.dumps(content))
    try:
        profile = read_genup(path, HABITS)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert all(statement.text.strip() for statement in profile.statements())


def test_two_files_of_one_user_and_what_is_no_file(tmp_path):
    (tmp_path / "user_profile_u0.json").write_text(json.dumps(WHOLE))
    (tmp_path / "u0.json").write_text(json.dumps(WHOLE))
    with pytest.raises(InputError, match=r"the user of u0\.json, too"):
        genup_files(tmp_path)
    (tmp_path / "u0.json").unlink()
    os.mkfifo(tmp_path / "u1.json")
    with pytest.raises(InputError, match=r"u1\.json: not a regular file"):
        genup_files(tmp_path)
