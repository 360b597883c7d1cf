"""A LoRA adapter and its base model as one model; two adapters, one on top of the other, as one adapter."""

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from genrec.adapter import CONFIG, WEIGHTS, Adapter, read_adapter, require_shapes
from genrec.errors import GenRecError

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def load_merged(
    name: str, adapter: Path | None, *, dtype: str = "auto"
) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase, Adapter | None]":
    """A model with an adapter, if any, merged into its weights; its tokenizer; what the adapter says of itself.

    `dtype` as of `genrec.llm.loading.load_model`. Raises GenRecError if the model cannot be had, or the adapter was
    made for another one.
    """
    from genrec.llm.loading import load_model  # deferred: loads torch

    declared = read_adapter(adapter) if adapter else None
    if declared:
        declared.require_base(name)
    model, tokenizer, _ = load_model(name, dtype=dtype)
    if adapter and declared:
        require_shapes(adapter, model)
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, adapter).merge_and_unload().eval()
    return model, tokenizer, declared


def merge(name: str, adapter: Path, out: Path) -> Adapter:
    """Write the merged model as a folder; returns what it is for, which the folder itself cannot say.

    Merged in float32 and rounded once, to the number format that the base model is stored in. Raises GenRecError if
    `out` is in the way, and as `load_merged`.
    """
    from transformers import AutoConfig

    from genrec.llm.loading import resolve_model

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise GenRecError(f"--out {out}: exists already; name a new folder.")
    declared = read_adapter(adapter)
    model, tokenizer, _ = load_merged(name, adapter, dtype="float32")
    stored = AutoConfig.from_pretrained(resolve_model(name)).dtype
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        work = Path(folder) / "model"
        model.to(stored or model.dtype).save_pretrained(work)
        tokenizer.save_pretrained(work)
        for path in work.iterdir():
            path.chmod(0o644)  # safetensors lets only the owner read
        if out.is_dir():
            out.rmdir()
        work.rename(out)
    return declared


def save_stacked(model: "PeftModel", below: Path, out: Path) -> None:
    """Write as one adapter what the model's own does on top of the adapter in `below`, which its base has in it.

    W + s1 B1 A1 + s2 B2 A2 = W + [B1 B2] [s1 A1; s2 A2]: exact, and for the model that `below` was trained on. The
    rank is the sum of both.
    """
    model.load_adapter(below, adapter_name="below")
    # PEFT takes the new adapter's other settings from the first one.
    model.base_model.add_weighted_adapter(["default", "below"], [1.0, 1.0], "stacked", combination_type="cat")
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder, selected_adapters=["stacked"])
        out.mkdir(parents=True, exist_ok=True)
        for name in (CONFIG, WEIGHTS):
            shutil.copy(Path(folder) / "stacked" / name, out / name)
    for name in ("below", "stacked"):
        model.delete_adapter(name)
