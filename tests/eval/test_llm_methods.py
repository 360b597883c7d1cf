"""Methods that ask a model: their names, and what each shows it."""

import polars as pl
import pytest
from made import at
from made_city import town, written
from made_runs import RuleModel, llm

from eval.methods.llm import LlmSpec, Models
from eval.methods.names import make_methods
from eval.protocol import cases
from eval.run import run
from genrec.errors import GenRecError
from genrec.llm.adapter import SHIPPED
from genrec.profiles.profile import UNKNOWN, write_profiles
from genrec.profiles.shelf import ProfileShelf, read_given
from genrec.rankers.simple import COUNTING


def test_names_say_everything():
    assert LlmSpec.parse("llm:none") == LlmSpec("none", "own", True, False)
    assert LlmSpec.parse("llm:routines-notable") == LlmSpec("routines", "own", False, False)
    assert LlmSpec.parse("llm:full-swapped-notable-adapted") == LlmSpec("full", "swapped", False, True)
    assert LlmSpec.parse("llm:full-emptied") == LlmSpec("full", "emptied", True, False)
    for name in ("llm:", "llm:best", "llm:none-swapped", "llm:full-notable-swapped", "full", "llm:full\n"):
        assert LlmSpec.parse(name) is None


@pytest.mark.parametrize(
    ("names", "adapter", "reason"),
    [
        (["habits", "habits"], None, "names one twice"),
        (["habit"], None, "there is no method 'habit'; there are popularity, .*llm:full-swapped"),
        (["llm:full-adapted"], None, "llm:full-adapted needs --adapter"),
        (["llm:full"], "folder", "methods whose names end in -adapted"),
    ],
)
def test_wrong_names_are_refused(names, adapter, reason):
    checkins = town()
    with pytest.raises(GenRecError, match=reason):
        make_methods(names, Models(checkins, "folder", None, adapter), ProfileShelf([], checkins))


def test_the_embedded_model_has_an_adapter_of_its_own():
    checkins = town()
    models = Models(checkins, None, None, None)
    assert models.adapter("genrec") == str(SHIPPED)
    [method] = make_methods(["llm:full-adapted"], models, ProfileShelf([], checkins))
    assert method.name == "llm:full-adapted"
    make_methods(["llm:full"], models, ProfileShelf([], checkins))  # nobody named it, so it is no stray


def test_all_names_make_methods():
    checkins = town()
    names = [*COUNTING, "sasrec", "llm:none", "llm:full-swapped-notable", "llm:full-adapted"]
    methods = make_methods(names, Models(checkins, None, None, "folder"), ProfileShelf([], checkins))
    assert [method.name for method in methods] == names


def shown(name, asked, given=(), seed=0):
    """Answers and queries of a method on all examples, in order."""
    models = RuleModel()
    answers = list(llm(name, models, asked.checkins, given, seed).rank(asked, range(len(asked.examples)), 5))
    return answers, models


@pytest.mark.parametrize("timed", [True, False])
def test_habits_and_trajectory_are_the_examples_own_and_of_its_moment(timed):
    asked = cases(town(6), "rolling", refresh_days=3, timed=timed)
    for name in ("llm:full", "llm:full-swapped", "llm:full-emptied"):
        answers, models = shown(name, asked)
        for answer, query in zip(answers, models.asked, strict=True):
            example = asked.examples[answer.example]
            assert (query.profile.user_id, query.profile.as_of) == (example.user_id, example.as_of)
            assert query.profile.habits.as_of == example.as_of
            assert query.profile.habits.user_id == example.user_id
            assert query.prefix == example.prefix
            assert query.at == (example.time if timed else None)


def test_level_and_table_reach_the_model():
    asked = cases(town(), "rolling", limit=4)
    for name, level, table in (("llm:none", "none", True), ("llm:attributes-notable", "attributes", False)):
        assert {call[1:] for call in shown(name, asked)[1].calls} == {(level, table)}
    assert shown("llm:full-adapted", asked)[1].adapted


