import json
from math import inf

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.serving.loads import bursts, days, heavy_tails, log_normal, weibull
from eval.serving.replay import Auto, Fixed, Load, Replay
from genrec.llm.vllm.keep_alive import DAY, FEWEST, FEWEST_DAYS, Costs, KeepAlive, best_fixed

COSTS = Costs(wait=1.0, room=0.1)
seconds = st.floats(0.01, 1e4, allow_nan=False)


def load(times, adapters, start=2.0, end=None):
    return Load("made", np.array(times, float), np.array(adapters), np.full(len(times), start), end or times[-1])


@given(st.lists(seconds, min_size=1, max_size=20), seconds)
def test_the_best_keep_alive_is_that_of_all_that_could_be_tried(gaps, start):
    def cost(keep):
        return sum(COSTS.room * min(gap, keep) + COSTS.wait * start * (gap > keep) for gap in gaps)

    chosen = best_fixed(gaps, start, COSTS)
    assert cost(chosen) == pytest.approx(min(cost(keep) for keep in (0.0, *gaps)))


def test_until_gaps_are_known_room_is_paid_for_as_long_as_a_start_costs():
    kept = KeepAlive(COSTS)
    kept.used("a", 0.0)
    assert kept.seconds("a", start=3.0) == 30.0
    for gap in range(1, FEWEST + 1):
        kept.used("a", 5.0 * gap)
    assert kept.seconds("a", start=3.0) == 5.0
    assert kept.seconds("b", start=3.0) == 5.0  # of which nothing is known, but of the others


def test_an_hour_is_awaited_once_its_days_say_so():
    kept = KeepAlive(COSTS)
    for day in range(5):
        assert not kept.awaits("a", day * DAY + 8 * 3600, start=3.0) or day > FEWEST_DAYS
        kept.used("a", day * DAY + 8 * 3600 + 10)
    assert kept.awaits("a", 5 * DAY + 8 * 3600, start=3.0)
    assert not kept.awaits("a", 5 * DAY + 9 * 3600, start=3.0)
    assert not kept.awaits("b", 5 * DAY + 8 * 3600, start=3.0)


def test_what_never_and_always_come_to():
    asked = load([0, 10, 20], [0, 0, 0], end=30)
    never = Replay(asked, Fixed(0.0)).run()
    assert (never.cold, never.waited, never.idle) == (3, 6.0, 0.0)
    always = Replay(asked, Fixed(inf)).run()
    assert (always.cold, always.waited, always.idle) == (1, 2.0, 28.0)
    assert always.ratios == [pytest.approx(18 / 2)]


def test_who_asks_while_it_is_being_loaded_waits_for_the_rest_of_it():
    assert Replay(load([0, 1.5], [0, 0]), Fixed(0.0)).run().waited == 2.5


def test_without_room_another_one_goes():
    asked = load([0, 1, 2, 3, 4], [0, 0, 1, 2, 0], start=0.1)
    recent = Replay(asked, Fixed(inf), room=2, evict="lru").run()
    assert (recent.cold, recent.evicted) == (4, 2)
    frequent = Replay(asked, Fixed(inf), room=2, evict="lfu").run()
    assert (frequent.cold, frequent.evicted) == (3, 1)


@pytest.mark.slow
@pytest.mark.parametrize("make", [heavy_tails, days, bursts])
def test_what_is_learned_is_cheaper_than_never_and_always_and_near_the_best_fixed_time(make):
    made, costs = make(12, DAY, 0), Costs()
    learned = Replay(made, Auto(costs)).run().cost(costs)
    fixed = {keep: Replay(made, Fixed(keep)).run().cost(costs) for keep in (0.0, 30.0, 60.0, 120.0, 300.0, inf)}
    assert learned < min(fixed[0.0], fixed[inf])
    assert learned < 1.1 * min(fixed.values())


def test_distributions_have_the_moments_that_are_asked_for():
    shape, scale = weibull(1.25, 3.66)
    draw = np.random.default_rng(0)
    gaps = scale * draw.weibull(shape, 400_000)
    assert gaps.mean() == pytest.approx(1.25, rel=0.03)
    assert gaps.std() == pytest.approx(3.66, rel=0.05)
    starts = draw.lognormal(*log_normal(3.24, 7.10), 400_000)
    assert starts.mean() == pytest.approx(3.24, rel=0.03)


@pytest.mark.slow
def test_the_command_on_made_loads(genrec_eval, tmp_path):
    arguments = ("serving-sim", "--out", tmp_path / "out", "--adapters", 4, "--days", 0.1, "--seeds", 2, "--room", 2)
    code, out, err = genrec_eval(*arguments)
    assert code == 0, err
    rows = json.loads((tmp_path / "out" / "metrics.json").read_text())["rows"]
    assert {"never", "always", "auto", "auto, room for 2, lfu goes"} <= {row["policy"] for row in rows}
    assert "heavy tails" in out
    assert (tmp_path / "out" / "keep-alive.svg").exists()


@pytest.mark.slow
def test_the_command_on_requests_that_came(genrec_eval, tmp_path):
    log, starts = tmp_path / "log.csv", tmp_path / "starts.parquet"
    log.write_text("time,adapter\n2024-03-05T08:00:00,a\n2024-03-05T08:00:10,b\n2024-03-05T08:01:00,a\n")
    pl.DataFrame({"seconds": [2.0]}).write_parquet(starts)
    code, _, err = genrec_eval("serving-sim", "--out", tmp_path / "out", "--log", log, "--starts", starts)
    assert code == 0, err
    rows = {row["policy"]: row for row in json.loads((tmp_path / "out" / "metrics.json").read_text())["rows"]}
    assert rows["never"]["cost"] == 6.0
    assert rows["always"]["cold"] == pytest.approx(2 / 3, abs=1e-3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time,who\n1,a\n2,a\n", "adapter"),
        ("time,adapter\nnoon,a\n2,a\n", "row 2, column 'time'"),
        ("time,adapter\n1,a\n", "fewer than two"),
        ("time,adapter\n1,a\n2,\n", "row 3, column 'adapter'"),
        ("time,adapter\n-5,a\n1e300,b\n", "not milliseconds"),
        ("", "is not a CSV"),
    ],
)
def test_a_log_that_is_none(genrec_eval, tmp_path, text, said):
    log = tmp_path / "log.csv"
    log.write_text(text)
    code, _, err = genrec_eval("serving-sim", "--out", tmp_path / "out", "--log", log)
    assert code == 2
    assert said in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(("prices", "said"), [((0, 0), None), ((0, 1), None), ((1, 0), None), (("nan", 1), "--wait"),
                                              ((1, "inf"), "--idle")])  # fmt: skip
def test_what_costs_nothing(genrec_eval, tmp_path, prices, said):
    log = tmp_path / "log.csv"
    log.write_text("time,adapter\n1,a\n9,b\n70,a\n")
    words = ("--log", log, "--wait", prices[0], "--idle", prices[1])
    code, _, err = genrec_eval("serving-sim", "--out", tmp_path / "out", *words)
    assert (code, said is None or said in err) == (2 if said else 0, True)
