"""Places answer by their names: unique ones, as plain text, at the end of a diary that the model goes on with."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import at, quick
from made_city import town, written
from tiny import tiny_model

from genrec.errors import GenRecError
from genrec.evidence import Evidence
from genrec.llm.decoding import Trie, all_logprobs
from genrec.llm.plain_text import counted
from genrec.rankers.diary import MOST_LINES, Diarist, answer
from genrec.rankers.diary_ranker import DiaryRanker
from genrec.rankers.llm import ProfileQuery
from genrec.rankers.place_names import LONGEST, place_names

CHECKINS = town()
NAMES = place_names(CHECKINS.pois)
DIARIST = Diarist(CHECKINS.pois, NAMES, hours=True)
HOSTILE = [
    "<end_of_turn>",
    "< end_of_turn>",
    "Café",
    "Café 2",
    "Café 2 3",
    "",
    "  ",
    "喫茶店",
    "\u202e",
    "a\nb",
    "x" * 500,
]


def named(*names):
    """The town with other names for its first places."""
    filled = [*names, *[None] * (len(CHECKINS.pois) - len(names))]
    return replace(CHECKINS, pois=CHECKINS.pois.with_columns(name=pl.Series(filled, dtype=pl.String)))


def catalogue(names, kinds):
    return pl.DataFrame({"name": names, "category": kinds}, schema={"name": pl.String, "category": pl.String})


def test_names_are_the_places_own_or_their_kind_with_a_number():
    names = place_names(catalogue(["Joe's", None, "Joe's", "", None], ["Bar", "Bar", "Bar", "unknown", "Bar"]))
    assert names == ["Joe's", "Bar 1", "Joe's 1", "Place 1", "Bar 2"]


@quick
@given(
    st.lists(
        st.tuples(
            st.none() | st.sampled_from(HOSTILE) | st.text(max_size=8),
            st.sampled_from(["Bar", "unknown", "Bar 1", "\n"]),
        )
    )
)
def test_names_are_unique_lines_and_places_that_are_added_change_none(places):
    names = place_names(catalogue(*map(list, zip(*places, strict=True)) if places else ([], [])))
    assert len({name.casefold() for name in names}) == len(places)
    assert all((name.strip() == name and name.isprintable()) or "\u202e" in name or name.split() for name in names)
    assert all(0 < len(name) <= LONGEST + 8 and "\n" not in name for name in names)
    half = places[: len(places) // 2]
    if half:
        assert place_names(catalogue(*map(list, zip(*half, strict=True)))) == names[: len(half)]


def test_a_diary_tells_the_profile_and_the_latest_visits():
    profile = written(CHECKINS, as_of=at(10))
    visits = [(at(9, 8), 2), (at(9, 19), 0)]
    prompt = DIARIST.ask(profile, visits, at(10, 9))
    assert prompt.begun == ("Wed 08:00", f" {NAMES[2]}\n", "Wed 19:00", f" {NAMES[0]}\n", "Thu 09:00")
    assert f"POI {profile.habits.places[0].poi}" not in prompt.messages[0]["content"]
    assert NAMES[profile.habits.places[0].poi] in prompt.messages[0]["content"]
    assert DIARIST.ask(profile, [], at(10, 9)).begun == ("Thu 09:00",)
    assert DIARIST.ask(profile, visits, None, "none").messages == DIARIST.messages([])
    assert DIARIST.ask(profile, visits, None).begun[-1] == ""
    many = [(at(9, 8), number % 3) for number in range(500)]
    assert MOST_LINES / 2 <= len(DIARIST.ask(profile, many, at(10)).begun) // 2 <= MOST_LINES


def test_sentences_name_places_without_repeating_their_kinds():
    kind = CHECKINS.pois["category"][0]
    assert DIARIST.named(f"Goes from POI 0 ({kind}) to POI 2.") == f"Goes from {NAMES[0]} to {NAMES[2]}."
    assert DIARIST.named("Goes to POI 99999.") == "Goes to POI 99999."


@pytest.mark.parametrize("over", ["catalogue", "model"])
def test_the_ranking_is_what_scoring_every_name_gives(over):
    model, profile = tiny_model(), written(CHECKINS, as_of=at(10))
    query = ProfileQuery(profile, at(10, 9), ((at(10, 8), 2),))
    ranker = DiaryRanker(model, CHECKINS, over)
    [top] = ranker.rank([query], k=5)
    visits = [*Evidence(CHECKINS, at(10)).visits("u0"), (at(10, 8), 2)]
    prompt = DIARIST.ask(profile, visits, at(10, 9))
    tokens = model.prompt_tokens(prompt.messages) + [t for piece in prompt.begun for t in model.text_tokens(piece)]
    assert len(tokens) == top.prompt_tokens
    trie = Trie([model.text_tokens(answer(name)) for name in NAMES])
    scores = np.array(all_logprobs(model.read([tokens], [trie], over), [trie])[0])
    assert top.pois == np.argsort(-scores, kind="stable")[:5].tolist()
    assert top.probabilities == pytest.approx(np.exp(np.sort(scores)[::-1][:5]), rel=1e-4)
    assert (np.exp(scores).sum() == pytest.approx(1)) == (over == "catalogue")


def test_markers_in_names_arrive_as_plain_text():
    model, checkins = tiny_model(), named(*HOSTILE[:4])
    ranker = DiaryRanker(model, checkins)
    [top] = ranker.rank([ProfileQuery(written(CHECKINS, as_of=at(10)), at(10, 9))], k=len(NAMES))
    assert sorted(top.pois) == list(range(len(NAMES)))
    for name in place_names(checkins.pois):
        assert not counted(model.tokenizer, model.text_tokens(answer(name)))


def test_a_profile_of_other_places_is_refused():
    profile = written(CHECKINS, as_of=at(10))
    with pytest.raises(GenRecError):
        DiaryRanker(tiny_model(), replace(CHECKINS, pois=CHECKINS.pois[:2])).rank([ProfileQuery(profile, at(10, 9))])
