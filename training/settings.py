"""What SFT and DPO share: the model as it is trained, and TRL's configuration for this machine."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import constants
from peft import LoraConfig, prepare_model_for_kbit_training
from transformers import (
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    TrainingArguments,
)

from genrec.errors import GenRecError
from genrec.llm.chat import count_tokens
from genrec.llm.loading import ModelInfo, load_model
from genrec.validation import shortened
from training.recipe import Recipe
from training.record import CHECKPOINTS
from training.trainer_keys import config_class


@dataclass(frozen=True, eq=False)
class Trainable:
    """A model to be trained, on its device, and its tokenizer."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    info: ModelInfo

    def count_tokens(self, text: str) -> int:
        """Length of a text in tokens, without special tokens."""
        return count_tokens(self.tokenizer, text)


def require_possible(recipe: Recipe) -> None:
    """Raise GenRecError if this machine lacks what the method needs, or if TRL refuses the recipe's `trainer`."""
    if recipe.method == "qlora" and not torch.cuda.is_available():
        raise GenRecError(
            "method qlora needs a CUDA GPU: the 4-bit weights are unpacked there. Without one, set method to lora."
        )
    needed = {"qlora": ["bitsandbytes"], "galore": ["galore_torch", "bitsandbytes"]}.get(recipe.method, [])
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise GenRecError(f"method {recipe.method} needs {' and '.join(missing)}: pip install 'genrec[galore]'")
    trainer_config(recipe.kind, recipe, Path())


def require_resumable(recipe: Recipe) -> None:
    """Raise GenRecError if a run of this method cannot be resumed."""
    if recipe.method == "galore":
        raise GenRecError("a GaLore run cannot be resumed: its optimiser does not save its projections")


def load_trainable(recipe: Recipe, *, base: str | None = None) -> Trainable:
    """Load the recipe's model, or another `base`, in the number format that its method trains in.

    LoRA puts float32 matrices on weights in the device's own format; all weights are trained in float32. Raises
    GenRecError if the model cannot be had, or if this machine lacks what the method needs.
    """
    require_possible(recipe)
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    name = base or recipe.model
    model, tokenizer, info = load_model(name, dtype="float32" if recipe.method in ("full", "galore") else "auto")
    if recipe.method == "qlora":
        model = _in_4_bit(info.path, cut=is_cut(recipe))
    if info.device == "cpu" and recipe.trainer.get("bf16"):
        model.set_attn_implementation("eager")  # torch's fused attention in bf16 costs a fifth of the speed on CPUs
    return Trainable(model, tokenizer, info)


def _in_4_bit(path: str, *, cut: bool) -> PreTrainedModel:
    """The model in NF4 with double quantisation (QLoRA, Dettmers et al., NeurIPS 2023), ready for LoRA."""
    quantisation = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
        bnb_4bit_quant_storage=torch.bfloat16 if cut else torch.uint8,  # FSDP cuts nothing but floats
    )
    model = AutoModelForCausalLM.from_pretrained(
        path,
        quantization_config=quantisation,
        device_map={"": torch.cuda.current_device()},
        trust_remote_code=False,
        use_safetensors=True,
    )
    prepared: PreTrainedModel = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    return prepared


def lora_config(recipe: Recipe) -> LoraConfig | None:
    """PEFT's configuration; None if the recipe trains the weights themselves."""
    if not recipe.adapts:
        return None
    modules = recipe.lora.target_modules
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=recipe.lora.r,
        lora_alpha=recipe.lora.alpha,
        lora_dropout=recipe.lora.dropout,
        target_modules=modules if isinstance(modules, str) else list(modules),
    )


