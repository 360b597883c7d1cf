"""Profiles from habits: what stays is supported, what goes is counted."""

import pytest
from hypothesis import given
from made import KINDS, at, made_checkins, make, quick
from made_city import Echo, Script, town, written
from tiny import tiny_model

from genrec.habits import all_habits, habits_of
from genrec.profiles.faithfulness import check, supported
from genrec.profiles.fields import MIN_CONFIDENCE
from genrec.profiles.profile import ATTRIBUTES, CLOSED_FIELDS, TRAITS, UNKNOWN
from genrec.profiles.writer import HabitsWriter, LlmWriter, Subject
from genrec.profiles.writing_prompt import evidence, fact_messages, fact_sentence, facts, field_messages


@quick
@given(made_checkins())
def test_templates_say_only_what_is_supported(checkins):
    habits = list(all_habits(checkins).values())
    for profile in HabitsWriter(KINDS).write([Subject(h) for h in habits]):
        statements = list(profile.statements())
        assert profile.provenance.dropped == []
        assert profile.provenance.asked >= len(statements)
        for statement in statements:
            assert statement.backed_by
            assert supported(check(statement.text, profile.habits, KINDS))
        assert {g.value for g in (profile.traits | profile.attributes).values()} == {UNKNOWN}


def test_nothing_is_said_of_a_stranger():
    habits = habits_of(town(), "nobody")
    for writer in (HabitsWriter(KINDS), LlmWriter(Script(), None, KINDS), LlmWriter(tiny_model(), None, KINDS)):
        [profile] = writer.write([Subject(habits)])
        assert list(profile.statements()) == []
        assert profile.provenance.asked == 0


def test_what_the_user_says_is_kept_as_said():
    profile = written(town(), "u0", about="I cycle, and {{ 7*7 }} times a year I fly.")
    assert profile.preferences[0].text == "I cycle, and {{ 7*7 }} times a year I fly."
    assert profile.preferences[0].backed_by == ["said by the user"]
    assert written(town(), "u0", about=" I\n\u2028like\ttea ").preferences[0].text == "I like tea"
    assert written(town(), "u0", about=" \n ") == written(town(), "u0")
    assert len(profile.preferences) == 1 + len(written(town(), "u0").preferences)


@pytest.fixture(scope="module")
def tiny():
    return tiny_model()


@pytest.fixture(scope="module")
def tiny_profiles(tiny):
    subjects = [Subject(habits) for habits in all_habits(town()).values()] + [Subject(habits_of(town(), "new"), "Hi.")]
    return subjects, LlmWriter(tiny, tiny, KINDS).write(subjects)


def test_a_random_model_says_nothing_unsupported(tiny_profiles):
    subjects, profiles = tiny_profiles
    for subject, profile in zip(subjects, profiles, strict=True):
        made = profile.provenance
        said = [s for s in profile.statements() if s.backed_by != ["said by the user"]]
        assert made.asked == len(facts(subject.habits))
        assert made.asked_again <= made.asked
        assert len(said) + len(made.dropped) <= made.asked + made.by_template
        assert all(supported(check(s.text, subject.habits, KINDS)) for s in said)
        assert bool(made.tokens_in) == bool(made.asked) == bool(made.tokens_out)
    assert profiles[0].provenance.dropped, "a random model is not believed"


def test_closed_fields_come_from_their_options(tiny_profiles):
    for profile in tiny_profiles[1]:
        assert (list(profile.traits), list(profile.attributes)) == (list(TRAITS), list(ATTRIBUTES))
        for name, guess in (profile.traits | profile.attributes).items():
            assert guess.value in (*CLOSED_FIELDS[name], UNKNOWN)
            assert 1 / len(CLOSED_FIELDS[name]) - 1e-3 <= guess.confidence <= 1
            assert (guess.value == UNKNOWN) == (guess.confidence < MIN_CONFIDENCE)


def test_the_same_model_writes_the_same_whatever_it_read_before(tiny_profiles, tiny):
    subjects, profiles = tiny_profiles
    assert LlmWriter(tiny, tiny, KINDS).write(subjects) == profiles
    again = tiny_model()
    reversed_profiles = LlmWriter(again, again, KINDS).write(subjects[::-1])
    assert reversed_profiles[::-1] == profiles


