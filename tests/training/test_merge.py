"""A merged model says what base and adapter say together; two adapters stacked say what they say one on the other."""

import json

import pytest
import torch
from adapters import random_adapter
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from genrec.errors import GenRecError
from genrec.llm.adapter import CONFIG, DECLARATION, WEIGHTS
from genrec.llm.loading import load_model
from genrec.llm.local import LocalModel
from genrec.llm.lora import lora_rank
from training.merge import compact, merge, merged, save_stacked
from training.settings import Trainable

TOKENS = torch.tensor([[1, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120]])


@torch.inference_mode()
def logits(model):
    return model.eval()(input_ids=TOKENS).logits


def base_of(folder, dtype=torch.float32):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)


def randomised(model, seed):
    torch.manual_seed(seed)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.2)
    return model


def test_merged_equals_unmerged(tiny_folder, tmp_path):
    adapter = random_adapter(tmp_path / "adapter", 3)
    declared = merge(str(tiny_folder), adapter, tmp_path / "merged")
    assert declared.base == "tiny"
    unmerged = logits(PeftModel.from_pretrained(base_of(tiny_folder), adapter))
    assert (unmerged - logits(base_of(tiny_folder))).abs().max() > 0.1
    whole = LocalModel.load(str(tmp_path / "merged"))
    assert torch.allclose(logits(whole.engine.model), unmerged, atol=1e-4)
    assert whole.tokenizer.chat_template == LocalModel.load(str(tiny_folder)).tokenizer.chat_template
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "merged").iterdir()} == {0o644}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_half_the_space(tiny_folder, tmp_path):
    adapter = random_adapter(tmp_path / "adapter", 3)
    compact(adapter, tmp_path / "small")
    assert sorted(path.name for path in (tmp_path / "small").iterdir()) == sorted((CONFIG, WEIGHTS, DECLARATION))
    large, small = (LocalModel.load(str(tiny_folder), folder) for folder in (adapter, tmp_path / "small"))
    assert small.adapter == large.adapter
    assert torch.allclose(logits(small.engine.model), logits(large.engine.model), atol=0.05)
    assert (tmp_path / "small" / WEIGHTS).stat().st_size < 0.6 * (adapter / WEIGHTS).stat().st_size


def test_the_number_format_stays(tiny_folder, tmp_path):
    """Merged in float32 and rounded once."""
    base_of(tiny_folder, torch.bfloat16).save_pretrained(tmp_path / "tiny")
    for path in tiny_folder.glob("tokenizer*"), tiny_folder.glob("chat_template*"):
        for file in path:
            (tmp_path / "tiny" / file.name).write_bytes(file.read_bytes())
    adapter = random_adapter(tmp_path / "adapter", 3)
    merge(str(tmp_path / "tiny"), adapter, tmp_path / "merged")
    assert AutoConfig.from_pretrained(tmp_path / "merged").dtype == torch.bfloat16
    exact = PeftModel.from_pretrained(base_of(tmp_path / "tiny"), adapter).merge_and_unload()
    found = dict(base_of(tmp_path / "merged", torch.bfloat16).named_parameters())
    for name, weight in exact.named_parameters():
        assert torch.equal(weight.bfloat16(), found[name]), name


def test_a_merged_model_can_be_trained(tiny_folder, tmp_path):
    whole = merged(Trainable(*load_model(str(tiny_folder))), random_adapter(tmp_path / "adapter", 3))
    assert all(weight.requires_grad for weight in whole.model.parameters())


@pytest.mark.parametrize("settings", [{}, {"use_rslora": True}, {"target_modules": ["o_proj", "up_proj"]}])
def test_stacked(settings, tiny_folder, tmp_path):
    """Other ranks, scales and layers than the adapter below has."""
    below = random_adapter(tmp_path / "below", 4, **settings)
    whole = merged(Trainable(*load_model(str(tiny_folder))), below)
    config = LoraConfig(r=2, lora_alpha=6, target_modules=["q_proj", "o_proj", "gate_proj"], task_type="CAUSAL_LM")
    top = randomised(get_peft_model(whole.model, config), 5)
    expected = logits(top)
    save_stacked(top, below, tmp_path / "both")
    assert torch.allclose(logits(top), expected), "the model itself stays as it is"
    assert top.active_adapters == ["default"]
    assert lora_rank(tmp_path / "both") == 4 + 2
    served = PeftModel.from_pretrained(base_of(tiny_folder), tmp_path / "both")
    assert torch.allclose(logits(served), expected, atol=1e-4)
    config = json.loads((tmp_path / "both" / CONFIG).read_text())
    assert config["inference_mode"] is True
    assert sorted(path.name for path in (tmp_path / "both").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]


def test_errors(tiny_folder, tmp_path):
    adapter = random_adapter(tmp_path / "adapter", 3)
    with pytest.raises(GenRecError, match="exists already"):
        merge(str(tiny_folder), adapter, adapter)
    with pytest.raises(GenRecError, match="was trained on 'huge'"):
        merge(str(tiny_folder), random_adapter(tmp_path / "huge", 3, base="huge"), tmp_path / "merged")
    with pytest.raises(GenRecError, match="not a LoRA adapter's folder"):
        merge(str(tiny_folder), tiny_folder, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
