"""What may stand under `trainer:`: the keys of TRL's configurations but for those that GenRec sets, in their types.

TRL's own configuration takes most numbers as they come; which of them can train anything is said here.
"""

import dataclasses
import math
import typing
import warnings
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from genrec.validation import shortened

_EVALUATION = "there is no evaluation while training; examine the result with genrec-eval"
_HERE = "nothing leaves this machine; upload the result by yourself"
_TOKENS = "GenRec tokenises by itself, exactly as in serving"
# Keys of TRL's that a recipe may not set, and why.
OWNED = {
    "output_dir": "name it with --out",
    "resume_from_checkpoint": "use --resume",
    "seed": "set `seed` of the recipe",
    "data_seed": "set `seed` of the recipe",
    "max_length": "set `max_length` of the recipe; longer examples are refused, not cut",
    "truncation_mode": "nothing is cut; data.budget shortens prompts",
    "use_cpu": "a GPU is used if there is one; hide it with CUDA_VISIBLE_DEVICES=",
    "trust_remote_code": "code that comes with a model is not run",
    "model_init_kwargs": "GenRec loads the model",
    "logging_strategy": "every step is logged",
    "logging_steps": "every step is logged",
    "fsdp": "set `fsdp_config` of the trainer, which holds where several processes are started",
    "save_only_model": "a checkpoint without the optimiser cannot be resumed",
    "restore_callback_states_from_checkpoint": "use --resume",
    "remove_unused_columns": _TOKENS,
    "eval_strategy": _EVALUATION,
    "load_best_model_at_end": _EVALUATION,
    "precompute_ref_log_probs": "GenRec computes and keeps them by itself",
    "push_to_hub": _HERE,
} | dict.fromkeys(
    (
        "dataset_kwargs",
        "dataset_text_field",
        "packing",
        "padding_free",
        "completion_only_loss",
        "assistant_only_loss",
        "chat_template_path",
        "eos_token",
        "pad_token",
    ),
    _TOKENS,
)

# Keys of GRPOConfig's own that a recipe may set: the others are of how answers come about, of long ones, and of what
# an earlier policy answered.
OF_GRPO = {"learning_rate", "num_generations", "beta"}
_DRAWN = "GenRec draws answers by itself, from the catalogue, and feedback rewards them"

# Zero of these trains nothing, or divides by it.
POSITIVE = {
    "adam_epsilon",
    "beta",
    "desirable_weight",
    "discopop_tau",
    "eval_accumulation_steps",
    "gradient_accumulation_steps",
    "learning_rate",
    "max_steps",
    "num_generations",
    "num_train_epochs",
    "pad_to_multiple_of",
    "per_device_eval_batch_size",
    "per_device_train_batch_size",
    "precompute_ref_batch_size",
    "ref_model_sync_steps",
    "save_steps",
    "save_total_limit",
    "torch_empty_cache_steps",
    "undesirable_weight",
}
BELOW_ONE = {"adam_beta1", "adam_beta2", "label_smoothing", "label_smoothing_factor"}
LARGEST = 2**31 - 1


def checked_trainer(kind: str, values: Mapping[Any, Any]) -> tuple[dict[str, Any], list[str]]:
    """The values in the types of TRL's fields, and what is wrong with them."""
    if not values:
        return {}, []
    config = config_class(kind)
    owned = dict.fromkeys(config.__annotations__.keys() - OF_GRPO, _DRAWN) | OWNED if kind == "grpo" else OWNED
    hints = typing.get_type_hints(config)
    defaults = {field.name: field.default for field in dataclasses.fields(config)}
    checked: dict[str, Any] = {}
    problems = []
    for key, value in values.items():
        if reason := owned.get(key) or (_HERE if str(key).startswith("hub_") else None):
            problems.append(shortened(f"trainer.{key}: not to be set here: {reason}"))
        elif key not in defaults:
            problems.append(shortened(f"trainer.{key}: {config.__name__} has no such key"))
        else:
            try:
                adapter = TypeAdapter(hints[key], config={"arbitrary_types_allowed": True})
                checked[key] = adapter.validate_python(value)
                problem = number_problem(key, checked[key], defaults[key])
            except ValidationError as error:
                problem = error.errors(include_url=False)[0]["msg"]
            if problem:
                problems.append(f"trainer.{key}: {problem}, not {shortened(repr(value))}")
    return checked, problems


def number_problem(key: str, value: object, default: object) -> str | None:
    """What is wrong with a value that is a number, or holds some; None if nothing is."""
    if isinstance(value, dict | list | tuple):
        inner = value.values() if isinstance(value, dict) else value
        return None if all(map(_finite, inner)) else "must hold finite numbers"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not _finite(value) or abs(value) > LARGEST:
        return "must be a finite number"
    if value < 0 and value != default:
        return "must not be below 0"
    if value == 0 and value != default and key in POSITIVE:
        return "must be above 0"
    return "must be below 1" if key in BELOW_ONE and value >= 1 else None


def _finite(value: object) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def config_class(kind: str) -> type[Any]:
    """TRL's configuration of a kind of training; takes seconds to import."""
    import trl  # deferred: loads torch, which most recipes do without

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        configs: dict[str, type[Any]] = {
            "sft": trl.SFTConfig,
            "dpo": trl.DPOConfig,
            "kto": trl.KTOConfig,
            "grpo": trl.GRPOConfig,
        }
    return configs[kind]
