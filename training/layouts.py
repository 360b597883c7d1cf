"""Training on several devices with each weight cut in as many pieces (FSDP2), and on one again.

A checkpoint of one layout is put in the other's form when a run goes on with it. Weights, optimiser and schedule are
then the same numbers; dropout, which each process draws for itself, is not.
"""

from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import DistributedType
from peft import PeftModel, set_peft_model_state_dict
from safetensors.torch import load_file
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from transformers import Trainer, TrainingArguments

from genrec.files import atomic_path
from genrec.llm.adapter import WEIGHTS

CUT_WEIGHTS, CUT_OPTIMIZER = "pytorch_model_fsdp.bin", "optimizer.bin"  # FSDP's, gathered: whole, and by name
WHOLE_OPTIMIZER = "optimizer.pt"  # by number


def let_processors_cut(config: TrainingArguments) -> None:
    """Make `trainer.fsdp_config` hold on a CPU, too. Call it between the configuration and its trainer.

    Torch cuts weights there as it does on GPUs. Accelerate 1.15 asks which kind of device it is, and else trains
    whole copies, silently.
    """
    if config.fsdp and config.use_cpu:
        PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU


def gathered(trainer: Trainer) -> dict[str, torch.Tensor] | None:
    """The trained weights in one piece, in the first process; None if they are. All processes must ask."""
    if not trainer.is_fsdp_enabled:
        return None
    options = StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=True)
    weights: dict[str, Any] = get_model_state_dict(trainer.model, options=options)
    return weights


def fit(checkpoint: Path, trainer: Trainer) -> None:
    """Put a checkpoint in the layout of the trainer that goes on from it. All processes must ask."""
    if trainer.is_world_process_zero():
        cut = (checkpoint / CUT_WEIGHTS).exists()
        if cut and not trainer.is_fsdp_enabled:
            _make_whole(checkpoint)
        elif trainer.is_fsdp_enabled and not cut:
            _make_cut(checkpoint, trainer)
    trainer.accelerator.wait_for_everyone()


def _make_whole(checkpoint: Path) -> None:
    """From FSDP. Its checkpoints hold the weights in the usual form, too."""
    optimizer = torch.load(checkpoint / CUT_OPTIMIZER, weights_only=True)
    names = [name for group in optimizer["param_groups"] for name in group["params"]]
    _save(_renamed(optimizer, {name: number for number, name in enumerate(names)}), checkpoint / WHOLE_OPTIMIZER)
    for name in (CUT_OPTIMIZER, CUT_WEIGHTS):
        (checkpoint / name).unlink()


def _make_cut(checkpoint: Path, trainer: Trainer) -> None:
    """To FSDP. The names of the weights, and two of a tied one, are those of the trainer's model, still whole."""
    model = trainer.model
    trained = [name for name, weight in model.named_parameters() if weight.requires_grad]
    decaying = set(trainer.get_decay_parameter_names(model))
    names = sorted(trained, key=lambda name: name not in decaying)  # as the trainer numbers them
    optimizer = torch.load(checkpoint / WHOLE_OPTIMIZER, weights_only=True)
    _save(_renamed(optimizer, dict(enumerate(names))), checkpoint / CUT_OPTIMIZER)
    adapts = isinstance(model, PeftModel)
    if adapts:
        set_peft_model_state_dict(model, load_file(checkpoint / WEIGHTS))
    else:
        for path in checkpoint.glob("model*.safetensors"):
            model.load_state_dict(load_file(path), strict=False)
    weights = {name: weight for name, weight in model.state_dict().items() if not adapts or name in trained}
    _save(weights, checkpoint / CUT_WEIGHTS)
    (checkpoint / WHOLE_OPTIMIZER).unlink()


def _renamed(optimizer: dict[str, Any], names: dict[Any, Any]) -> dict[str, Any]:
    """An optimiser's state with its weights under other names."""
    return {
        "state": {names[old]: state for old, state in optimizer["state"].items()},
        "param_groups": [
            group | {"params": [names[old] for old in group["params"]]} for group in optimizer["param_groups"]
        ],
    }


def _save(content: dict[str, Any], path: Path) -> None:
    with atomic_path(path) as temporary:
        torch.save(content, temporary)
