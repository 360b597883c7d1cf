"""From a model's name to a model in memory, and `genrec model info`."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny import tiny_tokenizer
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

from genrec.errors import GenRecError
from genrec.llm import embedded
from genrec.llm.loading import DTYPES, choose_dtype, load_model, resolve_model

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny model folder, complete."""
    tokenizer = tiny_tokenizer()
    sizes = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_attention_heads": 1,
        "num_key_value_heads": 1,
        "head_dim": 8,
    }
    config = Gemma3TextConfig(vocab_size=len(tokenizer), num_hidden_layers=1, max_position_embeddings=2048, **sizes)
    Gemma3ForCausalLM(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


def test_folder_resolves_to_itself(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_model(str(folder)) == str(folder)
    monkeypatch.setenv("HOME", str(folder.parent))
    assert resolve_model(f"~/{folder.name}") == str(folder)


def test_hub_id_stays_as_it_is() -> None:
    assert resolve_model("google/gemma-3-270m") == "google/gemma-3-270m"


@pytest.mark.parametrize("name", ["./none", "/none", "~/none", "a/b/c", "..\\none", __file__])
def test_no_such_folder(name: str) -> None:
    with pytest.raises(GenRecError, match=r"no such folder. Name a model folder, a Hugging Face id"):
        resolve_model(name)


def test_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(GenRecError, match=r"not a model folder \(it has no config.json\)"):
        resolve_model(str(tmp_path))


def test_cpu_computes_in_float32() -> None:
    assert choose_dtype("cpu")[0] == torch.float32


@pytest.mark.parametrize(("native", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_gpu_computes_in_bfloat16_if_it_can(monkeypatch: pytest.MonkeyPatch, native: bool, dtype: torch.dtype) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    assert choose_dtype("cuda")[0] == dtype


def test_loaded_model_is_ready(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()  # what making the folder printed
    model, tokenizer, info = load_model(str(folder), dtype="float32")
    assert not model.training
    assert (info.name, info.path, info.dtype, info.dtype_reason) == (str(folder), str(folder), "float32", "asked for")
    assert info.device == ("cuda:0" if torch.cuda.is_available() else "cpu")
    assert info.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert info.licence is None
    assert tokenizer.chat_template == embedded.CHAT_TEMPLATE
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("dtype", sorted(DTYPES))
def test_dtype_is_obeyed(folder: Path, dtype: str) -> None:
    model, _, info = load_model(str(folder), dtype=dtype)
    assert (model.dtype, info.dtype) == (DTYPES[dtype], dtype)


def test_unknown_dtype(folder: Path) -> None:
    with pytest.raises(GenRecError, match="--dtype int3: use auto, float32, bfloat16, float16"):
        load_model(str(folder), dtype="int3")


def test_no_chat_template(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(GenRecError, match=r"no chat template.*instruction-tuned.*chat_template.jinja"):
        load_model(str(folder))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_damaged_folder_is_one_line(folder: Path, name: str) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:-20])
    with pytest.raises(GenRecError) as caught:
        load_model(str(folder))
    assert str(caught.value).startswith(f"model {folder}: cannot be loaded: ")
    assert "\n" not in str(caught.value)


def test_pickled_weights_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(GenRecError, match="cannot be loaded"):
        load_model(str(folder))


def test_hub_out_of_reach(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(GenRecError, match="hub cannot be reached, and its cache here lacks the model"):
        load_model("genrec-tests/no-such-model")


def test_info_command(folder: Path, genrec: Command) -> None:
    code, out, _ = genrec("model", "info", "--model", folder, "--dtype", "float32", "--json")
    assert code == 0
    facts = json.loads(out)
    assert facts["path"] == str(folder)
    assert facts["context_length"] == 2048
    assert facts["size_on_disk"] == sum(path.stat().st_size for path in folder.iterdir())
    assert facts["chat_template"] == "plain text, GenRec's own, with answer marks"
    plain = genrec("model", "info", "--model", folder, "--dtype", "float32")[1]
    assert [line.split("  ")[0] for line in plain.splitlines()] == [key.replace("_", " ") for key in facts]


@pytest.mark.slow
def test_info_names_the_licence(embedded_folder: Path, genrec: Command) -> None:
    facts = json.loads(genrec("model", "info", "--json")[1])
    assert facts["path"] == str(embedded_folder)
    assert facts["licence"] == "Gemma Terms of Use, https://ai.google.dev/gemma/terms"
    assert (facts["parameters"], facts["vocabulary"]) == (268_098_176, 262_144)


def test_command_line_starts_without_torch() -> None:
    code = "import sys, genrec, genrec.cli; print({'torch', 'transformers'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
