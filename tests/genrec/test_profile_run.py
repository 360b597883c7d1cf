"""A run that is killed and started again ends as an undisturbed one does, byte for byte."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import KINDS, at, quick
from made_city import Echo, csv_of, named, town
from tiny import tiny_model

from genrec.cli.console import PlainConsole
from genrec.cli.render import summary_table
from genrec.errors import GenRecError, InputError
from genrec.habits import all_habits
from genrec.profiles import run as profile_run
from genrec.profiles.portrait.writer import LlmWriter
from genrec.profiles.profile import Guess, read_profiles, write_profiles
from genrec.profiles.run import BATCH, summarise
from genrec.profiles.writer import HabitsWriter, Subject


def subjects_of(users, as_of=None):
    return [Subject(habits) for habits in all_habits(town(users), as_of).values()]


def run(writer, subjects, out, *arguments):
    """Write profiles of people whose habits are given."""
    habits = {subject.habits.user_id: subject.habits for subject in subjects}
    return profile_run.run(writer, lambda users: habits, list(habits), out, *arguments)


@pytest.fixture(scope="module")
def subjects():
    return subjects_of(2 * BATCH + 3)


@pytest.fixture(scope="module")
def undisturbed(subjects, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "p.jsonl"
    seen = []
    assert run(HabitsWriter(KINDS), subjects, out, seen.append) == [s.habits.user_id for s in subjects]
    assert seen == [BATCH, 2 * BATCH, len(subjects)]
    return out.read_bytes()


@pytest.mark.slow
@quick
@given(st.data())
def test_cut_anywhere_and_run_again(subjects, undisturbed, tmp_path_factory, data):
    out = tmp_path_factory.mktemp("cut") / "p.jsonl"
    out.write_bytes(undisturbed[: data.draw(st.integers(0, len(undisturbed)))])
    kept = out.read_bytes().count(b"\n")
    written = run(HabitsWriter(KINDS), subjects, out)
    assert out.read_bytes() == undisturbed
    assert len(written) in (len(subjects) - kept, len(subjects) - kept - 1)
    assert run(HabitsWriter(KINDS), subjects, out) == []


def test_profiles_of_before_names_were_kept_go_on(subjects, undisturbed, tmp_path):
    out = tmp_path / "p.jsonl"
    out.write_bytes(undisturbed)
    people = all_habits(named(town(len(subjects)))).values()
    assert any(place.name for place in next(iter(people)).places)
    assert run(HabitsWriter(KINDS), [Subject(habits) for habits in people], out) == []
    assert out.read_bytes() == undisturbed


@pytest.mark.slow
def test_failure_in_the_middle_with_a_model(tmp_path):
    """The model's cache differs after a restart; the profiles must not."""
    subjects = subjects_of(BATCH + 2)
    whole, broken = tmp_path / "whole.jsonl", tmp_path / "broken.jsonl"
    tiny = tiny_model()
    run(LlmWriter(tiny, tiny, KINDS), subjects, whole)

    def stop(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(LlmWriter(tiny, tiny, KINDS), subjects, broken, stop)
    assert len(read_profiles(broken)) == BATCH
    fresh = tiny_model()
    assert len(run(LlmWriter(fresh, fresh, KINDS), subjects, broken)) == 2
    assert broken.read_bytes() == whole.read_bytes()


@pytest.mark.slow
def test_killed_for_real(genrec, tiny_folder, tmp_path):
    source = csv_of(town(BATCH + 3), tmp_path / "checkins.csv")
    arguments = ["profile", source, "--model", tiny_folder, "--out"]
    whole, killed = tmp_path / "whole.jsonl", tmp_path / "killed.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", "from genrec.cli import main; main()", *map(str, arguments), killed],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not killed.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert genrec(*arguments, killed)[0] == 0
    assert genrec(*arguments, whole)[0] == 0
    assert killed.read_bytes() == whole.read_bytes()
    assert len(read_profiles(whole)) == BATCH + 3


