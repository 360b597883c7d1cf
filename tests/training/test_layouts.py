"""Two processes train as one does, with whole weights or cut ones (FSDP2), and a run goes on in either layout."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from made_examples import conversation
from safetensors.torch import load_file

from genrec.errors import GenRecError
from genrec.jsonl import read as read_metrics
from genrec.llm.adapter import ANY, WEIGHTS
from genrec.llm.loading import load_model
from training import layouts, record
from training.recipe import Data, DpoRecipe, Lora, SftRecipe
from training.settings import load_trainable, trainer_config
from training.sft import train_sft

EXAMPLES = [conversation(i) for i in range(24)]
METHODS = ("full", "lora")
CUT = {"fsdp_config": {"version": 2}}


def recipe(model, method, *, processes=1, **trainer):
    settings = {
        "learning_rate": 1e-2,
        "num_train_epochs": 2.0,
        "per_device_train_batch_size": 8 // processes,
        "save_steps": 2.0,
        "train_sampling_strategy": "random",
    }
    return SftRecipe(
        kind="sft",
        model=str(model),
        method=method,
        lora=Lora(r=4),
        data=Data(checkins="x.csv"),
        trainer=settings | trainer,
    )


def train(asked, out, *, until=None, resume=False):
    """Train, to the end or until a step that no checkpoint has."""

    def stop(done, total):
        if done == until:
            raise KeyboardInterrupt

    try:
        train_sft(asked, load_trainable(asked), EXAMPLES, out, catalogue=ANY, resume=resume, training=stop)
    except KeyboardInterrupt:
        assert until
    return read_metrics(out / record.METRICS)


def in_two_processes(model, folder):
    """What each of the two does: a run with whole weights; it goes on with runs of one process, and begins others."""
    train(recipe(model, "lora", processes=2), folder / "lora-two")
    for method in METHODS:
        asked = recipe(model, method, processes=2, **CUT)
        train(asked, folder / f"{method}-one-then-two", resume=True)
        train(asked, folder / f"{method}-two-then-one", until=5)


@pytest.fixture(scope="module")
def folder(tiny_folder, tmp_path_factory):
    """Runs of one process, some of them in two for a while."""
    folder = tmp_path_factory.mktemp("layouts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENREC_HOME", str(tmp_path_factory.getbasetemp() / "home"))
        for method in METHODS:
            train(recipe(tiny_folder, method), folder / method)
            train(recipe(tiny_folder, method), folder / f"{method}-one-then-two", until=5)
        script = folder / "two.py"
        script.write_text(
            "from pathlib import Path\n"
            "import test_layouts as here\n"
            f"here.in_two_processes(Path({str(tiny_folder)!r}), Path({str(folder)!r}))\n"
        )
        root = Path(__file__).parents[2]
        command = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(script)]
        paths = os.pathsep.join(map(str, (root, root / "tests", Path(__file__).parent)))
        environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, *command], env=environment, check=False, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stderr
        for method in METHODS:
            train(recipe(tiny_folder, method, **CUT), folder / f"{method}-two-then-one", resume=True)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("changes", ["one-then-two", "two-then-one"])
def test_a_run_that_changes_its_layout_goes_on_as_if_it_had_not(folder, method, changes):
    last = folder / f"{method}-{changes}" / record.CHECKPOINTS / "checkpoint-6"
    assert (last / layouts.CUT_WEIGHTS).exists() == (changes == "one-then-two")
    whole, changed = (read_metrics(folder / run / record.METRICS) for run in (method, f"{method}-{changes}"))
    assert [line["step"] for line in changed] == [1, 2, 3, 4, 5, 6]
    for key in ("loss", "grad_norm", "learning_rate"):
        assert [line[key] for line in changed] == pytest.approx([line[key] for line in whole], rel=1e-3, abs=1e-5)
    if method == "full":
        models = [load_model(str(folder / run))[0] for run in (method, f"{method}-{changes}")]
        weights, others = ({name: weight for name, weight in model.state_dict().items()} for model in models)
    else:
        weights, others = (load_file(folder / run / WEIGHTS) for run in (method, f"{method}-{changes}"))
    assert weights.keys() == others.keys()
    for name, weight in weights.items():
        torch.testing.assert_close(others[name], weight, rtol=1e-2, atol=1e-4)


@pytest.mark.slow
def test_two_processes_have_the_loss_of_one(folder):
    alone, together = (read_metrics(folder / run / record.METRICS) for run in ("lora", "lora-two"))
    assert json.loads((folder / "lora-two" / record.RUN).read_text())["processes"] == 2
    for key in ("loss", "grad_norm"):
        assert [line[key] for line in together] == pytest.approx([line[key] for line in alone], abs=1e-4)


def test_another_number_of_examples_a_step_is_another_run(tiny_folder, tmp_path):
    record.begin(tmp_path, recipe(tiny_folder, "lora"), {"processes": 1})
    record.begin(tmp_path, recipe(tiny_folder, "lora", processes=2, **CUT), {"processes": 2})
    with pytest.raises(GenRecError, match="8 examples a step, and these would be 16"):
        record.begin(tmp_path, recipe(tiny_folder, "lora"), {"processes": 2})
    with pytest.raises(GenRecError, match="another recipe"):
        record.begin(tmp_path, recipe(tiny_folder, "lora", learning_rate=1.0), {"processes": 1})


def test_what_is_not_cut(tiny_folder, tmp_path, monkeypatch):
    asked = recipe(tiny_folder, "galore", optim="galore_adamw", **CUT)
    assert not trainer_config("sft", asked, tmp_path).fsdp, "one process has nothing to cut"
    monkeypatch.setenv("WORLD_SIZE", "2")
    for key, value, problem in (
        ("version", 1, "version 2"),
        ("state_dict_type", "SHARDED_STATE_DICT", "FULL_STATE_DICT"),
    ):
        with pytest.raises(GenRecError, match=problem):
            trainer_config("sft", recipe(tiny_folder, "full", fsdp_config={key: value}), tmp_path)
    with pytest.raises(GenRecError, match="GaLore projects whole matrices"):
        trainer_config("sft", asked, tmp_path)
    pairs = DpoRecipe(kind="dpo", preferences=Path("pairs.jsonl"), trainer=CUT)
    with pytest.raises(GenRecError, match="for sft"):
        trainer_config("dpo", pairs, tmp_path)
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(GenRecError, match=r"trainer\.fsdp_config of the recipe"):
        trainer_config("sft", recipe(tiny_folder, "full"), tmp_path)
