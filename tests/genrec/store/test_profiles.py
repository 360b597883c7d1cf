"""What a file of profiles and a database have in common: the latest profile of each person."""

from pathlib import Path

import pytest
from made_store import WILLING, a_profile

from genrec.errors import GenRecError
from genrec.profiles.profile import read_profiles, write_profiles
from genrec.store.json_lines import JsonLines
from genrec.store.protocol import MissingError, StaleError


@pytest.fixture(params=["jsonl", "sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def kept(request, new_address, opened, tmp_path):
    if request.param == "jsonl":
        return JsonLines(tmp_path / "profiles.jsonl")
    store = opened(new_address(request.param))
    store.add_people(["u0", "u1"], WILLING)
    return store


def test_a_profile_is_read_as_it_was_written(kept):
    assert kept.profile("u0") is None
    version = kept.save_profile(a_profile("u0", "Likes tea."), by="model", base=0)
    assert version.profile == a_profile("u0", "Likes tea.")
    back = kept.profile("u0")
    assert (back.number, back.text) == (version.number, version.text)
    assert [one.person for one in kept.profiles()] == ["u0"]


def test_an_edit_of_another_version_is_told_which_one_is_current(kept):
    first = kept.save_profile(a_profile("u0", "Likes tea."), by="ann", base=0)
    second = kept.save_profile(a_profile("u0", "Likes coffee."), by="ann", base=first.number)
    for base in (0, first.number):
        with pytest.raises(StaleError, match=str(second.number)) as refused:
            kept.save_profile(a_profile("u0", "Likes milk."), by="bob", base=base)
        assert refused.value.current.text == second.text
        assert refused.value.current.by in str(refused.value)
    assert kept.profile("u0").text == second.text


def test_an_edit_of_a_version_that_was_never_there_is_refused(kept):
    with pytest.raises(StaleError, match="none"):
        kept.save_profile(a_profile("u0"), by="ann", base=7)
    assert kept.profile("u0") is None


def test_saving_the_same_again_makes_no_version(kept):
    first = kept.save_profile(a_profile("u0"), by="ann", base=0)
    assert kept.save_profile(a_profile("u0"), by="ann", base=0).number == first.number


def test_who_is_erased_is_gone_and_nobody_else(kept):
    for user in ("u0", "u1"):
        kept.save_profile(a_profile(user), by="model", base=0)
    kept.erase("u0")
    assert [version.person for version in kept.profiles()] == ["u1"]
    with pytest.raises(MissingError, match="u0"):
        kept.erase("u0")


def test_a_file_keeps_the_lines_of_others_byte_for_byte(tmp_path: Path):
    path = tmp_path / "profiles.jsonl"
    write_profiles(path, [a_profile("u0"), a_profile("u1")])
    first, second = path.read_text().splitlines()
    spaced = second.replace('","', '" ,\t"') + "\r"
    path.write_bytes(f"{first}\n{spaced}\n".encode())
    kept = JsonLines(path)
    kept.save_profile(a_profile("u0", "Likes tea."), by="", base=kept.profile("u0").number)
    assert path.read_bytes().split(b"\n")[1:] == [spaced.encode(), b""]
    assert read_profiles(path)["u0"] == a_profile("u0", "Likes tea.")
    kept.erase("u0")
    assert path.read_bytes() == f"{spaced}\n".encode()


def test_a_damaged_file_stays_as_it_is(tmp_path: Path):
    path = tmp_path / "profiles.jsonl"
    path.write_text('{"user_id": "u0"}\n')
    with pytest.raises(GenRecError, match="row 1"):
        JsonLines(path).save_profile(a_profile("u1"), by="", base=0)
    assert path.read_text() == '{"user_id": "u0"}\n'
