"""The comparison of ways to tune: what is counted as state, what is foretold, and what follows from the figures."""

import json

import numpy as np
import pytest
import torch
from conftest import command
from made_city import failed

from genrec.errors import GenRecError
from training.bench.optimizers import run
from training.bench.optimizers.material import city_diaries
from training.bench.optimizers.measure import Row, measure, state_bytes
from training.bench.optimizers.report import behind, claims, mean_loss, shown, table, warnings
from training.bench.optimizers.variants import FULL, VARIANTS, Diaries, quick

BY_NAME = {variant.name: variant for variant in VARIANTS}
FLOAT = 4


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """A cache of the tests' own."""
    monkeypatch.setenv("GENREC_HOME", str(tmp_path_factory.getbasetemp() / "home"))


def row(part, variant, *, seed=0, rate=1e-3, state=1000, people=(), error=None):
    return Row(part=part, variant=variant, rate=rate, seed=seed, state_bytes=state, people=people, error=error)


def learned(variant, *losses, **settings):
    """A row of persons with ten visits each, and these mean losses."""
    return row("learned", variant, people=tuple((10, 5, 10 * loss) for loss in losses), **settings)


def test_projections_and_moments_are_counted_and_what_is_shared_once():
    from galore_torch import GaLoreAdamW

    weight, whole = (torch.nn.Parameter(torch.randn(8, 6)) for _ in range(2))
    optimizer = GaLoreAdamW(
        [
            {"params": [whole]},
            {"params": [weight], "rank": 2, "update_proj_gap": 200, "scale": 0.25, "proj_type": "std"},
        ],
        no_deprecation_warning=True,
    )
    weight.grad, whole.grad = torch.randn(8, 6), torch.randn(8, 6)
    optimizer.step()
    assert state_bytes(optimizer) == FLOAT * (2 * 8 * 6 + 2 * 8 * 2 + 2 * 6)
    layerwise = torch.optim.SGD([weight])
    layerwise.optimizer_dict = {weight: optimizer}
    assert state_bytes(layerwise) == state_bytes(optimizer)
    optimizer.state[whole]["exp_avg_sq"] = optimizer.state[whole]["exp_avg"]
    assert state_bytes(optimizer) == FLOAT * (8 * 6 + 2 * 8 * 2 + 2 * 6)


@pytest.mark.parametrize(
    ("gap", "verdict"), [(0.5, "confirmed"), (-0.5, "contradicted"), (0.0, "undecided"), (None, "undecided")]
)
def test_verdicts_follow_from_intervals(gap, verdict):
    noise = np.random.default_rng(0).normal(0, 0.3, size=(2, 3, 30))
    rows = [learned(FULL, *(2 + noise[0, seed]), seed=seed) for seed in range(3)]
    if gap is not None:
        rows += [learned("LoRA 16", *(2 + gap + noise[1, seed]), seed=seed) for seed in range(3)]
        found = behind(rows, "LoRA 16", FULL)
        assert found["low"] < found["mean"] < found["high"]
        assert found["mean"] == pytest.approx(gap, abs=0.1)
        assert found["seeds"] == 3
    verdicts = {claim["claim"]: claim["verdict"] for claim in claims(rows)}
    assert verdicts["LoRA 16 ends behind full rank"] == verdict
    assert verdicts["LoRA 128 ends behind full rank"] == "undecided"


def test_state_is_held_against_that_of_full_adamw():
    rows = [row("cost", FULL, state=1000), row("cost", "GaLore 256", state=300), row("cost", "LoRA 16", error="no GPU")]
    lines = {line["variant"]: line for line in table(rows)}
    assert lines["GaLore 256"]["less_state"] == 0.7
    assert lines["LoRA 16"]["error"] == "no GPU"
    assert [claim["verdict"] for claim in claims(rows)][:2] == ["confirmed", "undecided"]
    assert claims([*rows[:1], row("cost", "GaLore 256", state=400)])[0]["verdict"] == "contradicted"


