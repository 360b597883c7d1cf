"""The score of a text about a person, and the written rules by which one of two is preferred."""

from dataclasses import replace

import pytest
from made import KINDS, at, make
from made_city import town, written

from eval.profiles.portraits import LEAST, prefer, readability, score
from eval.profiles.worth import largest_alike
from genrec.habits import habits_of
from genrec.profiles.portrait.writer import PortraitWriter
from genrec.profiles.writer import Subject


@pytest.fixture(scope="module")
def habits():
    """Office and coffee on weekdays, the gym on Saturdays."""
    days = [day for day in range(28) if day % 7 < 5]
    visits = [("u", 1, at(day, 9)) for day in days] + [("u", 2, at(day, 8)) for day in days]
    return habits_of(make([*visits, *(("u", 5, at(day, 11)) for day in range(5, 28, 7))]), "u")


def of(text, habits):
    return score(text, habits, KINDS)


def test_a_portrait_tells_nearly_all(habits):
    [profile] = PortraitWriter(KINDS).write([Subject(habits)])
    found = of(" ".join(one.text for one in profile.statements()), habits)
    assert (found.supported, found.redundant) == (1, 0)
    assert found.told > 0.95
    assert of("", habits).told == of("They go to POI 3.", habits).told == 0


def test_what_is_unsupported_redundant_or_left_out_costs(habits):
    good = of("They likely work at POI 1 on weekdays around 9. They often go to POI 2 on weekdays around 8.", habits)
    wrong = of("They likely work at POI 1 on weekdays around 20. They often go to POI 2 on weekdays around 8.", habits)
    twice = of("They likely work at POI 1 on weekdays around 9. They are often at POI 1 on weekdays around 9.", habits)
    less = of("They likely work at POI 1 on weekdays around 9.", habits)
    untimed = of("They likely work at POI 1. They often go to POI 2.", habits)
    assert (good.supported, wrong.supported, twice.redundant) == (1, 0.5, 0.5)
    assert good.told > untimed.told > less.told / 2
    for worse in (wrong, twice, less, untimed):
        assert (prefer(good, worse), prefer(worse, good)) == (1, -1)
    assert prefer(good, good) == 0


def test_the_rules_in_their_order(habits):
    plain = of("They often go to POI 2.", habits)
    for name, least in LEAST.items():
        sign = -1 if name == "redundant" else 1
        better = replace(plain, **{name: getattr(plain, name) + sign * 2 * least})
        assert prefer(better, plain) == 1
    assert prefer(replace(plain, supported=0.5, told=1), plain) == -1


def test_reading_ease():
    assert readability("They go to POI 2 (Home (private)). They like it.") > 90
    assert readability("Extraordinarily sophisticated institutions characterise individuals.") < 0
    assert readability("") == 0


def test_texts_that_differ_in_ids_only_are_alike():
    profiles = [written(town(6), f"u{i}") for i in range(6)]
    assert largest_alike(profiles) < 0.5
    same = [profiles[0].model_copy(update={"user_id": name}) for name in "abc"]
    assert largest_alike(same) == 1
    assert largest_alike([]) == 0
