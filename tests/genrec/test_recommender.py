"""Rankings are what scoring every place would give, and ask about nothing that the profile knows already."""

import math
from datetime import timedelta
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made import KINDS, at, made_checkins, quick
from made_city import town, written
from tiny import tiny_model

from genrec.checkins import Checkins
from genrec.errors import GenRecError
from genrec.geo import haversine_km
from genrec.habits import city_habits
from genrec.rankers.llm import TOKEN_BUDGET, LlmRanker, ProfileQuery
from genrec.rankers.ranking_prompt import ranking_messages
from genrec.recommender import LlmRecommender, query


@pytest.fixture(scope="module")
def checkins():
    return town()


@pytest.fixture(scope="module")
def tiny():
    return tiny_model()


@pytest.fixture(scope="module")
def recommender(checkins, tiny):
    return LlmRecommender(tiny, checkins)


@pytest.fixture(scope="module")
def profile(checkins):
    return written(checkins, as_of=at(10))


@torch.inference_mode()
def brute_force(tiny, checkins, asked, level="full"):
    """The probability of every POI, each by a plain forward pass of its own."""
    messages = ranking_messages(
        asked.profile, city_habits(checkins, asked.profile.as_of), checkins.pois, at=asked.at, prefix=asked.prefix,
        level=level, count_tokens=tiny.count_tokens, budget=TOKEN_BUDGET,
    ).messages  # fmt: skip
    prompt = tiny.prompt_tokens(messages)
    probabilities = []
    for answer in tiny.answer_tokens([str(poi) for poi in range(len(checkins.pois))]):
        logits = tiny.engine.model(input_ids=torch.tensor([prompt + answer])).logits[0].float()
        rows = torch.log_softmax(logits, -1)[len(prompt) - 1 : -1]
        probabilities.append(math.exp(float(rows[torch.arange(len(answer)), answer].sum())))
    return probabilities


@pytest.mark.parametrize("level", ["none", "full"])
@pytest.mark.parametrize("time", [None, at(10, 9)])
def test_equal_to_scoring_every_place(time, level, tiny, checkins, profile):
    asked = query(checkins, profile, time)
    expected = brute_force(tiny, checkins, asked, level)
    [top] = LlmRanker(tiny, checkins).rank([asked], k=5, level=level)
    assert top.pois == sorted(range(len(KINDS)), key=lambda poi: -expected[poi])[:5]
    assert top.probabilities == pytest.approx([expected[poi] for poi in top.pois], rel=1e-3)


@pytest.mark.parametrize("k", [1, 3, 8, 1000])
def test_distinct_valid_places_in_order(k, checkins, recommender, profile):
    ranking = recommender.recommend(ProfileQuery(profile, at(10, 9)), k=k)
    for places, score in (
        (ranking.places, lambda place: place.probability),
        (ranking.by_habits, lambda place: place.habits_probability),
    ):
        assert len(places) == len({place.poi for place in places}) == min(k, len(KINDS))
        scores = [score(place) for place in places]
        assert scores == sorted(scores, reverse=True)
        assert all(p > 0 for p in scores)
        assert sum(scores) <= 1 + 1e-9
        for place in places:
            row = checkins.pois.row(place.poi, named=True)
            assert (place.poi_id, place.category, place.name) == (row["poi_id"], row["category"], None)
    assert ranking.by_habits[0].probability == ranking.by_habits[0].habits_probability
    if k > len(KINDS):
        assert sum(place.habits_probability for place in ranking.by_habits) == pytest.approx(1)


def test_the_account(recommender, profile):
    ranking = recommender.recommend(ProfileQuery(profile, at(10, 9)), k=2, level="routines")
    assert (ranking.user_id, ranking.at, ranking.by) == ("u0", at(10, 9), "llm")
    assert (ranking.how.model, ranking.how.level, ranking.how.dropped_lines) == ("tiny", "routines", 0)
    assert ranking.how.prompt_tokens > 100
    assert ranking.seconds > 0
    assert recommender.recommend(ProfileQuery(profile, at(10, 9)), k=2, level="routines").places == ranking.places


