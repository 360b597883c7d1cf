"""The store of profiles: what is written is read back, and damage is an error that says where."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import KINDS, quick
from made_city import town, written

from genrec.errors import GenRecError, InputError
from genrec.habits import habits_of
from genrec.jsonl import repair_tail
from genrec.profiles.profile import (
    Profile,
    append_profiles,
    dumps,
    profile_of,
    read_profiles,
    unknown_fields,
    write_profiles,
)
from genrec.profiles.writer import HabitsWriter, Subject


@pytest.fixture(scope="module")
def profiles():
    checkins = town()
    return [written(checkins, user) for user in ("u0", "u1", "u2")]


def test_what_is_written_is_read_back(profiles, tmp_path):
    path = tmp_path / "new folder" / "p.jsonl"
    append_profiles(path, profiles[:1])
    append_profiles(path, profiles[1:])
    assert list(read_profiles(path).values()) == profiles
    appended = path.read_bytes()
    write_profiles(path, profiles)
    assert path.read_bytes() == appended
    assert Profile.model_validate_json(dumps(profiles[0])) == profiles[0]


@quick
@given(st.text(min_size=1))
def test_any_text_survives(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "p.jsonl"
    profile = HabitsWriter(KINDS).write([Subject(habits_of(town(1), "u0"), text)])[0]
    profile = profile.model_copy(
        update={"user_id": text, "habits": profile.habits.model_copy(update={"user_id": text})}
    )
    write_profiles(path, [profile])
    assert read_profiles(path) == {text: profile}
    assert path.read_bytes().count(b"\n") == 1


def test_an_empty_file_holds_no_profiles(tmp_path):
    write_profiles(tmp_path / "p.jsonl", [])
    assert read_profiles(tmp_path / "p.jsonl") == {}


def changed(line: str, *path: str, value: object) -> str:
    data = json.loads(line)
    inner = data
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return json.dumps(data)


DAMAGE = {
    "broken JSON": (lambda line: line[:-5], "is not JSON"),
    "no JSON": (lambda line: "hello", "is not JSON"),
    "blank line": (lambda line: "", "is not JSON"),
    "a list": (lambda line: "[]", "must be a mapping"),
    "wrong answer": (lambda line: changed(line, "attributes", "gender", "value", value="robot"), "is not one of"),
    "wrong trait": (lambda line: changed(line, "traits", "charm", value={"value": "high", "confidence": 1}), "charm"),
    "confidence": (lambda line: changed(line, "traits", "openness", "confidence", value=1.5), "must be at most 1"),
    "extra field": (lambda line: changed(line, "hobby", value="chess"), "hobby"),
    "empty sentence": (lambda line: changed(line, "summary", value=[{"text": "", "backed_by": []}]), "summary.0.text"),
    "not a moment": (lambda line: changed(line, "as_of", value="soon"), "as_of"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_an_error_that_names_the_line(damage, profiles, tmp_path):
    spoil, reason = DAMAGE[damage]
    path = tmp_path / "p.jsonl"
    first, second, third = (profile.model_dump_json() for profile in profiles)
    path.write_text(f"{first}\n{spoil(second)}\n{third}\n")
    with pytest.raises(InputError, match=reason) as caught:
        read_profiles(path)
    assert caught.value.row == 2
    assert str(caught.value).startswith(f"{path}, row 2: ")
    assert "\n" not in str(caught.value)
    assert "Value error" not in str(caught.value)


def test_two_profiles_of_a_user_are_an_error(profiles, tmp_path):
    write_profiles(tmp_path / "p.jsonl", [profiles[0], profiles[1], profiles[0]])
    with pytest.raises(InputError, match="row 3: user 'u0' has two profiles"):
        read_profiles(tmp_path / "p.jsonl")


def test_files_of_other_kinds_are_errors(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_profiles(tmp_path / "none.jsonl")
    with pytest.raises(InputError, match="not a regular file"):
        read_profiles(tmp_path)
    (tmp_path / "p.bin").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(InputError, match="not a UTF-8 text"):
        read_profiles(tmp_path / "p.bin")


def test_a_missing_user_is_an_error_that_names_others(profiles, tmp_path):
    known = {profile.user_id: profile for profile in profiles}
    assert profile_of(known, "u1", tmp_path) is known["u1"]
    with pytest.raises(GenRecError, match=r"no profile of user 'x'. It has: u0, u1, u2$"):
        profile_of(known, "x", tmp_path)
    with pytest.raises(GenRecError, match="It has: nobody"):
        profile_of({}, "x", tmp_path)


def test_repair_drops_exactly_a_half_written_last_line(profiles, tmp_path):
    path = tmp_path / "p.jsonl"
    write_profiles(path, profiles)
    whole = path.read_bytes()
    assert not repair_tail(path)
    last = whole[:-1].rfind(b"\n") + 1
    for cut in [*range(last + 1, last + 30), *range(last + 30, len(whole) - 1, 997), len(whole) - 2]:
        path.write_bytes(whole[:cut])
        assert repair_tail(path)
        assert path.read_bytes() == whole[:last]
    path.write_bytes(whole[:-1])  # only the line end is missing
    assert repair_tail(path)
    assert path.read_bytes() == whole


@pytest.mark.parametrize("content", [b"", b"my notes", b"a\nb", b"\xff\xfe\n\x80"])
def test_repair_leaves_other_peoples_files_alone(content, tmp_path):
    (tmp_path / "notes").write_bytes(content)
    assert not repair_tail(tmp_path / "notes")
    assert (tmp_path / "notes").read_bytes() == content


def test_writing_replaces_all_or_nothing(profiles, tmp_path):
    path = tmp_path / "p.jsonl"
    write_profiles(path, profiles)
    before = path.read_bytes()

    def failing():
        yield profiles[0]
        raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError):
        write_profiles(path, failing())
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["p.jsonl"]


def test_unanswered_fields():
    assert {name: (g.value, g.confidence) for name, g in unknown_fields({"gender": ("female", "male")}).items()} == {
        "gender": ("unknown", 0.0)
    }
