"""Profiles from habits: what stays is supported, what goes is counted."""

import pytest
from hypothesis import given
from made import KINDS, at, made_checkins, make, quick
from made_city import Echo, Script, town, written
from tiny import tiny_model

from genrec.habits import all_habits, habits_of
from genrec.profiles.faithfulness import check, supported
from genrec.profiles.fields import MIN_CONFIDENCE
from genrec.profiles.portrait.plan import plan, portrait_messages
from genrec.profiles.portrait.writer import LlmWriter, PortraitWriter
from genrec.profiles.profile import ATTRIBUTES, CLOSED_FIELDS, TRAITS, UNKNOWN
from genrec.profiles.writer import HabitsWriter, Subject
from genrec.profiles.writing_prompt import evidence, field_messages


@pytest.mark.parametrize("writer", [HabitsWriter, PortraitWriter])
@quick
@given(checkins=made_checkins())
def test_templates_say_only_what_is_supported(writer, checkins):
    habits = list(all_habits(checkins).values())
    for profile in writer(KINDS).write([Subject(h) for h in habits]):
        statements = list(profile.statements())
        assert profile.provenance.dropped == []
        assert profile.provenance.asked >= len(statements)
        for statement in statements:
            assert statement.backed_by
            assert supported(check(statement.text, profile.habits, KINDS))
        assert {g.value for g in (profile.traits | profile.attributes).values()} == {UNKNOWN}


def test_nothing_is_said_of_a_stranger():
    habits = habits_of(town(), "nobody")
    for writer in (
        HabitsWriter(KINDS),
        PortraitWriter(KINDS),
        LlmWriter(Script(), None, KINDS),
        LlmWriter(tiny_model(), None, KINDS),
    ):
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
        assert bool(made.asked) == bool(plan(subject.habits))
        assert made.asked_again <= made.asked
        assert len(made.dropped) <= sum(len(paragraph.groups) for paragraph in plan(subject.habits))
        assert all(supported(check(s.text, subject.habits, KINDS)) for s in said)
        assert bool(made.tokens_in) == bool(made.asked) == bool(made.tokens_out)
    assert profiles[0].provenance.by_template, "a random model is not believed"


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
    """Visits to a park, a pub and a gym: one paragraph of three sentences."""
    visits = [("a", 6, at(day, 12)) for day in range(0, 28, 7)]
    return habits_of(make([*visits, *(("a", poi, at(day, 20)) for poi, day in ((4, 1), (4, 9), (5, 2), (5, 9)))]), "a")


PARK, PUB, GYM = "Often goes to POI 6 on Mondays.", "They come back to POI 4 (Pub).", "Drops by POI 5."
ALL = f"{PARK} {PUB} {GYM}"


def write(habits, *answers):
    generator = Script(*answers)
    [profile] = LlmWriter(generator, None, KINDS).write([Subject(habits)])
    assert next(generator.answers, None) is None, "all answers were asked for"
    return profile


def test_supported_at_once(park_goer):
    [paragraph] = plan(park_goer)
    assert [[fact.pois for fact in group] for group in paragraph.groups] == [[(6,)], [(4,)], [(5,)]]
    profile = write(park_goer, ALL)
    assert [s.text for s in profile.routines] == [PARK, PUB, GYM]
    made = profile.provenance
    assert (made.asked, made.asked_again, made.dropped) == (3, 0, [])
    assert (made.tokens_in, made.tokens_out) == (10, 3)
    assert profile.routines[0].backed_by == ["POI 6 (Park): 4 visits", "POI 6: 4 of 4 visits Monday"]


def test_what_no_supported_sentence_tells_is_asked_for_again(park_goer):
    profile = write(park_goer, f"{PARK} Enjoys hiking.", PUB, GYM)
    assert [s.text for s in profile.routines] == [PARK, PUB, GYM]
    made = profile.provenance
    assert (made.asked, made.asked_again, made.dropped) == (2, 1, [])
    assert (made.tokens_in, made.tokens_out) == (30, 9)
    less = write(park_goer, f"{PARK} Enjoys hiking.", "Loves the Museum.", "")
    assert [s.text for s in less.routines] == [PARK]
    assert less.provenance.dropped == ["Loves the Museum."]


def test_a_section_without_a_supported_sentence_is_phrased_without_the_model(park_goer):
    profile = write(park_goer, "Enjoys hiking.", *["Loves the Museum."] * 3)
    made = profile.provenance
    assert (made.asked, made.asked_again, made.dropped) == (1, 1, ["Loves the Museum."] * 3)
    assert made.by_template == len(profile.routines) == 3


def test_a_sentence_stands_once(park_goer):
    profile = write(park_goer, f"{ALL} Likes the Park. Likes the Park.")
    assert [s.text for s in profile.statements()] == [PARK, PUB, GYM, "Likes the Park."]
    assert profile.provenance.dropped == []


ODD = "{{ 7*7 }} {% raise %} [red]<b> Café"


def test_markup_in_the_data_stays_text():
    visits = [(f"{ODD} user", poi, at(day, 8 + poi)) for day in range(5) for poi in (0, 1)]
    habits = habits_of(make(visits, [ODD, "Office"]), f"{ODD} user")
    prompts = [portrait_messages(paragraph) for paragraph in plan(habits)]
    prompts.append(field_messages(evidence(habits, ODD), "gender", ["a", "b"]))
    for prompt in prompts:
        assert "49" not in str(prompt)
    assert any(ODD in prompt[-1]["content"] for prompt in prompts[:-1])
    assert prompts[-1][-1]["content"].count(ODD) >= 3
    generator = Script(*["{{ habits }} Office"] * 20)
    [profile] = LlmWriter(generator, None, ["Office"]).write([Subject(habits, ODD)])
    assert profile.preferences[0].text == ODD
    assert set(profile.provenance.dropped) == {"{{ habits }} Office"}  # no words of a sentence
    assert not any("49" in statement.text for statement in profile.statements())
