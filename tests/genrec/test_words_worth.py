"""How much what people like counts in a city."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from made import KINDS, MONDAY, made_checkins, make, quick
from tiny import tiny_model

from genrec.profiles.statements import parse
from genrec.profiles.words_worth import USUAL, words_worth
from genrec.steering import Steering


def visits(pois_of):
    """A check-in an hour by each of 20 people; `pois_of`: (person, hour) to place."""
    return make(
        [
            (f"u{u}", pois_of(u, hour), MONDAY + timedelta(hours=hour, minutes=u))
            for u in range(20)
            for hour in range(60)
        ]
    )


def test_kinds_that_people_come_back_to_are_worth_much_and_others_nothing():
    draw = np.random.default_rng(0)
    faithful = visits(lambda u, hour: (u + hour % 2) % len(KINDS))
    fickle = visits(lambda u, hour: int(draw.integers(len(KINDS))))
    assert words_worth(faithful) > 0.9
    assert words_worth(fickle) < 0.1


def test_words_of_names_are_worth_less_than_categories():
    # The same visits; "Park" is a kind in the one, and a word of all sorts of names in the other.
    checkins = visits(lambda u, hour: (u + hour % 2) % len(KINDS))
    names = ["Park Deli", "Park Hotel", "Park Bank", "Park Bar", "Park Cafe", "Park Gym", "Elm", "Oak"]
    named = replace(checkins, pois=checkins.pois.with_columns(category=pl.lit("unknown"), name=pl.Series(names)))
    assert words_worth(named) < words_worth(checkins) / 2


def test_where_nothing_is_known_the_usual_is_taken():
    assert words_worth(make([])) == pytest.approx(USUAL)


@pytest.mark.slow
@quick
@given(made_checkins())
def test_it_is_a_share(checkins):
    assert 0 <= words_worth(checkins) <= 1


def test_it_weighs_kinds_that_are_liked_and_no_wishes_places_nor_what_is_avoided():
    model, pois = tiny_model(), pl.DataFrame({"category": KINDS})
    before = np.log(np.full(len(KINDS), 1 / len(KINDS)))

    def moved(says: str, worth: float):
        shift = Steering(model, pois, worth=worth).shift(parse(says, KINDS, {7: "Museum"}), None)
        return np.exp(shift.applied(before))

    assert 1 / 8 < moved("I like parks.", 0.2)[6] < moved("I like parks.", 1)[6]
    assert moved("I like parks.", 0) == pytest.approx(1 / 8)
    for says in ("I hate parks.", "park", "I want more parks.", "Take me to a park.", "I like POI 7 (Museum)."):
        assert moved(says, 0.2) == pytest.approx(moved(says, 1))
