"""Rankings whose last place is drawn: each answer keeps the chances, and what is said of them can be learned from."""

import random
from collections import Counter

import pytest
from made_city import town

from genrec.ranking import Place
from genrec.service.exploring import with_chance

from .conftest import done


def ranking(count):
    weights = [2.0 ** -(i + 1) for i in range(count)]
    return [Place(i, f"p{i}", None, "Pub", None, weight, 0.0, ()) for i, weight in enumerate(weights)]


def test_the_last_place_is_drawn_as_often_as_its_chance_says():
    random.seed(0)
    drawn = Counter()
    for _ in range(4000):
        places, chances = with_chance(ranking(6), 3)
        assert [place.poi for place in places[:2]] == [0, 1] and chances[:2] == [1, 1]
        drawn[places[2].poi, chances[2]] += 1
    assert sum(chance for _, chance in drawn) == pytest.approx(1)
    assert all(count / 4000 == pytest.approx(chance, abs=0.03) for (_, chance), count in drawn.items())


def test_fewer_places_than_lines_are_all_sure():
    assert with_chance(ranking(2), 3) == (ranking(2), [1.0, 1.0])
    assert with_chance([], 3) == ([], [])


@pytest.mark.parametrize("explore", [False, True])
def test_an_answer_keeps_when_it_was_asked_and_the_chances(start, explore):
    api = start(checkins=town(), explore=explore)
    answer = done(api.post("/v1/recommend", json={"person": "u0", "time": "2024-01-13T08:00:00", "k": 2}))
    used = done(api.get(f"/v1/answers/{answer['id']}"))["used"]
    assert used["asked"] == "2024-01-13T08:00:00"
    assert len(used["propensities"]) == len(answer["places"]) == len(answer["by_habits"]) == 2
    assert (used["propensities"] == [1, 1]) is not explore
