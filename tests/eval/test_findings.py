"""What a run shows, against figures worked out by hand, and the verdict on its profiles."""

import polars as pl
import pytest
from made import at, make

from eval.report.findings import Run, _control_pairs, find, pairs
from eval.report.tables import p_value
from eval.report.verdict import verdicts
from eval.run import SCHEMA


def compared(*rows):
    return pl.DataFrame([{"a": "llm:full", "b": b, "difference": d, "low": d - 0.01, "high": d + 0.01, "p_holm": p}
                         for b, d, p in rows])  # fmt: skip


@pytest.mark.parametrize(
    ("swapped", "emptied", "used", "headline"),
    [
        ((0.05, 0.001), (0.04, 0.001), True, "The profile matters to llm:full."),
        ((0.05, 0.06), (0.04, 0.2), False, "The profile is not used by llm:full."),
        ((-0.05, 0.001), (0.0, 1.0), False, "The profile is not used by llm:full."),
        (
            (0.00, 1.0),
            (0.04, 0.001),
            False,
            "The user's own profile is not used by llm:full: another user's profile works",
        ),
        (
            (0.05, 0.001),
            (0.0, 1.0),
            False,
            "The profile does not help llm:full: an emptied profile works equally well.",
        ),
        ((0.05, 0.001), None, None, "A wrong profile harms llm:full; whether the right one helps was not tested."),
        (None, (0.05, 0.001), None, "A profile helps llm:full; whether it must be the user's own was not tested."),
        (None, (0.05, 0.3), False, "The profile is not used by llm:full."),
    ],
)
def test_verdict(swapped, emptied, used, headline):
    rows = [(f"llm:full-{name}", *row) for name, row in (("swapped", swapped), ("emptied", emptied)) if row]
    [verdict] = verdicts(compared(*rows), ["llm:full"])
    assert verdict.used is used
    assert verdict.headline.startswith(headline)
    assert len(verdict.reasons) == len(rows)


def test_reasons_give_the_change_and_its_interval():
    [verdict] = verdicts(compared(("llm:full-swapped", 0.05, 0.0012), ("llm:full-emptied", -0.002, 0.8)), ["llm:full"])
    assert [reason.replace("\N{MINUS SIGN}", "-") for reason in verdict.reasons] == [
        "With another user's profile, Acc@1 falls: -0.050 (95% interval -0.060 to -0.040, p = 0.0012).",
        "With an emptied profile, Acc@1 does not fall significantly: +0.002 (95% interval -0.008 to +0.012, p = 0.8).",
    ]


@pytest.mark.parametrize(
    ("methods", "headline"),
    [
        (["habits", "llm:none"], "No method of this run reads a profile."),
        (["llm:full", "llm:none"], "Whether the profile matters was not tested."),
        (["llm:full-swapped"], "Whether the profile matters was not tested."),
    ],
)
def test_without_controls_the_first_line_says_so(methods, headline):
    [verdict] = verdicts(pl.DataFrame(), methods)
    assert (verdict.used, verdict.headline) == (None, headline)


