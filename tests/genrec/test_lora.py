"""Every tensor of an adapter's file is put on the model, or the adapter is refused in one line."""

import json
import os
import shutil

import pytest
import torch
from adapters import random_adapter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peft import PeftModel
from safetensors.torch import load_file, save_file
from tiny import tiny_model
from transformers import AutoModelForCausalLM

from genrec.errors import GenRecError
from genrec.llm.adapter import CONFIG, DECLARATION, SHIPPED, WEIGHTS, read_adapter
from genrec.llm.local import LocalModel
from genrec.llm.lora import OTHER_KINDS, put_on, read_description
from genrec.llm.vllm.plan import plan
from training.merge import compact, merge, merged
from training.settings import Trainable

FUZZ = settings(deadline=None, max_examples=80, suppress_health_check=list(HealthCheck), database=None)
TOKENS = torch.tensor([[1, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120]])


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return random_adapter(tmp_path_factory.mktemp("sound") / "adapter", 1)


@pytest.fixture
def adapter(sound, tmp_path):
    """A copy, to be spoilt."""
    return shutil.copytree(sound, tmp_path / "adapter")


def describe(folder, **values):
    path = folder / CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def change_weights(folder, spoil):
    weights = load_file(folder / WEIGHTS)
    spoil(weights)
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


def refused(folder, *words):
    with pytest.raises(GenRecError) as caught:
        put_on(tiny_model().engine.model, folder)
    message = str(caught.value)
    assert "\n" not in message
    for word in (str(folder), *words):
        assert word in message, message


@torch.inference_mode()
def logits(model):
    return model.eval()(input_ids=TOKENS).logits


def by_hand(folder):
    """The tiny model with B A alpha/r added to each layer that the file names."""
    model, weights = tiny_model().engine.model, load_file(folder / WEIGHTS)
    described = json.loads((folder / CONFIG).read_text())
    scale = described["lora_alpha"] / (described["r"] ** (0.5 if described["use_rslora"] else 1))
    for name, a in weights.items():
        if name.endswith(".lora_A.weight"):
            layer = model.get_submodule(name.removeprefix("base_model.model.").removesuffix(".lora_A.weight"))
            layer.weight.data += scale * weights[name.replace("lora_A", "lora_B")] @ a
    return model


ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@pytest.mark.parametrize(
    "config",
    [{}, {"use_rslora": True}, {"target_modules": "all-linear"}, {"target_modules": r".*\.(q|up)_proj"},
     {"target_modules": [f"model.layers.1.mlp.{name}" for name in ALL[4:]]}, {"task_type": None},
     {"init_lora_weights": "gaussian", "lora_dropout": 0.1}],
)  # fmt: skip
def test_what_is_applied_is_what_the_file_holds(config, tmp_path):
    folder = random_adapter(tmp_path / "adapter", 2, **config)
    adapted = put_on(tiny_model().engine.model, folder)
    assert torch.allclose(logits(adapted.merge_and_unload()), logits(by_hand(folder)), atol=1e-4)


def test_peft_itself_applies_the_same(sound):
    assert torch.equal(
        logits(put_on(tiny_model().engine.model, sound)),
        logits(PeftModel.from_pretrained(tiny_model().engine.model, sound)),
    )


