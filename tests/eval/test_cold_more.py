"""Cold start of places and of a city: which visits are asked about, and what is known of them."""

import pytest
from made import at, make
from made_city import csv_of, failed, routine
from made_trained import city as home_of_rankers
from made_trained import cml, m2trec

from eval.bench.networks import untrained
from eval.bench.rankers import Row, made_checkins, measure, ratios, workload
from eval.experiments.cold_more import (
    CITY,
    CITY_COMPARED,
    PLACES,
    PLACES_COMPARED,
    _busiest,
    cold_city,
    cold_places,
    sections,
)
from eval.methods.names import carried_methods
from eval.methods.rankers import RankerMethod
from eval.methods.sasrec import NOTHING_LEARNED, SasRec, training_rows
from eval.protocol import cases
from genrec.errors import GenRecError
from genrec.rankers.simple import CountingRanker
from genrec.trajectories import first_weeks

pytestmark = pytest.mark.usefixtures("little_work")


def growing_town():
    """Six people's two weeks, at the end of which the museum opens."""
    kinds = [(0, 1, 4), (0, 3, 5), (0, 1, 6)]
    visits = [visit for i in range(6) for visit in routine(f"u{i}", kinds[i % 3], i % 2)]
    return make([*visits, *((f"u{i}", 7, at(11, 22 + i / 10)) for i in range(4))])


def counting(asked):
    return [RankerMethod(CountingRanker(name)) for name in ("popularity", "nearest", "habits")]


def quiet(*_):
    """Nobody watches."""


def test_new_places_are_those_that_nobody_had_been_to(tmp_path):
    town, asked = growing_town(), []
    found = cold_places(town, lambda a: asked.append(a) or counting(a), tmp_path, name="town", progress=quiet)
    assert {example.target for example in asked[0].examples} == {7}
    assert sum(asked[0].excluded.values()) + len(asked[0].examples) == len(cases(town, "all-visits").examples)
    assert {(row["a"], row["b"]) for row in found[PLACES_COMPARED]} == {
        ("nearest", "popularity"), ("habits", "popularity"), ("popularity", "nearest"), ("habits", "nearest")
    }  # fmt: skip
    assert {row["n"] for row in found[PLACES]} == {len(asked[0].examples)}
    assert [section.id for section in sections(found)] == ["places"]


@pytest.mark.slow
def test_a_cold_city_is_asked_the_same_visits_twice(tmp_path):
    town, home, asked = growing_town(), make([("a", 0, at(day)) for day in range(3)], ["Pub"]), []
    found = cold_city(town, home, lambda a: asked.append(a) or counting(a), tmp_path, name="town", progress=quiet)
    none, week = asked
    assert none.frame["history"].max() == 0 < week.frame["history"].min()
    assert [(e.user_id, e.time, e.target) for e in none.examples] == [
        (e.user_id, e.time, e.target) for e in week.examples
    ]
    assert all(example.time >= at(7) for example in week.examples)
    assert {row["known_days"] for row in found[CITY]} == {0, 7}
    compared = {(row["a"], row["known_days"]) for row in found[CITY_COMPARED] if row["b"] == "habits"}
    assert compared == {(name, days) for name in ("popularity", "nearest") for days in (0, 7)}
    assert training_rows(none) is home
    [answer] = SasRec().rank(none, [0], 3)
    assert answer.failure == NOTHING_LEARNED
    assert len(first_weeks(town, 7, 28).examples) == len(none.examples)


def test_a_bench_counts_every_query_and_compares_with_cornacs_models():
    asked = workload(40, 30, seed=0)
    rows = list(measure(RankerMethod(CountingRanker("habits")), asked, ((16, 30), (1, 4))))
    assert [(row.ranker, row.pois, row.batch, row.n) for row in rows] == [("habits", 40, 16, 30), ("habits", 40, 1, 4)]
    assert made_checkins(40, 100, 5, 1).frame.equals(made_checkins(40, 100, 5, 1).frame)
    found = ratios([Row("habits", 40, 16, 30, 100.0, 0.1), Row("sasrec", 40, 1, 4, 20.0, 1.0)])
    assert found == [{"ranker": "habits", "against": "sasrec", "pois": 40, "batch": 16, "ratio": 5.0}]


@pytest.mark.slow
def test_a_network_of_another_city_ranks_in_a_cold_one(tmp_path):
    """m2trec knows no place by its number; cml knows its own city's, and is not asked."""
    town, folder = growing_town(), tmp_path / "rankers"
    folder.mkdir()
    m2trec().save(folder), cml().save(folder)
    assert [method.name for method in carried_methods(["habits", "m2trec", "cml"], folder)] == ["m2trec"]

    def carried(_):
        return carried_methods(["m2trec"], folder)

    found = cold_city(town, home_of_rankers(), carried, tmp_path / "out", name="town", progress=quiet)
    assert {row["users"] for row in found[CITY]} == {6}
    with pytest.raises(GenRecError, match="not trained on the check-ins of --train"):
        cold_city(town, growing_town(), carried, tmp_path / "other", name="town", progress=quiet)
    assert cold_city(town, home_of_rankers(), lambda _: [], tmp_path / "none", name="town", progress=quiet) == {}


def test_networks_of_a_bench_need_no_training():
    asked = workload(40, 8, seed=0)
    found = untrained(asked, 0)
    assert [method.name for method in found] == ["m2trec", "cml", "coder"]
    for method in found:
        answers = list(method.rank(asked, range(8), 3))
        assert [len(answer.pois) for answer in answers if answer.failure is None] == [3] * 8


def test_a_cold_city_is_one_in_its_busiest_weeks():
    quiet_year = [("a", 0, at(day)) for day in range(0, 300, 10)]
    rush = [("b", day % 3, at(300 + day, hour)) for day in range(35) for hour in (8, 12)]
    found = _busiest(make([*quiet_year, *rush, ("a", 0, at(400))]), 35)
    assert found.frame["time"].to_list() == [*(time for _, _, time in rush), at(400)]
    short = make(rush[:6])
    assert _busiest(short, 35).frame.equals(short.frame)


def test_rankers_of_another_city_need_that_city(genrec_eval, tmp_path):
    path = csv_of(growing_town(), tmp_path / "town.csv")
    command = ["cold-start", path, "--method", "habits", "--train-rankers", tmp_path, "--out", tmp_path / "out"]
    failed(genrec_eval(*command), "--train-rankers goes with --train")
