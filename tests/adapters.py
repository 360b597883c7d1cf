"""Random LoRA adapters of the tiny model, as folders."""

from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from tiny import tiny_model

from genrec.llm.adapter import Adapter, write_declaration
from genrec.prompting import prompt_version
from genrec.rankers.ranking_prompt import RANKING


def random_adapter(
    folder: Path, seed: int, *, base: str = "tiny", catalogue: str = "any", prompt: str | None = None, **config: object
) -> Path:
    """An adapter whose weights are drawn at random, so that it changes what the model says."""
    settings = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj", "down_proj"], "task_type": "CAUSAL_LM"}
    model = get_peft_model(tiny_model().engine.model, LoraConfig(**settings | config))
    torch.manual_seed(seed)
    for name, weight in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.2)
    model.save_pretrained(folder)
    ranking_prompt = prompt or prompt_version(RANKING)
    write_declaration(folder, Adapter(base=base, catalogue=catalogue, ranking_prompt=ranking_prompt))
    return folder
