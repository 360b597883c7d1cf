"""A LoRA adapter and its base model as one model; two adapters, one on top of the other, as one adapter."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoConfig

from genrec.errors import GenRecError
from genrec.files import atomic_path, by_umask, room_for, write_text
from genrec.llm.adapter import CONFIG, WEIGHTS, Adapter, read_adapter, write_declaration
from genrec.llm.loading import load_model
from genrec.llm.lora import lora_rank, put_on
from genrec.llm.weights import held
from training.settings import Trainable


def merged(base: Trainable, adapter: Path) -> Trainable:
    """The model with an adapter in its weights, ready to be trained further; `base` is used up.

    Raises GenRecError if the adapter was made for another model.
    """
    read_adapter(adapter).require_base(base.info.name)
    model = put_on(base.model, adapter).merge_and_unload().eval()
    model.requires_grad_(requires_grad=True)  # as it was: PEFT freezes what it puts an adapter on
    return replace(base, model=model)


def merge(name: str, adapter: Path, out: Path) -> Adapter:
    """Write the merged model as a folder; returns what it is for, which the folder itself cannot say.

    Merged in float32 and rounded once, to the number format that the base model is stored in. Raises GenRecError if
    `out` is in the way, the model cannot be had, or the adapter was made for another one.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise GenRecError(f"--out {out}: exists already; name a new folder.")
    declared = read_adapter(adapter)
    declared.require_base(name)
    whole = merged(Trainable(*load_model(name, dtype="float32")), adapter)
    stored = AutoConfig.from_pretrained(whole.info.path).dtype
    out.parent.mkdir(parents=True, exist_ok=True)
    with room_for(out), tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        work = Path(folder) / "model"
        whole.model.to(stored or whole.model.dtype).save_pretrained(work)
        whole.tokenizer.save_pretrained(work)
        for path in work.iterdir():
            by_umask(path)
        if out.is_dir():
            out.rmdir()
        try:
            work.rename(out)
        except OSError as error:
            raise GenRecError(f"--out {out}: another process has made it meanwhile; name a new folder.") from error
    return declared


def compact(adapter: Path, out: Path) -> None:
    """Write an adapter in bfloat16, half as large, with what it is for; raises GenRecError if `adapter` is none."""
    declared = read_adapter(adapter)
    lora_rank(adapter)  # plain LoRA, or an error
    held([adapter / WEIGHTS])  # whole, or an error
    weights = {name: weight.to(torch.bfloat16) for name, weight in load_file(adapter / WEIGHTS).items()}
    with atomic_path(out / WEIGHTS) as path:
        save_file(weights, path, metadata={"format": "pt"})
    write_text(out / CONFIG, (adapter / CONFIG).read_text(encoding="utf-8"))
    write_declaration(out, declared)


def save_stacked(model: PeftModel, below: Path, out: Path) -> None:
    """Write as one adapter what the model's own does on top of the adapter in `below`, which its base has in it.

    W + s1 B1 A1 + s2 B2 A2 = W + [B1 B2] [s1 A1; s2 A2]: exact, and for the model that `below` was trained on. The
    rank is the sum of both.
    """
    model.load_adapter(below, adapter_name="below")
    # PEFT takes the new adapter's other settings from the first one.
    model.base_model.add_weighted_adapter(["default", "below"], [1.0, 1.0], "stacked", combination_type="cat")
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder, selected_adapters=["stacked"], save_embedding_layers=False)
        out.mkdir(parents=True, exist_ok=True)
        for name in (CONFIG, WEIGHTS):
            shutil.copy(Path(folder) / "stacked" / name, out / name)
    for name in ("below", "stacked"):
        model.delete_adapter(name)