def test_without_a_ranker_fields_stay_unknown():
    [profile] = LlmWriter(Echo(), None, KINDS).write([Subject(habits_of(town(), "u0"))])
    assert {g.value for g in (profile.traits | profile.attributes).values()} == {UNKNOWN}
    assert profile.provenance.writer == "script"


@pytest.fixture
def park_goer():
    """Visits to one park only: its facts are a preference, a routine and a summary."""
    return habits_of(make([("u", 6, at(day, 12)) for day in range(0, 28, 7)]), "u")


PREFERENCE, ROUTINE, SUMMARY = "Likes the Park.", "Goes to POI 6 on Mondays.", "Is often at POI 6 (Park)."


def write(habits, *answers):
    generator = Script(*answers)
    [profile] = LlmWriter(generator, None, KINDS).write([Subject(habits)])
    assert next(generator.answers, None) is None, "all answers were asked for"
    return profile


def test_supported_at_once(park_goer):
    profile = write(park_goer, PREFERENCE, ROUTINE, SUMMARY)
    assert [s.text for s in profile.statements()] == [PREFERENCE, ROUTINE, SUMMARY]
    made = profile.provenance
    assert (made.asked, made.asked_again, made.dropped) == (3, 0, [])
    assert (made.tokens_in, made.tokens_out) == (30, 9)
    assert profile.routines[0].backed_by == ["POI 6 (Park): 4 visits", "POI 6: 4 of 4 visits Monday"]


def test_unsupported_then_supported(park_goer):
    profile = write(park_goer, "Enjoys hiking.", ROUTINE, SUMMARY, PREFERENCE)
    assert [s.text for s in profile.preferences] == [PREFERENCE]
    made = profile.provenance
    assert (made.asked, made.asked_again, made.dropped) == (3, 1, [])
    assert (made.tokens_in, made.tokens_out) == (40, 12)


def test_unsupported_twice(park_goer):
    profile = write(park_goer, "Enjoys hiking.", ROUTINE, "", "Loves the Gym.", "Kind.")
    assert profile.provenance.asked_again == 2
    assert profile.provenance.dropped == ["Loves the Gym.", "Kind."]
    assert profile.provenance.by_template == 2, "the sections left empty are filled"
    by_template = [fact_sentence(fact) for fact in facts(park_goer) if fact.section != "routines"]
    assert [s.text for s in profile.statements()] == [by_template[0], ROUTINE, by_template[1]]


def test_one_bad_sentence_spoils_the_text(park_goer):
    text = "Likes the Park. Enjoys hiking."
    profile = write(park_goer, text, "Likes the Park. Goes to POI 6 on Mondays!", SUMMARY, text)
    assert text not in [s.text for s in profile.preferences]
    assert profile.provenance.dropped == [text]
    assert profile.routines[0].text == "Likes the Park. Goes to POI 6 on Mondays!"


def test_a_sentence_stands_once(park_goer):
    profile = write(park_goer, PREFERENCE, PREFERENCE, PREFERENCE)
    assert [s.text for s in profile.statements()] == [PREFERENCE]
    assert profile.provenance.dropped == []


ODD = "{{ 7*7 }} {% raise %} [red]<b> Café"


def test_markup_in_the_data_stays_text():
    visits = [(f"{ODD} user", poi, at(day, 8 + poi)) for day in range(5) for poi in (0, 1)]
    habits = habits_of(make(visits, [ODD, "Office"]), f"{ODD} user")
    prompts = [fact_messages(fact, habits) for fact in facts(habits)]
    prompts.append(field_messages(evidence(habits, ODD), "gender", ["a", "b"]))
    for prompt in prompts:
        assert "49" not in str(prompt)
    assert any(ODD in prompt[-1]["content"] for prompt in prompts[:-1])
    assert prompts[-1][-1]["content"].count(ODD) >= 3
    generator = Script(*["{{ habits }} Office"] * 20)
    [profile] = LlmWriter(generator, None, ["Office"]).write([Subject(habits, ODD)])
    assert profile.preferences[0].text == ODD
    assert {s.text for s in profile.statements()} == {ODD, "{{ habits }} Office"}
