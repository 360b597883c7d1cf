"""The benchmark measures what it says; how fast anything is, no test asks."""

import json
from dataclasses import replace
from itertools import product

import pytest
from conftest import command
from made_city import failed

from training.bench import measure as measuring
from training.bench.measure import BATCH, KINDS, METHODS, TRAINERS, Run, comparisons, measure
from training.bench.tables import ratios_table, runs_table, to_json
from training.data import examples

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """A cache of the tests' own."""
    monkeypatch.setenv("GENREC_HOME", str(tmp_path_factory.getbasetemp() / "home"))


@pytest.fixture(scope="module")
def scored():
    """Counts the positions that the output layer is asked about; gives the list that it fills."""
    from trl.trainer import utils

    rows = []

    class Spy:
        @staticmethod
        def apply(hidden, *rest):
            rows.append(len(hidden))
            return real.apply(hidden, *rest)

    real = utils._ChunkedLogProbFunction
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "_ChunkedLogProbFunction", Spy)
        yield rows


@pytest.fixture(scope="module")
def same_examples():
    """A city takes seconds to make: each run gets the examples of the first."""
    real, made = examples.training_examples, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(examples, "training_examples", lambda *a: made or made.extend(real(*a)) or made)
        yield


@pytest.fixture(scope="module")
def measured(tiny_folder, scored, same_examples):
    """Each run on the tiny model, in this process, with the positions it scored."""
    found = {}
    for variant in product(KINDS, METHODS, TRAINERS):
        scored.clear()
        found[variant] = measure(str(tiny_folder), *variant, 3), sum(scored)
    return found


def test_the_trainers_take_the_same_steps_but_score_other_positions(measured):
    for kind, method in product(KINDS, METHODS):
        ours, positions = measured[kind, method, "genrec"]
        stock, stock_positions = measured[kind, method, "stock"]
        assert ours.losses == pytest.approx(stock.losses, abs=1e-4)
        assert (ours.tokens, ours.answers, ours.dtype) == (stock.tokens, stock.answers, stock.dtype)
        assert len(ours.losses) == 3
        assert len(ours.step_seconds) == 2, "the first step is a warm-up"
        assert ours.answers < positions < ours.tokens <= stock_positions + 3 * BATCH, "nothing foretells a first token"
        assert ours.losses[-1] != ours.losses[0]


def test_the_methods_train_other_weights(measured):
    for kind in KINDS:
        lora, full = measured[kind, "lora", "genrec"][0].losses, measured[kind, "full", "genrec"][0].losses
        assert lora[0] == pytest.approx(full[0], abs=1e-5)
        assert lora[-1] != full[-1]


def test_only_the_time_for_a_reference_comes_before_training(measured):
    before = {variant for variant, (run, _) in measured.items() if run.reference_seconds}
    assert before == {("dpo", method, "genrec") for method in METHODS}


def run(kind, method, trainer, *, losses, step_seconds, peak_mb, reference_seconds=0.0):
    return Run(
        kind, method, trainer, "cpu", "float32", 100, 10, losses, step_seconds, reference_seconds, peak_mb, 2, load=0.5
    )


RUNS = [
    run("sft", "lora", "genrec", losses=[2.0, 1.5], step_seconds=[1.0, 3.0], peak_mb={"cpu": 500}),
    run("sft", "lora", "stock", losses=[2.0, 1.25], step_seconds=[20.0, 20.0], peak_mb={"cpu": 1000}),
    run("sft", "full", "genrec", losses=[2.0, 1.5], step_seconds=[1.0, 1.0], peak_mb={"cpu": 500, "gpu": 300}),
    run("sft", "full", "stock", losses=[2.0, 1.5], step_seconds=[2.0, 2.0], peak_mb={"cpu": 500, "gpu": 400}),
]
RUNS += [replace(one, kind="dpo", reference_seconds=6.0 * (one.trainer == "genrec")) for one in RUNS]


def test_ratios():
    assert RUNS[0].samples_per_second == BATCH * 2 / 4.0
    assert RUNS[4].samples_per_second == BATCH * 2 / (4.0 + 6.0), "two of two steps were timed"
    lora, full, dpo_lora, _ = comparisons(RUNS)
    assert (dpo_lora.kind, dpo_lora.method, dpo_lora.speedup) == ("dpo", "lora", 4.0)
    assert (lora.method, lora.speedup, lora.memory, lora.loss_difference) == ("lora", 10.0, 0.5, 0.25)
    assert (full.method, full.speedup, full.memory, full.loss_difference) == ("full", 2.0, 0.75, 0.0)


def test_all_is_told(capsys):
    from genrec.cli.console import Console

    console = Console(width=120)
    console.print(runs_table(RUNS), ratios_table(RUNS))
    printed = capsys.readouterr().out
    for part in ("1.000", "10.0", "0.50", "2.5e-01", ">= 8", "<= 0.0001", "1,000"):
        assert part in printed
    report = json.loads(json.dumps(to_json("tiny", RUNS)))
    assert report["runs"][0]["samples_per_second"] == RUNS[0].samples_per_second
    assert report["comparisons"][0]["loss_difference"] == 0.25
    assert report["machine"]["cores"] >= 1
    assert {"trl", "torch", "peft"} <= report["machine"]["versions"].keys()


def test_the_command(tiny_folder, tmp_path, monkeypatch, capsys):
    from training.cli import main

    genrec_train = command("genrec-train", main, monkeypatch, capsys)
    monkeypatch.setattr(measuring, "KINDS", ("dpo",))  # each run is a process of many seconds; above, all are measured
    monkeypatch.setattr(measuring, "METHODS", ("lora",))
    out = tmp_path / "bench.json"
    code, printed, errors = genrec_train("bench", "--model", tiny_folder, "--quick", "--out", out)
    assert code == 0, errors
    assert "against the stock one" in printed
    report = json.loads(out.read_text())
    told = [(run["kind"], run["method"], run["trainer"]) for run in report["runs"]]
    assert told == list(product(["dpo"], ["lora"], TRAINERS))
    assert all(run["peak_mb"]["cpu"] > 0 and len(run["step_seconds"]) == 1 for run in report["runs"])
    assert all(comparison["loss_difference"] <= 1e-4 for comparison in report["comparisons"])
    failed(genrec_train("bench", "--model", tmp_path / "none"), "none")
