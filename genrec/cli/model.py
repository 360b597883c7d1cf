"""`genrec model`: which language model is in use, and how it runs here."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genrec.cli.console import out

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from genrec.llm.loading import ModelInfo

app = typer.Typer(help="The language model.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `info` a subcommand: Typer would make a group of one command into the command itself."""


@app.command()
def info(
    model: Annotated[str, typer.Option(help="'embedded', a model folder, or a Hugging Face id.")] = "embedded",
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Load the model and say what it is, how it runs here, and under which licence."""
    from genrec.llm.loading import load_model  # deferred: imports torch

    facts = _facts(*load_model(model, dtype=dtype))
    if as_json:
        out.print(json.dumps(facts, indent=2), markup=False)
        return
    for label, value in facts.items():
        shown = "unknown" if value is None else f"{value:,}" if isinstance(value, int) else value
        out.print(f"{label.replace('_', ' '):<16}{shown}", markup=False)


def _facts(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", info: "ModelInfo"
) -> dict[str, str | int | None]:
    return {
        "model": info.name,
        "path": info.path,
        "parameters": info.parameters,
        "dtype": info.dtype,
        "dtype_reason": info.dtype_reason,
        "device": info.device,
        "chat_template": _template_kind(str(tokenizer.chat_template)),
        "vocabulary": len(tokenizer),
        "context_length": model.config.get_text_config().max_position_embeddings,
        "licence": info.licence,
        "size_on_disk": _size(Path(info.path)),
        "torch": version("torch"),
        "transformers": version("transformers"),
    }


def _template_kind(template: str) -> str:
    """Say whose template it is, and whether training can find the assistant's words in it."""
    from genrec.llm.embedded import CHAT_TEMPLATE

    owner = "plain text, GenRec's own" if template == CHAT_TEMPLATE else "the model's own"
    return (
        f"{owner}, {'with' if '{% generation' in template or '{%- generation' in template else 'without'} answer marks"
    )


def _size(folder: Path) -> int | None:
    """Bytes of a model folder; None for a hub id, whose files lie in the hub's cache."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else None