def trainer_config(kind: str, recipe: Recipe, out: Path, own: Mapping[str, Any] | None = None) -> TrainingArguments:
    """TRL's configuration: GenRec's defaults for this machine, the recipe's `trainer`, and what GenRec sets itself.

    `own` adds to the last. Raises GenRecError if TRL refuses a value, or if processes were started that do not
    work together.
    """
    constants.HF_HUB_DISABLE_TELEMETRY = True  # TRL reports each run to the hub; a run here stays here
    cuda = torch.cuda.is_available()
    # Unset, TRL's bf16 and gradient_checkpointing are on, and a CPU computes in bf16 by emulation.
    _require_cuttable(recipe)
    cut = is_cut(recipe)
    bf16 = cuda and torch.cuda.is_bf16_supported(including_emulation=False) and not recipe.trainer.get("fp16")
    defaults: dict[str, Any] = {
        "bf16": bf16,
        "gradient_checkpointing": cuda and not cut,  # FSDP has its own: fsdp_config.activation_checkpointing
        "dataloader_pin_memory": cuda,
        "train_sampling_strategy": "group_by_length",
        "save_total_limit": 2,
        "disable_tqdm": True,
    }
    if recipe.method == "galore":
        defaults |= {"optim": "galore_adamw", "optim_target_modules": "all-linear"}
    fixed: dict[str, Any] = {
        "fsdp": cut,  # one process has nothing to cut
        "fsdp_config": recipe.trainer.get("fsdp_config") if cut else None,
        "output_dir": str(out / CHECKPOINTS),
        "use_cpu": not cuda,
        "seed": recipe.seed,
        **({} if kind == "grpo" else {"max_length": None}),  # lengths were checked; TRL would cut
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # it would write 0 for a loss that is no number
    }
    try:
        config = config_class(kind)(**defaults | recipe.trainer | fixed | dict(own or {}))
    except Exception as error:  # of whatever library a value goes to
        raise GenRecError(f"trainer: {shortened(str(error) or type(error).__name__)}") from error
    _require_optimiser_fits(recipe, config)
    _require_world_size(config)
    return config


def _require_optimiser_fits(recipe: Recipe, config: TrainingArguments) -> None:
    """Layer-wise GaLore steps while gradients are computed: the schedule does not reach it, nor do several batches."""
    if recipe.method == "galore" and config.optim.endswith("layerwise"):
        if config.lr_scheduler_type != "constant":
            raise GenRecError(
                "layer-wise GaLore has no learning rate schedule: set trainer.lr_scheduler_type to constant"
            )
        if config.gradient_accumulation_steps != 1 or config.world_size != 1:
            raise GenRecError("layer-wise GaLore needs gradient_accumulation_steps: 1 and one process")


def is_cut(recipe: Recipe) -> bool:
    """Whether each weight is cut in as many pieces as there are processes; one process has nothing to cut."""
    return "fsdp_config" in recipe.trainer and int(os.environ.get("WORLD_SIZE", "1")) > 1


def _require_cuttable(recipe: Recipe) -> None:
    """Raise GenRecError if weights are to be cut that must be whole, or in a way that layouts.py does not know."""
    if not is_cut(recipe):
        if os.environ.get("ACCELERATE_USE_FSDP") == "true":
            raise GenRecError("give FSDP's settings as trainer.fsdp_config of the recipe, not to `accelerate launch`")
        return
    if recipe.kind != "sft":
        raise GenRecError(f"trainer.fsdp_config is for sft: {recipe.kind} trains a whole copy on each device")
    if recipe.method == "galore":
        raise GenRecError("GaLore projects whole matrices: it does not go with trainer.fsdp_config")
    given = recipe.trainer["fsdp_config"]
    if not isinstance(given, dict):
        raise GenRecError("trainer.fsdp_config: write the settings themselves, as in {version: 2}")
    settings = {key.removeprefix("fsdp_"): value for key, value in given.items()}
    if settings.get("version", 2) != 2 or settings.get("state_dict_type", "FULL_STATE_DICT") != "FULL_STATE_DICT":
        raise GenRecError("trainer.fsdp_config: GenRec uses version 2 and state_dict_type FULL_STATE_DICT")


def _require_world_size(config: TrainingArguments) -> None:
    """Raise GenRecError unless as many processes train together as were started."""
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if config.world_size != started:
        raise GenRecError(f"{started} processes were started, but {config.world_size} train together; use torchrun")
    if "WORLD_SIZE" not in os.environ and "ACCELERATE_MIXED_PRECISION" in os.environ and config.use_cpu:
        raise GenRecError(
            "`accelerate launch` runs a single process on a CPU, however many were asked for: use torchrun."
        )