def test_checkpoints_are_saved_without_asking_the_hub(adapter, tiny_folder, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("peft.utils.save_and_load.check_file_exists_on_hf_hub", lambda *name: asked.append(name))
    describe(adapter, base_model_name_or_path="embedded")
    put_on(AutoModelForCausalLM.from_pretrained(tiny_folder), adapter).save_pretrained(tmp_path / "checkpoint")
    assert not asked


def test_the_shipped_one_is_plain():
    assert read_description(SHIPPED).r == 16


# --- the file


LAYER = "base_model.model.model.layers.1.mlp.down_proj"


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda w: w.pop(f"{LAYER}.lora_B.weight"), "lacks the matrix B of model.layers.1.mlp.down_proj"),
        (lambda w: w.pop(f"{LAYER}.lora_A.weight"), "lacks the matrix A of model.layers.1.mlp.down_proj"),
        (lambda w: [w.pop(f"{LAYER}.lora_{part}.weight") for part in "AB"], "lacks the matrix A of model.layers.1.mlp"),
        (dict.clear, "lacks the matrix A of model.layers.0.mlp.down_proj, "),
        (
            lambda w: w.update({name.replace("layers.1", "layers.9"): t.clone() for name, t in w.items()}),
            "model.layers.9.mlp.down_proj.lora_A.weight has shape (4, 64), but it has no such linear layer",
        ),
        (
            lambda w: w.update({f"{LAYER[:-9]}up_proj.lora_A.weight": torch.ones(4, 32)}),
            "leaves out layers that adapter_model.safetensors has weights for: model.layers.1.mlp.up_proj",
        ),
        (lambda w: w.update({f"{LAYER}.lora_magnitude_vector": torch.ones(32)}), "is not a matrix of plain LoRA"),
        (lambda w: w.update({"model.norm.weight": torch.ones(32)}), "tensor model.norm.weight is not a matrix of"),
        (lambda w: w.update({f"{LAYER}.lora_A.weight": torch.ones(3, 64)}), "has shape (3, 64)"),
        (lambda w: w.update({f"{LAYER}.lora_A.weight": torch.ones(4, 64).int()}), "holds numbers of type I32"),
        (lambda w: w[f"{LAYER}.lora_B.weight"][2].fill_(float("nan")), f"{LAYER}.lora_B.weight holds NaN or infinity"),
        (lambda w: w[f"{LAYER}.lora_A.weight"][2].fill_(float("-inf")), f"{LAYER}.lora_A.weight holds NaN or infinity"),
    ],
)
def test_files_that_cannot_be_applied_whole(spoil, problem, adapter, tiny_folder, tmp_path):
    change_weights(adapter, spoil)
    refused(adapter, problem)
    for use in (
        lambda: LocalModel.load(str(tiny_folder), adapter),
        lambda: plan(str(tiny_folder), [adapter], "::1", 1),
        lambda: merge(str(tiny_folder), adapter, tmp_path / "merged"),
    ):
        with pytest.raises(GenRecError):
            use()
    assert not (tmp_path / "merged").exists()


def test_links_that_lead_out(adapter, tmp_path):
    (adapter / WEIGHTS).rename(tmp_path / "outside")
    (adapter / WEIGHTS).symlink_to(tmp_path / "outside")
    refused(adapter, "a link that leads out of its folder")


def test_the_output_layer_shared_with_the_embedding(tmp_path):
    folder = random_adapter(tmp_path / "adapter", 2, target_modules=["lm_head"])
    refused(folder, "lm_head.base_layer.weight is not a matrix of plain LoRA")
    change_weights(folder, lambda w: w.pop("base_model.model.lm_head.base_layer.weight"))
    refused(folder, "shares with its embedding")


def test_a_declaration_that_is_a_pipe(adapter):
    (adapter / DECLARATION).unlink()
    os.mkfifo(adapter / DECLARATION)
    with pytest.raises(GenRecError, match=r"genrec.json: not a regular file"):
        read_adapter(adapter)


def test_a_damaged_adapter_is_not_made_compact(adapter, tmp_path):
    (adapter / WEIGHTS).write_bytes(b"\0" * 100)
    with pytest.raises(GenRecError, match=r"adapter_model.safetensors: damaged"):
        compact(adapter, tmp_path / "small")
    assert not (tmp_path / "small").exists()