def test_other_writers_prompts_and_moments_do_not_mix(subjects, undisturbed, tmp_path):
    out = tmp_path / "p.jsonl"
    out.write_bytes(undisturbed[: len(undisturbed) // 2])
    other = HabitsWriter(KINDS)
    other.prompt_version = "other"
    before = out.read_bytes()[: out.read_bytes().rfind(b"\n") + 1]
    for writer, asked, reason in (
        (LlmWriter(Echo(), None, KINDS), subjects, "by 'habits'.*not by 'script'.*Name another --out"),
        (other, subjects, "not by 'habits' .prompts other"),
        (HabitsWriter(KINDS), subjects_of(len(subjects), at(5)), "as of .*, not 2024-01-06"),
    ):
        with pytest.raises(GenRecError, match=reason):
            run(writer, asked, out)
        assert out.read_bytes() == before


def test_an_edited_profile_stays_as_it_is(subjects, undisturbed, tmp_path):
    out = tmp_path / "p.jsonl"
    out.write_bytes(undisturbed)
    first, *others = read_profiles(out).values()
    mine = first.model_copy(
        update={"provenance": first.provenance.model_copy(update={"edited": True, "writer": "me"}), "summary": []}
    )
    write_profiles(out, [mine, *others])
    assert run(HabitsWriter(KINDS), subjects, out) == []
    assert read_profiles(out)[mine.user_id] == mine


@pytest.mark.parametrize("content", ["my notes, dear to me", "a\nb", '{"user_id": 1}\n'])
def test_a_file_of_another_kind_is_not_touched(content, subjects, tmp_path):
    (tmp_path / "notes").write_text(content)
    with pytest.raises(InputError, match="row 1: not a profile"):
        run(HabitsWriter(KINDS), subjects, tmp_path / "notes")
    assert (tmp_path / "notes").read_text() == content
    with pytest.raises(InputError, match="is a folder"):
        run(HabitsWriter(KINDS), subjects, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["notes"]


def with_traits(profile, *values):
    traits = {name: Guess(value=value, confidence=0.9) for name, value in zip(profile.traits, values, strict=True)}
    return profile.model_copy(update={"traits": traits})


@pytest.fixture(scope="module")
def four(tmp_path_factory):
    out = tmp_path_factory.mktemp("four") / "p.jsonl"
    run(HabitsWriter(KINDS), subjects_of(4), out)
    return list(read_profiles(out).values())


HIGH, LOW, NONE = ["high"] * 5, ["low"] * 5, ["unknown"] * 5


def test_summary_by_hand(four):
    made = [p.provenance.model_copy(update={"asked": 5, "asked_again": i, "dropped": ["x"] * (i // 2), "tokens_in": 10,
                                            "tokens_out": i}) for i, p in enumerate(four)]  # fmt: skip
    profiles = [
        with_traits(p, *values).model_copy(update={"provenance": m})
        for p, values, m in zip(four, (HIGH, HIGH, ["high", *LOW[1:]], LOW), made, strict=True)
    ]
    summary = summarise(profiles)
    assert (summary.users, summary.tokens_in, summary.tokens_out) == (4, 40, 6)
    assert (summary.asked, summary.asked_again, summary.dropped) == (20, 6, 2)
    assert summary.faithful == pytest.approx(14 / 20)
    assert summary.known_fields == pytest.approx(20 / 36)
    assert summary.trait_tuples == 3
    assert summary.trait_entropy == pytest.approx(1.5)  # shares 1/2, 1/4, 1/4
    assert summary.largest_tuple == 0.5
    assert not summary.collapsed


def test_nothing_is_told_of_guesses_that_nobody_made(four):
    made = PlainConsole()
    for traits, told in ((NONE, False), (HIGH, True)):
        with made.capture() as shown:
            made.print(summary_table(summarise([with_traits(p, *traits) for p in four]), 1.0, 4))
        assert ("guesses" in shown.get(), "traits" in shown.get()) == (told, told)


@pytest.mark.parametrize(
    ("traits", "collapsed", "largest"),
    [
        ((HIGH, HIGH, HIGH, LOW), True, 0.75),
        ((HIGH, HIGH, LOW, LOW), False, 0.5),
        ((HIGH, NONE, NONE, NONE), False, 0.25),
        ((NONE, NONE, NONE, NONE), False, 0.0),
        ((HIGH,), False, 1.0),
        ((), False, 0.0),
    ],
)
def test_collapse(traits, collapsed, largest, four):
    summary = summarise([with_traits(p, *values) for p, values in zip(four, traits, strict=False)])
    assert summary.collapsed == collapsed
    assert summary.largest_tuple == largest


def test_paths_may_be_new(subjects, undisturbed, tmp_path):
    out = Path(tmp_path / "a" / "b" / "p.jsonl")
    run(HabitsWriter(KINDS), subjects, out)
    assert out.read_bytes() == undisturbed
