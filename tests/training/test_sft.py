"""SFT on a tiny real model: the loss of the stock trainer, resumable, and a result that can be served."""

import json
import sys
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from adapters import random_adapter
from made_examples import conversation
from safetensors.torch import load_file

from genrec.errors import GenRecError
from genrec.jsonl import read as read_metrics
from genrec.llm.adapter import ANY, WEIGHTS, Adapter, read_adapter
from genrec.llm.connect import connect_scorer
from genrec.llm.loading import load_model
from training import record, stage
from training.recipe import Data, Lora, SftRecipe
from training.settings import load_trainable, trainer_config
from training.sft import train_sft

EXAMPLES = [conversation(i) for i in range(24)]
TRAINER = {"learning_rate": 1e-2, "num_train_epochs": 1.0, "per_device_train_batch_size": 8, "save_steps": 2.0}
RATES_AND_LOSS = ("step", "loss", "learning_rate")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """A cache of the tests' own."""
    monkeypatch.setenv("GENREC_HOME", str(tmp_path_factory.getbasetemp() / "home"))


@pytest.fixture
def recipe(tiny_folder):
    """A recipe of the tiny model; `trainer` adds to its settings."""

    def make(method="lora", dropout=0.0, **trainer):
        return SftRecipe(
            kind="sft",
            model=str(tiny_folder),
            method=method,
            lora=Lora(r=4, dropout=dropout),
            data=Data(checkins="x.csv"),
            trainer=TRAINER | trainer,
        )

    return make


def train(recipe, out, examples=EXAMPLES, **settings):
    """Train and give the metrics."""
    train_sft(recipe, load_trainable(recipe), examples, out, catalogue=ANY, **settings)
    return read_metrics(out / record.METRICS)


def losses(metrics):
    return [line["loss"] for line in metrics]


@pytest.fixture
def scored(monkeypatch):
    """How many positions the output layer is asked about, call by call."""
    from trl.trainer import utils

    rows = []

    class Spy:
        @staticmethod
        def apply(hidden, *rest):
            rows.append(len(hidden))
            return real.apply(hidden, *rest)

    real = utils._ChunkedLogProbFunction
    monkeypatch.setattr(utils, "_ChunkedLogProbFunction", Spy)
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lora", "full"])
def test_the_loss_is_that_of_the_stock_trainer_but_from_labelled_positions_only(
    recipe, tmp_path, monkeypatch, scored, method
):
    labelled = train(recipe(method), tmp_path / "labelled")
    tokens = json.loads((tmp_path / "labelled" / record.RUN).read_text())["data"]
    answers = [example.messages[i]["content"] for example in EXAMPLES for i in example.supervised]
    assert sum(scored) == sum(len(answer) + 1 for answer in answers)  # its digits and the line end
    scored.clear()
    monkeypatch.setattr(stage, "labelled_loss", nullcontext)
    stock = train(recipe(method), tmp_path / "stock")
    assert sum(scored) >= tokens["tokens"] - len(EXAMPLES)
    assert losses(labelled) == pytest.approx(losses(stock), abs=1e-5)
    assert losses(labelled)[-1] < losses(labelled)[0]


@pytest.mark.slow
def test_one_by_one_accumulated_is_as_all_at_once(recipe, tmp_path):
    at_once = train(recipe(), tmp_path / "8x1")
    one_by_one = train(recipe(per_device_train_batch_size=1, gradient_accumulation_steps=8), tmp_path / "1x8")
    assert len(at_once) == 3
    for key in ("loss", "grad_norm"):
        assert [line[key] for line in one_by_one] == pytest.approx([line[key] for line in at_once], abs=1e-4)


@pytest.mark.slow
def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(recipe, tmp_path):
    asked = recipe(dropout=0.2, per_device_train_batch_size=2, gradient_accumulation_steps=2, num_train_epochs=2.0)
    undisturbed = train(asked, tmp_path / "undisturbed")
    assert [line["step"] for line in undisturbed] == list(range(1, 13))

    def stop(done, total):
        if done == 8:  # the next checkpoint is not written yet
            raise KeyboardInterrupt

    out = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        train(asked, out, training=stop)
    (out / record.CHECKPOINTS / "checkpoint-8").mkdir()  # as a kill while saving leaves it
    assert [line["step"] for line in read_metrics(out / record.METRICS)] == list(range(1, 8))
    with pytest.raises(GenRecError, match="holds a training run already"):
        train(asked, out)
    assert train(asked, out, resume=True) == undisturbed
    assert [stretch["first_step"] for stretch in json.loads((out / record.TIMES).read_text())] == [6]
    with pytest.raises(GenRecError, match="a run of another recipe"):
        train(recipe(), out, resume=True)
    with pytest.raises(GenRecError, match="a run with other data"):
        train(asked, out, [replace(EXAMPLES[0], supervised=frozenset({2})), *EXAMPLES[1:]], resume=True)


@pytest.mark.slow
def test_the_adapter_is_served_with_what_it_is_for(recipe, tmp_path):
    asked = recipe()
    train(asked, tmp_path / "run")
    declared = read_adapter(tmp_path / "run")
    assert declared == Adapter(base=asked.model, catalogue=ANY, ranking_prompt=declared.ranking_prompt)
    assert json.loads((tmp_path / "run" / "adapter_config.json").read_text())["base_model_name_or_path"] == asked.model
    assert connect_scorer(asked.model, None, str(tmp_path / "run")).adapter == declared
    assert (tmp_path / "run" / record.LOSS).read_bytes().startswith(b"\x89PNG")
    assert record.versions().items() <= json.loads((tmp_path / "run" / record.RUN).read_text())["versions"].items()


