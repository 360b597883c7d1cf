"""The benchmark measures what it says; how fast anything is, no test asks."""

import json

import pytest
from conftest import command
from made_city import failed

from training import examples
from training.bench import BATCH, METHODS, TRAINERS, Run, comparisons, measure, ratios_table, runs_table, to_json


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
    for method in METHODS:
        for trainer in TRAINERS:
            scored.clear()
            found[method, trainer] = measure(str(tiny_folder), method, trainer, 3), sum(scored)
    return found


def test_the_trainers_take_the_same_steps_but_score_other_positions(measured):
    for method in METHODS:
        ours, positions = measured[method, "genrec"]
        stock, stock_positions = measured[method, "stock"]
        assert ours.losses == pytest.approx(stock.losses, abs=1e-4)
        assert (ours.tokens, ours.answers, ours.dtype) == (stock.tokens, stock.answers, stock.dtype)
        assert len(ours.losses) == 3
        assert len(ours.step_seconds) == 2, "the first step is a warm-up"
        assert ours.answers < positions < ours.tokens <= stock_positions + 3 * BATCH, "nothing foretells a first token"
        assert ours.losses[-1] != ours.losses[0]


def test_the_methods_train_other_weights(measured):
    assert measured["lora", "genrec"][0].losses[0] == pytest.approx(measured["full", "genrec"][0].losses[0], abs=1e-5)
    assert measured["lora", "genrec"][0].losses[-1] != measured["full", "genrec"][0].losses[-1]


def run(method, trainer, *, losses, step_seconds, peak_mb):
    return Run(method, trainer, "cpu", "float32", 100, 10, losses, step_seconds, peak_mb, threads=2, load=0.5)


RUNS = [
    run("lora", "genrec", losses=[2.0, 1.5], step_seconds=[1.0, 3.0], peak_mb={"cpu": 500}),
    run("lora", "stock", losses=[2.0, 1.25], step_seconds=[20.0, 20.0], peak_mb={"cpu": 1000}),
    run("full", "genrec", losses=[2.0, 1.5], step_seconds=[1.0, 1.0], peak_mb={"cpu": 500, "gpu": 300}),
    run("full", "stock", losses=[2.0, 1.5], step_seconds=[2.0, 2.0], peak_mb={"cpu": 500, "gpu": 400}),
]


def test_ratios():
    assert RUNS[0].samples_per_second == BATCH * 2 / 4.0
    lora, full = comparisons(RUNS)
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


@pytest.mark.slow
def test_the_command(tiny_folder, tmp_path, monkeypatch, capsys):
    from training.cli import main

    genrec_train = command("genrec-train", main, monkeypatch, capsys)
    out = tmp_path / "bench.json"
    code, printed, errors = genrec_train("bench", "--model", tiny_folder, "--quick", "--out", out)
    assert code == 0, errors
    assert "against the stock one" in printed
    report = json.loads(out.read_text())
    assert [(run["method"], run["trainer"]) for run in report["runs"]] == [
        ("lora", "genrec"), ("lora", "stock"), ("full", "genrec"), ("full", "stock"),
    ]  # fmt: skip
    assert all(run["peak_mb"]["cpu"] > 0 and len(run["step_seconds"]) == 1 for run in report["runs"])
    assert all(comparison["loss_difference"] <= 1e-4 for comparison in report["comparisons"])
    failed(genrec_train("bench", "--model", tmp_path / "none"), "none")