def test_the_best_rate_is_that_of_validation_and_an_edge_is_told():
    lora = BY_NAME["LoRA 16"]
    rows = [
        row("rate", "LoRA 16", rate=rate, people=((10, 0, loss),))
        for rate, loss in zip(lora.rates, (30.0, 20.0, 25.0), strict=True)
    ]
    assert run.best_rate(rows, lora) == lora.rates[1]
    assert run.best_rate([*rows, row("rate", "LoRA 16", rate=1.0, error="diverged")], lora) == lora.rates[1]
    with pytest.raises(GenRecError, match="none of its learning rates"):
        run.best_rate(rows, BY_NAME["LoRA 128"])
    assert not warnings([learned("LoRA 16", 1.0, rate=lora.rates[1])])
    assert "at the end" in warnings([learned("LoRA 16", 1.0, rate=lora.rates[2])])[0]


@pytest.fixture(scope="module")
def diaries():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.data.cities.USERS", 12)
        made = city_diaries(quick("none"))
    return Diaries(made.train[:12], made.validation[:2], made.test[:2])


@pytest.mark.slow
def test_a_run_learns_and_a_way_that_lacks_a_gpu_says_so(tiny_folder, diaries, monkeypatch):
    given = {"model": str(tiny_folder), "rate": 1e-2, "seed": 0, "diaries": diaries}
    few = measure(BY_NAME[FULL], "learned", steps=2, **given)
    more = measure(BY_NAME[FULL], "learned", steps=6, **given)
    assert mean_loss(more) < mean_loss(few)
    visits = [sum(one.answers for one in person) for person in diaries.test]
    assert [person[0] for person in more.people] == visits
    layerwise = measure(BY_NAME["GaLore 128, layer-wise"], "rate", steps=2, **given)
    assert layerwise.state_bytes > 0, "the optimisers are behind one that does nothing"
    assert measure(BY_NAME["LoRA 16"], "cost", steps=2, **given).people == ()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    lacking = measure(BY_NAME["GaLore 128, 8-bit"], "cost", steps=2, **given)
    if not torch.backends.cuda.is_built():
        assert "CUDA" in lacking.error


@pytest.mark.slow
def test_a_killed_command_goes_on_and_other_settings_are_refused(tiny_folder, tmp_path, monkeypatch, capsys, diaries):
    from training.cli import main

    genrec_train = command("genrec-train", main, monkeypatch, capsys)
    out = tmp_path / "optimizers.json"
    done = []

    def counted(name, measured, *given, **named):
        done.append(name)
        if len(done) == 12:
            raise KeyboardInterrupt
        people = ((10, 5, 20.0), (10, 4, 30.0))
        return Row(part=given[1], variant=name, rate=named["rate"], seed=named["seed"], state_bytes=10, people=people)

    monkeypatch.setattr(run, "alone", counted)
    monkeypatch.setattr(run, "city_diaries", lambda settings: diaries)
    monkeypatch.setattr(run, "base_model", lambda settings, progress: tiny_folder)
    asked = ("bench", "--optimizers", "--quick", "--model", tiny_folder, "--out", out)
    assert genrec_train(*asked)[0] != 0
    assert len(json.loads(out.read_text())["rows"]) == 11
    code, printed, errors = genrec_train(*asked)
    assert code == 0, errors
    rates = sum(len(variant.rates) for variant in VARIANTS)
    report = json.loads(out.read_text())
    assert len(done) == 1 + 2 * len(VARIANTS) + rates, "what was there was not done again"
    assert len(report["table"]) == len(VARIANTS)
    assert {"GaLore 128 does not end behind full rank", "LoRA 128 ends behind full rank"} <= {
        claim["claim"] for claim in report["claims"]
    }
    assert "undecided" in printed
    assert shown([Row.model_validate(one) for one in report["rows"]], "tiny").row_count == len(VARIANTS)
    failed(genrec_train(*asked[:2], "--out", out), "made with other settings")