def test_controls_show_another_users_words_or_none():
    asked = cases(town(6), "rolling")
    own, own_models = shown("llm:full", asked)
    swapped, models = shown("llm:full-swapped", asked)
    assert any(any(query.profile.statements()) for query in own_models.asked)
    for mine, theirs, query in zip(own, swapped, models.asked, strict=True):
        user = asked.examples[mine.example].user_id
        assert mine.profile_user == user != theirs.profile_user
        assert any(query.profile.statements()), "a control that says nothing is none"
    partners = {asked.examples[answer.example].user_id: answer.profile_user for answer in swapped}
    assert len(set(partners.values())) > 1
    assert shown("llm:full-swapped", asked)[0] == swapped
    emptied, models = shown("llm:full-emptied", asked)
    for answer, query in zip(emptied, models.asked, strict=True):
        assert answer.profile_user is answer.profile_as_of is None
        assert not list(query.profile.statements())
        assert {guess.value for guess in (query.profile.traits | query.profile.attributes).values()} == {UNKNOWN}


def test_the_seed_decides_who_is_swapped():
    asked = cases(town(6), "rolling")
    partners = {tuple(answer.profile_user for answer in shown("llm:full-swapped", asked, seed=s)[0]) for s in range(5)}
    assert len(partners) > 1


def test_nobody_to_swap_with_is_a_failure():
    asked = cases(town(1), "rolling", limit=1)
    [answer] = shown("llm:full-swapped", asked)[0]
    assert answer.failure.startswith("nobody else has a profile")


def given_profile(text, when, user="u0"):
    profile = written(town(6), user, as_of=when)
    profile.summary[0].text = text
    return profile


def test_the_latest_given_profile_before_the_moment_is_shown():
    asked = cases(town(6), "rolling", refresh_days=1)
    given = [given_profile(text, at(day)) for text, day in (("first", 2), ("second", 9), ("late", 99))]
    answers, models = shown("llm:full", asked, given)
    seen = set()
    for answer, query in zip(answers, models.asked, strict=True):
        example = asked.examples[answer.example]
        if example.user_id == "u0":
            expected = ("second", at(9)) if example.as_of >= at(9) else ("first", at(2))
            assert (query.profile.summary[0].text, answer.profile_as_of) == expected
            seen.add(expected)
        else:
            assert answer.profile_as_of == example.as_of, "by templates, then"
    assert len(seen) == 2
    coverage = llm("llm:full", RuleModel(), asked.checkins, given).settings(asked)["profiles"]
    assert coverage["given"] == len(asked.frame.filter(user_id="u0"))
    assert sum(coverage.values()) == len(asked.examples)


def test_other_profiles_are_other_settings(tmp_path):
    asked = cases(town(6), "rolling")
    for text in ("first", "first", "second"):
        method = llm("llm:full", RuleModel(), asked.checkins, [given_profile(text, at(2))])
        if text == "second":
            with pytest.raises(GenRecError, match="was made with other settings"):
                run(asked, [method], tmp_path, name="town")
        else:
            run(asked, [method], tmp_path, name="town")


def test_given_profiles_are_swapped_among_each_other():
    asked = cases(town(6), "rolling")
    given = [written(town(6), user, as_of=at(2)) for user in ("u0", "u3")]
    for profile in given:
        profile.provenance.writer = "model"
    for answer in shown("llm:full-swapped", asked, given)[0]:
        user = asked.examples[answer.example].user_id
        if user in ("u0", "u3"):
            assert {user, answer.profile_user} == {"u0", "u3"}
        else:
            assert answer.profile_user not in ("u0", "u3")


def test_profiles_that_know_too_much_are_refused():
    asked = cases(town(), "rolling")
    method = llm("llm:full", RuleModel(), asked.checkins, [written(town(), "u0", as_of=at(30))])
    with pytest.raises(GenRecError, match=r"none of the 1 profiles given .* --as-of 2024-01-0"):
        method.settings(asked)


def test_profiles_of_other_places_are_refused():
    checkins = town()
    profile = written(checkins, "u0", as_of=at(5))
    for place in range(2):
        other = checkins.pois.with_columns(poi_id=pl.lit("q") + pl.col("poi_id"))[place * 8 :]
        with pytest.raises(GenRecError, match="was written for other data"):
            ProfileShelf([profile], type(checkins)(checkins.frame, other, "other", []))


def test_files_of_several_moments_are_read_together(tmp_path):
    for day in (3, 5):
        write_profiles(tmp_path / f"{day}.jsonl", [written(town(), "u0", as_of=at(day))])
    assert [profile.as_of for profile in read_given([tmp_path / "5.jsonl", tmp_path / "3.jsonl"])] == [at(5), at(3)]
    with pytest.raises(GenRecError, match="two profiles as of 2024-01-04"):
        read_given([tmp_path / "3.jsonl", tmp_path / "3.jsonl"])