# --- the description


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"lora_alpha": float("nan")}, "lora_alpha: "),
        ({"lora_alpha": float("inf")}, "lora_alpha: "),
        ({"lora_alpha": 0}, "lora_alpha: "),
        ({"lora_alpha": -8}, "lora_alpha: "),
        ({"lora_alpha": "8"}, "lora_alpha: "),
        ({"r": 0}, "r: "),
        ({"r": True}, "r: "),
        ({"r": 8}, "made for another base model or rank"),
        ({"task_type": "SEQ_CLS"}, "task_type: "),
        ({"bias": "all"}, "bias: "),
        ({"init_lora_weights": "pissa"}, "init_lora_weights"),
        ({"rank_pattern": {"q_proj": 2}}, "rank_pattern must be off"),
        ({"alpha_pattern": {"q_proj": 2}}, "alpha_pattern must be off"),
        ({"layers_to_transform": [0]}, "layers_to_transform must be off"),
        ({"layers_to_transform": 0}, "layers_to_transform must be off"),
        ({"exclude_modules": ["down_proj"]}, "exclude_modules must be off"),
        ({"fan_in_fan_out": True}, "fan_in_fan_out must be off"),
        ({"layer_replication": [[0, 2]]}, "layer_replication must be off"),
        ({"a_new_setting": None}, "a_new_setting is not a setting of PEFT that GenRec knows"),
        ({"target_modules": ["q_proj", "v_proj"]}, "leaves out layers that adapter_model.safetensors has weights for"),
        ({"target_modules": ["q_proj", "v_proj", "down_proj", "o_proj"]}, "lacks the matrix A of model.layers.0.self"),
        ({"target_modules": ["nothing"]}, "leaves out layers"),
        ({"target_modules": []}, "target_modules"),
        ({"target_modules": None}, "target_modules"),
        ({"target_modules": "all-linear"}, "lacks the matrix A of"),
        ({"target_modules": "(q_proj"}, "target_modules is not a usable pattern"),
        ({"target_modules": "(?au)q_proj"}, "target_modules is not a usable pattern"),
        ({"target_modules": "a{99999999}"}, "not a usable pattern: it repeats too much"),
        ({"target_modules": "((((a{1,99}){99}){99,}){99})"}, "not a usable pattern: "),
        ({"target_modules": r"(?:(.)|(..)|(...))+(?:\1\2\3)[^a-z]"}, "target_modules is not a usable pattern"),
    ],
)
def test_descriptions_of_something_else(values, problem, adapter):
    describe(adapter, **values)
    refused(adapter, problem)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00", "[" * 100_000])
def test_garbled_descriptions(text, adapter):
    (adapter / CONFIG).write_text(text)
    refused(adapter, "only plain LoRA can be used")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.floats() | st.text(max_size=4) | st.sampled_from(ALL),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.slow
@FUZZ
@given(data=st.data())
def test_any_description_is_applied_whole_or_refused(data, sound, tmp_path_factory):
    folder = shutil.copytree(sound, tmp_path_factory.mktemp("fuzz") / "adapter")
    known = sorted(json.loads((folder / CONFIG).read_text()))
    for key in data.draw(
        st.lists(st.sampled_from([*known, *sorted(OTHER_KINDS)]) | st.text(max_size=5), min_size=1, max_size=2)
    ):
        describe(folder, **{key: data.draw(VALUES)})
    applied_whole_or_refused(folder)


@pytest.mark.slow
@FUZZ
@given(data=st.data())
def test_any_bytes_are_applied_whole_or_refused(data, sound, tmp_path_factory):
    folder = shutil.copytree(sound, tmp_path_factory.mktemp("fuzz") / "adapter")
    content = bytearray((folder / WEIGHTS).read_bytes())
    header = int.from_bytes(content[:8], "little")
    for _ in range(data.draw(st.integers(1, 3))):
        place = st.integers(0, header + 7) | st.integers(0, len(content) - 1)
        content[data.draw(place)] = data.draw(st.integers(0, 255))
    (folder / WEIGHTS).write_bytes(content[: data.draw(st.just(len(content)) | st.integers(0, len(content)))])
    applied_whole_or_refused(folder)


def applied_whole_or_refused(folder):
    try:
        adapted = put_on(tiny_model().engine.model, folder)
    except GenRecError as error:
        assert "\n" not in str(error)
    else:
        expected, found = logits(by_hand(folder)), logits(adapted.merge_and_unload())
        # Flipped bits may be huge numbers: then both overflow.
        assert not expected.isfinite().all() or torch.allclose(found, expected, rtol=1e-3, atol=1e-3)


# --- training goes on from one


def test_a_merged_model_and_one_to_learn_on_check_it_too(adapter, tiny_folder):
    from genrec.llm.loading import load_model
    from training.sft import continued

    trainable = Trainable(*load_model(str(tiny_folder)))
    change_weights(adapter, lambda w: w.pop(f"{LAYER}.lora_B.weight"))
    for use in (merged, continued):
        with pytest.raises(GenRecError, match="lacks the matrix B"):
            use(trainable, adapter)