@pytest.mark.slow
def test_an_adapter_learns_on(recipe, tmp_path):
    asked = recipe()
    first = train(asked, tmp_path / "first")
    second = train(asked.model_copy(update={"adapter": tmp_path / "first"}), tmp_path / "second")
    assert losses(second)[0] < losses(first)[0] - 0.1
    once, twice = (load_file(tmp_path / run / WEIGHTS) for run in ("first", "second"))
    assert {name: weight.shape for name, weight in once.items()} == {n: weight.shape for n, weight in twice.items()}
    assert read_adapter(tmp_path / "second") == read_adapter(tmp_path / "first")


def test_an_adapter_that_cannot_learn_on(recipe, tmp_path):
    asked = recipe()
    other = random_adapter(tmp_path / "other", 1, base="huge")
    with pytest.raises(GenRecError, match="trained on 'huge'"):
        train(asked.model_copy(update={"adapter": other}), tmp_path / "run")
    wide = random_adapter(tmp_path / "wide", 1, r=8)
    with pytest.raises(GenRecError, match="rank 8"):
        train(asked.model_copy(update={"adapter": wide}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_merged_weights_say_what_base_and_adapter_say(recipe, tmp_path):
    from peft import PeftModel

    asked = recipe()
    train(asked, tmp_path / "run")
    base, tokenizer, _ = load_model(asked.model)
    tokens = torch.tensor([tokenizer("The person goes to POI 12").input_ids])
    with torch.no_grad():
        plain = base(tokens).logits
        adapted = PeftModel.from_pretrained(base, tmp_path / "run").eval()
        apart = adapted(tokens).logits
        merged = adapted.merge_and_unload()(tokens).logits
    assert not torch.allclose(apart, plain, atol=1e-2)
    torch.testing.assert_close(merged, apart, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_a_fully_trained_model_is_a_model_folder(recipe, tmp_path):
    asked = recipe("full")
    train(asked, tmp_path / "run")
    before, _, _ = load_model(asked.model)
    after, tokenizer, _ = load_model(str(tmp_path / "run"))
    assert tokenizer.chat_template
    assert not torch.equal(before.get_input_embeddings().weight, after.get_input_embeddings().weight)


@pytest.mark.slow
def test_a_run_that_trains_nothing_is_an_error(recipe, tmp_path):
    with pytest.raises(GenRecError, match="changed no weight"):
        train(recipe(learning_rate=1e-60, optim="sgd"), tmp_path / "still")
    frozen = load_trainable(recipe("full"))
    frozen.model.requires_grad_(False)
    with pytest.raises(GenRecError, match="nothing would be trained"):
        train_sft(recipe("full"), frozen, EXAMPLES, tmp_path / "frozen", catalogue=ANY)


@pytest.mark.slow
def test_a_first_step_of_warm_up_may_change_nothing(recipe, tmp_path):
    metrics = train(recipe(warmup_steps=2.0), tmp_path / "run")
    assert metrics[0]["learning_rate"] == 0
    assert metrics[2]["learning_rate"] > 0


@pytest.mark.slow
def test_a_loss_that_is_no_number_stops_the_run(recipe, tmp_path):
    with pytest.raises(GenRecError, match="training has diverged"):
        train(recipe("full", learning_rate=1e30, max_grad_norm=0.0), tmp_path / "run")


def test_what_this_machine_cannot_do(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(GenRecError, match="needs a CUDA GPU"):
        train(recipe("qlora"), tmp_path / "q")
    monkeypatch.setitem(sys.modules, "galore_torch", None)
    monkeypatch.setattr("training.settings.find_spec", lambda name: None)
    with pytest.raises(GenRecError, match=r"galore_torch and bitsandbytes: pip install 'genrec\[galore\]'"):
        train(recipe("galore"), tmp_path / "g")
    monkeypatch.setattr("training.settings.find_spec", lambda name: name)
    with pytest.raises(GenRecError, match="GaLore run cannot be resumed"):
        train(recipe("galore"), tmp_path / "g", resume=True)


@pytest.mark.parametrize(
    ("trainer", "problem"),
    [
        ({"optim": "galore_adamw_layerwise"}, "no learning rate schedule"),
        (
            {"optim": "galore_adamw_layerwise", "lr_scheduler_type": "constant", "gradient_accumulation_steps": 2},
            "gradient_accumulation_steps: 1",
        ),
    ],
)
def test_limits_of_galore(recipe, tmp_path, trainer, problem):
    with pytest.raises(GenRecError, match=problem):
        trainer_config("sft", recipe("galore", **trainer), tmp_path)


def test_values_that_trl_refuses(recipe, tmp_path):
    with pytest.raises(GenRecError, match="trainer: "):
        trainer_config("sft", recipe(optim="no_such_optimiser"), tmp_path)


def test_processes_that_do_not_train_together_are_refused(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    with pytest.raises(GenRecError, match="use torchrun"):
        trainer_config("sft", recipe(), tmp_path)


def test_a_folder_of_something_else_is_left_alone(recipe, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(GenRecError, match="holds something else"):
        train(recipe(), tmp_path)
