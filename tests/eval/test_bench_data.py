"""The bench of reading and counting does each task in each way, and says which way is not installed."""

from importlib.util import find_spec

import pytest
from rich.console import Console

from eval.bench import data
from eval.bench.data import Row, made_rankings, measured, ratios, rows_table
from eval.measures.metrics import score


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    return list(measured(1000, 100, tmp_path_factory.mktemp("bench"), 0))


@pytest.mark.slow
def test_every_task_is_done_in_every_way(rows):
    assert [(row.task, row.way) for row in rows] == [
        ("read plain CSV", "genrec"), ("read plain CSV", "pandas"),
        ("read quoted CSV", "genrec"), ("read quoted CSV", "pandas"),
        ("count", "genrec"), ("count", "pandas"), ("habits", "genrec"), ("habits", "pandas"),
        ("metrics", "genrec"), ("metrics", "ranx"), ("metrics", "rectools"), ("intervals", "genrec"),
    ]  # fmt: skip
    assert all(row.seconds for row in rows if row.way == "genrec")
    assert all((row.seconds is None) == (find_spec(row.way) is None) for row in rows if row.way != "genrec")


def test_a_way_that_is_not_installed_has_no_ratio():
    some = [Row("a", "genrec", 10, 9.0, 2.0), Row("a", "pandas", 10, 3.0, 3.0), Row("a", "other", 10, None, None)]
    assert ratios(some) == [{"task": "a", "against": "pandas", "ratio": 1.5}]
    console = Console(width=120)
    with console.capture() as shown:
        console.print(rows_table(some))
    assert "not installed" in shown.get()


def test_half_of_the_made_rankings_hold_their_target():
    scores = score(*made_rankings(400, 0))
    assert 0.4 < scores["acc@20"].mean() < 0.6
    assert scores["user_id"].n_unique() == 8


@pytest.mark.skipif(find_spec("pandas") is None, reason="pandas is not installed")
def test_pandas_counts_the_same(tmp_path):
    city = data.made_checkins(100, 1000, 10, 0)
    places, spread, steps = data._pandas_counts(city.frame.to_pandas())
    habits = data.all_habits(city)
    assert {(u, p): n for (u, p), n in places["size"].items()} == {
        (user, place.poi): place.visits for user, one in habits.items() for place in one.places
    }
    assert set(data._pandas_people(city.frame.to_pandas())) == set(habits)
    assert sum(spread[0]) == sum(spread[1]) == 1000
    assert {key: n for key, n in steps.items() if n > 1} == {
        (user, step.from_poi, step.to_poi): step.count for user, one in habits.items() for step in one.transitions
    }
    for quoted in (False, True):
        path = data.written(city, tmp_path / "in.csv", quoted=quoted)
        assert len(data._pandas_read(path)) == len(data.read_checkins(path).frame)
        assert (b'"' in path.read_bytes()) == quoted
