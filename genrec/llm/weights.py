"""Safetensors files of a folder: which they are, what they say they hold, and whether it is numbers.

A folder may come from anywhere. So only files inside it are read, only safetensors, and what they hold is known
before any of it is in memory.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import BaseModel, Field, ValidationError
from safetensors import SafetensorError, safe_open

from genrec.errors import GenRecError, InputError
from genrec.files import require_regular
from genrec.validation import first_problem

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
NAMED = 3  # tensors that a message names
TEXT_BYTES = 200_000_000  # of a file of text; the largest known, a tokenizer's, have some 35 MB


class _Index(BaseModel):
    """The file that says which of several files holds which tensor."""

    weight_map: dict[str, str] = Field(min_length=1)
    metadata: dict[str, object]  # transformers reads on only if it is there


@dataclass(frozen=True)
class Held:
    """A tensor in a file, as the file's header describes it."""

    shape: tuple[int, ...]
    dtype: str  # as safetensors writes it, such as F32


def require_inside(folder: Path, names: Iterable[str]) -> None:
    """Raise InputError unless these are regular files in the folder, none a link that leads out of it.

    In the hub's cache, the files of a snapshot are links to the blobs of the same model.
    """
    root = folder.resolve()
    in_hub_cache = root.parent.name == "snapshots" and root.parents[1].name.startswith("models--")
    roots = (root, root.parents[1] / "blobs") if in_hub_cache else (root,)
    for name in names:
        path = folder / name
        require_regular(path)
        if not any(path.resolve().is_relative_to(allowed) for allowed in roots):
            raise InputError("a link that leads out of its folder.", file=path, fix="Copy the file here.")
        if not name.endswith(".safetensors") and path.stat().st_size > TEXT_BYTES:
            raise InputError(f"larger than {TEXT_BYTES // 1_000_000} MB, so it cannot be what it is named.", file=path)


def weight_files(folder: Path) -> list[Path]:
    """The files with a model's weights; raises GenRecError if there are none, or one is not a file of the folder."""
    if (folder / WHOLE).exists():
        require_inside(folder, [WHOLE])
        return [folder / WHOLE]
    if not (folder / INDEX).exists():
        raise GenRecError(f"{folder}: has neither {WHOLE} nor {INDEX}; weights in other formats are not read.")
    require_inside(folder, [INDEX])
    try:
        index = _Index.model_validate_json((folder / INDEX).read_bytes())
    except ValidationError as error:
        raise InputError(f"faulty: {first_problem(error)}.", file=folder / INDEX) from None
    names = sorted(set(index.weight_map.values()))
    for name in names:
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise InputError(f"names {name!r}, which is not a safetensors file of its folder.", file=folder / INDEX)
    require_inside(folder, names)
    files = [folder / name for name in names]
    absent = index.weight_map.keys() - held(files).keys()
    if absent:
        raise InputError(f"names tensors that its files do not hold: {few(absent)}.", file=folder / INDEX)
    return files


def held(files: Iterable[Path]) -> dict[str, Held]:
    """What the files' headers say; raises GenRecError for a file that is damaged."""
    tensors = {}
    for path in files:
        try:
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118 - it is not a mapping
                    part = file.get_slice(name)
                    tensors[name] = Held(tuple(part.get_shape()), part.get_dtype())
        except (SafetensorError, OSError) as error:
            raise InputError(f"damaged ({one_line(error)}).", file=path) from None
    return tensors


def all_finite(tensor: torch.Tensor) -> bool:
    """Whether a tensor holds neither NaN nor infinity: 0.3 s for 1.1 GB on 2 cores, a fifth of what `isfinite` takes.

    A sum of numbers is a number, unless it overflows; only then does each have to be looked at.
    """
    total = tensor.sum(dtype=torch.float32) if tensor.is_floating_point() else tensor.new_zeros(())
    return bool(torch.isfinite(total)) or bool(torch.isfinite(tensor).all())


def few(names: Iterable[str]) -> str:
    """Some of the names, and how many more there are."""
    ordered = sorted(names)
    more = f" and {len(ordered) - NAMED:,} more" if len(ordered) > NAMED else ""
    return ", ".join(ordered[:NAMED]) + more


def one_line(error: BaseException, most: int = 300) -> str:
    """What another library says of an error, in one line of bounded length."""
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= most else words[:most] + " ..."