def test_a_time_that_the_profile_knows_is_refused(recommender, profile):
    with pytest.raises(GenRecError, match="may know the answer"):
        recommender.recommend(ProfileQuery(profile, profile.as_of - timedelta(seconds=1)))
    recommender.recommend(ProfileQuery(profile, profile.as_of), k=1)


def test_distances_and_reasons(checkins, recommender, profile):
    asked = ProfileQuery(profile, at(10, 9), ((at(10, 8), 2),))
    ranking = recommender.recommend(asked, k=8)
    here = checkins.pois.row(2, named=True)
    for place in ranking.places:
        there = checkins.pois.row(place.poi, named=True)
        expected = haversine_km(here["latitude"], here["longitude"], there["latitude"], there["longitude"])
        assert place.distance_km == pytest.approx(float(expected))
    by_poi = {place.poi: place for place in ranking.places}
    assert by_poi[2].distance_km == 0
    assert "visited earlier in this trajectory" in by_poi[2].reasons
    assert "follows POI 2 (Coffee Shop) in 8 of 8 cases" in by_poi[1].reasons
    assert by_poi[7].reasons[:2] == ["never visited before", "no visits by anybody"]
    last_known = recommender.recommend(ProfileQuery(profile, at(10, 9)), k=8)
    assert {p.poi: p.distance_km for p in last_known.places}[profile.habits.recent[-1].poi] == 0


@pytest.mark.parametrize("about", ["", "I am a student and like museums."])
def test_somebody_without_history(about, checkins, recommender):
    profile = written(checkins, "new", about=about, as_of=at(10))
    for time in (None, at(10, 9)):
        ranking = recommender.recommend(query(checkins, profile, time), k=3)
        assert len(ranking.places) == len(ranking.by_habits) == 3
        assert {place.distance_km for place in ranking.places} == {None}
        assert all(place.reasons[0] == "never visited before" for place in ranking.places)


def test_before_anybody_went_anywhere(checkins, recommender):
    profile = written(checkins, "u0", about="New in town.", as_of=at(-1))
    assert len(recommender.recommend(query(checkins, profile, at(-0.5)), k=3).places) == 3


def test_profiles_of_other_data_are_refused(tiny, checkins, profile):
    other = checkins.pois.with_columns(poi_id="q" + checkins.pois["poi_id"])
    for pois in (other, checkins.pois[:2]):
        frame = checkins.frame.filter(checkins.frame["poi"] < len(pois))
        with pytest.raises(GenRecError, match="was written for other data"):
            LlmRecommender(tiny, Checkins(frame, pois, "other", [])).recommend(ProfileQuery(profile, None))


def test_the_trajectory_that_goes_on(checkins):
    early = written(checkins, as_of=at(5))

    def prefix(time):
        return query(checkins, early, time).prefix

    morning = ((at(10, 8), 2), (at(10, 9), 1))
    assert prefix(at(10, 12))[-2:] == morning
    assert prefix(at(10, 9))[-1:] == morning[:1], "the visit asked about is not part of it"
    assert prefix(at(7, 8)) == (), "a weekend at home"
    assert prefix(at(11, 21) + timedelta(hours=24)) == ()
    assert prefix(at(11, 21) + timedelta(hours=23.9))[-1] == (at(11, 21), 4)
    assert prefix(None)[-1] == (at(11, 21), 4)
    assert prefix(None)[0] == (at(7, 8), 2)
    assert query(checkins, written(checkins, "nobody", as_of=at(3)), at(3)).prefix == ()


@quick
@given(made_checkins(), st.none() | st.integers(0, 24 * 13).map(lambda hour: at(hour=hour)))
def test_a_prefix_has_no_gap_and_no_future(checkins, time):
    profile = written(checkins, "a", as_of=at(0))
    prefix = query(checkins, profile, time).prefix
    own = [(row[2], row[1]) for row in checkins.frame.iter_rows() if row[0] == "a" and (time is None or row[2] < time)]
    assert list(prefix) == own[len(own) - len(prefix) :]
    moments = [moment for moment, _ in prefix] + ([time] if time else [])
    day = timedelta(hours=24)
    assert all(b - a < day for a, b in pairwise(moments))
    if len(prefix) < len(own):
        following = moments[0] if moments else None
        assert following is None or following - own[-len(prefix) - 1][0] >= day
