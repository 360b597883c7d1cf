"""Guesses about people: who is asked for them, and who is not."""

import pytest
from made import KINDS
from made_city import csv_of, town
from tiny import tiny_model

from genrec.profiles.portrait.writer import LlmWriter
from genrec.profiles.profile import CLOSED_FIELDS, read_profiles, unknown_fields


def test_who_asks_and_who_does_not_never_write_into_one_file():
    tiny = tiny_model()
    assert LlmWriter(tiny, tiny, KINDS).prompt_version != LlmWriter(tiny, None, KINDS).prompt_version


@pytest.mark.slow
@pytest.mark.usefixtures("embedded_folder")
def test_the_embedded_model_is_not_asked_and_that_is_said_once(genrec, tmp_path):
    data, out = csv_of(town(), tmp_path / "in.csv"), tmp_path / "p.jsonl"
    code, _, error = genrec("profile", data, "--limit", 1, "--out", out)
    assert (code, error.count("traits and attributes stay unknown")) == (0, 1)
    [profile] = read_profiles(out).values()
    assert profile.traits | profile.attributes == unknown_fields(CLOSED_FIELDS)
    assert "none were asked for" in genrec("profile", "show", profile.user_id, "--profiles", out)[1]
