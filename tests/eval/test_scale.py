"""What serving many people takes: it follows from figures, and each says where it is from."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_city import failed

from eval.cli.scale import changed
from eval.serving.scale import RESULTS, Demand, compared, defaults, needs
from genrec.errors import GenRecError

FIGURES = {name: figure.value for name, figure in defaults().items()}


def test_each_figure_says_where_it_is_from():
    for figure in defaults().values():
        assert figure.value > 0
        assert (figure.factor == 1) == (not figure.why)
        named = figure.source.partition(":")[0]
        assert not named.endswith(".json") or (RESULTS / named).is_file()


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 10**9), st.floats(0, 1), st.floats(0, 1))
def test_cost_grows_with_what_is_asked(people, one, other):
    less, more = (needs(Demand(people, 10, 1), FIGURES, share) for share in sorted((one, other)))
    for key in ("tokens", "gpu_hours", "cache_bytes", "cost", "cost_per_1000"):
        assert less[key] <= more[key]
    for key in ("rankings", "adapter_bytes", "storage_bytes"):
        assert less[key] == more[key]


def test_the_sums():
    figures = FIGURES | {
        "rankings": 2.0, "share": 0.25, "sessions": 0.5, "first_tokens": 100.0, "later_tokens": 20.0,
        "profile_tokens": 300.0, "profile_days": 10.0, "tokens_per_second": 1000.0, "price": 3.0,
    }  # fmt: skip
    found = compared(Demand(1000, 3, 2), figures)
    assert found["with the rule"]["asked"] == 500
    assert found["with the rule"]["tokens"] == 500 * 60 + 1000 * 30
    assert found["asked always"]["tokens"] == 2000 * 60 + 1000 * 30
    assert found["asked always"]["cost"] == pytest.approx(150 / 3600 * 3)
    assert found["asked always"]["cost_per_1000"] == pytest.approx(150 / 3600 * 3 / 2)
    assert found["asked always"]["adapter_bytes"] == 6 * figures["adapter_bytes"]


@pytest.mark.parametrize("setting", ["cost=1", "price", "price=x", "price=nan", "price=inf", "share=1.5", "rankings=0"])
def test_what_is_no_figure(setting):
    with pytest.raises(GenRecError, match="--set"):
        changed(defaults(), [setting])


def test_the_command(genrec_eval, tmp_path):
    out = tmp_path / "scale.json"
    code, printed, errors = genrec_eval("scale-sim", "--people", "1000", "--set", "price=4", "--out", out)
    assert code == 0, errors
    assert "asked always" in printed
    assert "…" not in printed
    assert all(f" {name} " in printed for name in FIGURES)
    told = json.loads(out.read_text())
    assert told["figures"]["price"] | {"about": ""} == {
        "about": "", "measured": 4.0, "source": "given", "factor": 1.0, "why": "", "value": 4.0,
    }  # fmt: skip
    assert told["needs"]["with the rule"]["cost"] < told["needs"]["asked always"]["cost"]
    failed(genrec_eval("scale-sim", "--set", "nothing=1"), "no figure")