def test_figures_by_hand():
    """Two users with two examples each, at places a kilometre apart."""
    checkins = make([(user, poi, at(day)) for day in range(4) for user, poi in (("a", day % 2), ("b", 2))])
    numbers = {
        **{"example": range(4), "target": [0, 1, 2, 3], "history": [4] * 4, "user_trajectories": [4] * 4},
        **{"length": [2, 3, 2, 4], "last": [1] * 4},
    }
    examples = pl.DataFrame(numbers, schema=dict.fromkeys(numbers, pl.UInt32)).with_columns(
        user_id=pl.Series(list("aabb")),
        as_of=pl.lit(at(5)),
        time=pl.Series([at(day) for day in range(5, 9)]),
        repeat=pl.Series([True, True, True, False]),
        poi_seen=pl.Series([True, True, True, False]),
    )
    firsts = {"habits": ([0, 1, 0, 3], [None] * 4), "llm:full": ([0, 0, 2, None], [True, False, True, None])}
    rows = [
        (method, example, [] if first is None else [first, 7], [] if first is None else [0.5, 0.1], in_prompt,
         "too long" if first is None else None)
        for method, (pois, named) in firsts.items()
        for example, (first, in_prompt) in enumerate(zip(pois, named, strict=True))
    ]  # fmt: skip
    columns = ("method", "example", "pois", "probabilities", "in_prompt", "failure")
    rankings = pl.DataFrame(rows, schema={name: SCHEMA[name] for name in columns}, orient="row")
    found = find(Run({"methods": {"llm:full": {}, "habits": {}}, "train_rows": 8}, examples, rankings, checkins, {}))

    def of(frame, **keys):
        [row] = frame.filter(**keys).to_dicts()
        return row

    assert of(found.overall, method="habits", metric="acc@1")["value"] == 0.75
    assert of(found.overall, method="llm:full", metric="acc@1")["value"] == 0.5
    assert of(found.overall, method="llm:full", metric="distance_km")["value"] == 0  # of 0, 1 and 0 km
    assert found.failures.to_dicts() == [{"method": "llm:full", "failure": "too long", "n": 1}]
    assert of(found.comparisons, a="llm:full", b="habits")["difference"] == -0.25
    novel = of(found.slices, slicing="visit", group="novel", method="habits", metric="acc@1")
    named = of(found.slices, slicing="prompt", group="named", method="llm:full", metric="acc@1")
    assert [(row["n"], row["value"]) for row in (novel, named)] == [(1, 1), (2, 1)]
    part = of(found.slice_comparisons, slicing="visit", group="novel", metric="acc@1")
    assert (part["a"], part["b"], part["n"]) == ("llm:full", "habits", novel["n"])
    assert (
        part["difference"]
        == of(found.slices, slicing="visit", group="novel", method="llm:full", metric="acc@1")["value"] - novel["value"]
    )
    assert "prompt" not in found.slice_comparisons["slicing"]  # which is of the model alone
    shares = {(row["first_place"], row["method"]): (row["n"], row["value"]) for row in found.disagreement.to_dicts()}
    assert shares == {
        ("same", "llm:full"): (1, 1), ("same", "habits"): (1, 1),
        ("other", "llm:full"): (3, pytest.approx(1 / 3)), ("other", "habits"): (3, pytest.approx(2 / 3)),
    }  # fmt: skip
    assert of(found.distances, method="llm:full", share=1.0)["km"] == pytest.approx(1, rel=0.01)
    assert of(found.distances, method="llm:full", share=1.0)["n"] == 3
    ece = of(found.ece, method="habits")
    assert (ece["users"], ece["n"], ece["ece"]) == (2, 4, 0.25)  # said .5, right in .75
    assert 0 <= ece["low"] <= 0.25 <= ece["high"] <= 0.5


def test_who_is_compared_with_whom():
    methods = ["llm:none", "llm:full", "llm:full-swapped", "llm:full-notable", "llm:full-adapted", "llm:none-adapted"]
    assert pairs([*methods, "markov"]) == [
        ("llm:full", "llm:none"),
        ("llm:full-notable", "llm:full"),
        ("llm:full-adapted", "llm:none-adapted"),
        ("llm:full-adapted", "llm:full"),
        ("llm:none-adapted", "llm:none"),
    ]
    assert pairs(["habits", "markov", "llm:full-emptied"]) == [("markov", "habits")]
    parts = ["fusion", "fusion-without-own", "fusion-mixture"]
    assert pairs(parts) == [("fusion-without-own", "fusion"), ("fusion-mixture", "fusion")]
    assert pairs(parts[1:]) == []
    assert _control_pairs([*methods, "llm:full-swapped-adapted"]) == [
        ("llm:full", "llm:full-swapped"),
        ("llm:full-adapted", "llm:full-swapped-adapted"),
    ]


@pytest.mark.parametrize(
    ("p", "text"), [(None, "-"), (0.0004, "< 0.001"), (0.0012, "0.0012"), (0.0456, "0.046"), (1.0, "1")]
)
def test_p_values(p, text):
    assert p_value(p) == text
