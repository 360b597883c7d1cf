"""A model folder is used whole, as it is described and as numbers, or refused in one line."""

import json
import os
import shutil

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_model import change, refused
from safetensors.torch import load_file, save_file
from tiny import tiny_tokenizer
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from genrec.errors import GenRecError
from genrec.llm.decoding import Trie, top_k
from genrec.llm.loading import load_model, load_tokenizer
from genrec.llm.local import LocalModel
from genrec.llm.vllm.plan import plan
from genrec.llm.weights import all_finite

FUZZ = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck), database=None)
WEIGHTS, INDEX, CONFIG = "model.safetensors", "model.safetensors.index.json", "config.json"


@pytest.fixture
def folder(tiny_folder, tmp_path):
    """A copy of the tiny model, to be spoilt."""
    return shutil.copytree(tiny_folder, tmp_path / "model")


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    folder = tmp_path_factory.mktemp("llama")
    tokenizer = tiny_tokenizer()
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2, "num_hidden_layers": 2}
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def change_weights(folder, spoil):
    weights = load_file(folder / WEIGHTS)
    spoil(weights)
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


def sharded(folder):
    AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder, max_shard_size="100KB")
    (folder / WEIGHTS).unlink()
    return json.loads((folder / INDEX).read_text())


# --- tensors


def test_a_missing_tensor_is_named(folder):
    change_weights(folder, lambda weights: weights.pop("model.layers.1.mlp.up_proj.weight"))
    refused(folder, "tensors are missing: model.layers.1.mlp.up_proj.weight")


def test_an_unknown_tensor_is_named(folder):
    change_weights(folder, lambda weights: weights.update({"model.layers.7.mlp.up_proj.weight": torch.ones(2)}))
    refused(folder, "tensors are unknown: model.layers.7.mlp.up_proj.weight")


def test_a_tensor_of_another_shape_is_named(folder):
    change_weights(folder, lambda weights: weights.update({"model.norm.weight": torch.ones(31)}))
    refused(folder, "shapes differ: model.norm.weight (31,) instead of (32,)")


def test_tied_tensors_may_be_left_out(folder):
    assert "lm_head.weight" not in load_file(folder / WEIGHTS)
    load_model(str(folder))
    change(folder / CONFIG, tie_word_embeddings=False)
    refused(folder, "tensors are missing: lm_head.weight")


def test_tensors_that_an_architecture_ignores(llama, tmp_path):
    folder = shutil.copytree(llama, tmp_path / "old")
    change_weights(
        folder, lambda weights: weights.update({"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)})
    )
    load_model(str(folder))


@pytest.mark.parametrize(
    ("kind", "classes", "problem"),
    [
        ("qwen2", ["Qwen2ForCausalLM"], "tensors are missing: model.layers.0.self_attn.k_proj.bias"),
        ("gemma", ["LlamaForCausalLM"], "model_type is 'gemma', but the architecture is LlamaForCausalLM"),
        ("mistral", ["LlamaForCausalLM"], "model_type is 'mistral', but the architecture is LlamaForCausalLM"),
    ],
)
def test_relabelled(kind, classes, problem, llama, tmp_path):
    folder = shutil.copytree(llama, tmp_path / "relabelled")
    change(folder / CONFIG, model_type=kind, architectures=classes)
    refused(folder, problem)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_a_number_is_named(value, folder):
    change_weights(folder, lambda weights: weights["model.layers.2.mlp.down_proj.weight"][3].fill_(value))
    refused(folder, "tensor model.layers.2.mlp.down_proj.weight holds NaN or infinity")


def test_numbers_too_large_for_the_format_are_named(folder):
    change_weights(folder, lambda weights: weights["model.norm.weight"].fill_(1e6))
    load_model(str(folder), dtype="float32")
    with pytest.raises(GenRecError, match=r"model.norm.weight holds NaN or infinity, in torch.float16"):
        load_model(str(folder), dtype="float16")


def test_a_sum_that_overflows_is_no_fault():
    assert all_finite(torch.full((10,), 3e38))
    assert all_finite(torch.full((10,), 6e4, dtype=torch.float16))
    assert not all_finite(torch.tensor([float("inf"), float("-inf")]))


def test_weights_that_compute_what_is_not_a_number(folder):
    change_weights(folder, lambda weights: weights["model.embed_tokens.weight"].fill_(3e38))
    refused(folder, "what it computes is not a number")


def test_quantised_weights(folder):
    name = "model.layers.0.mlp.up_proj.weight"
    change_weights(folder, lambda weights: weights.update({name: weights[name].to(torch.float8_e4m3fn)}))
    refused(folder, name, "numbers of type F8_E4M3")


# --- files


def test_several_files(folder, tiny_folder):
    sharded(folder)
    ours, plain = (load_model(str(path))[0].state_dict() for path in (folder, tiny_folder))
    assert all(torch.equal(plain[name], weight) for name, weight in ours.items())


@pytest.mark.parametrize("name", ["../../outside.bin", "../outside.safetensors", "/etc/passwd", "weights.bin", "."])
def test_only_safetensors_of_the_folder(name, folder, tmp_path):
    torch.save({"x": torch.ones(1)}, tmp_path / "outside.bin")
    save_file({"x": torch.ones(1)}, tmp_path / "outside.safetensors")
    shutil.copy(tmp_path / "outside.bin", folder / "weights.bin")
    index = sharded(folder)
    index["weight_map"]["model.norm.weight"] = name
    (folder / INDEX).write_text(json.dumps(index))
    refused(folder, INDEX, f"names '{name}', which is not a safetensors file of its folder")
    with pytest.raises(GenRecError, match="not a safetensors file of its folder"):
        plan(str(folder), [], "127.0.0.1", 8000)


def test_an_index_that_names_what_is_not_there(folder):
    index = sharded(folder)
    change(folder / INDEX, weight_map=index["weight_map"] | {"model.x": index["weight_map"]["model.norm.weight"]})
    refused(folder, "names tensors that its files do not hold: model.x")
    change(folder / INDEX, weight_map=index["weight_map"] | {"model.x": "model-9.safetensors"})
    refused(folder, "model-9.safetensors: no such file")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weight_map": 3}', '{"metadata": {}, "weight_map": {"a": 1}}'])
def test_a_faulty_index(text, folder):
    sharded(folder)
    (folder / INDEX).write_text(text)
    refused(folder, INDEX, "faulty: ")


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG, "tokenizer.json"])
def test_links_that_lead_out(name, folder, tmp_path):
    (folder / name).rename(tmp_path / name)
    (folder / name).symlink_to(tmp_path / name)
    refused(folder, name, "a link that leads out of its folder")


@pytest.mark.parametrize("name", [WEIGHTS, "tokenizer.json", "generation_config.json", "chat_template.jinja"])
def test_pipes_are_not_read(name, folder):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    refused(folder, name, "not a regular file")


def test_a_folder_that_is_a_link(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    load_model(str(tmp_path / "link"))


def test_the_hubs_cache(tiny_folder, tmp_path, monkeypatch):
    """There, the files of a snapshot are links to blobs."""
    repository = tmp_path / "models--owner--tiny"
    snapshot = repository / "snapshots" / "abc"
    for part in (snapshot, repository / "blobs", repository / "refs"):
        part.mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc")
    for number, path in enumerate(tiny_folder.iterdir()):
        shutil.copy(path, repository / "blobs" / str(number))
        (snapshot / path.name).symlink_to(f"../../blobs/{number}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub._snapshot_download.constants.HF_HUB_CACHE", str(tmp_path))
    _, tokenizer, info = load_model("owner/tiny")
    assert (info.name, info.path) == ("owner/tiny", str(snapshot))
    assert load_tokenizer("owner/tiny").get_vocab() == tokenizer.get_vocab()
    load_model(str(snapshot))
    (tmp_path / "outside").write_bytes((snapshot / WEIGHTS).read_bytes())
    (snapshot / WEIGHTS).unlink()
    (snapshot / WEIGHTS).symlink_to("../../../outside")
    refused(snapshot, WEIGHTS, "a link that leads out of its folder")


def test_an_adapter_inside_a_models_folder(folder):
    (folder / "adapter_config.json").write_text("{}")
    refused(folder, "also holds an adapter")


# --- config.json


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "the weights are quantised"),
        ({"transformers_weights": "adapter_model.bin"}, "names another file of weights"),
        (
            {"model_type": "custom", "auto_map": {"AutoConfig": "code.Config"}},
            "code that comes with a model is not run",
        ),
        ({"model_type": "t5"}, "model_type is 't5', which is not a language model"),
        ({"model_type": None}, "model_type is None"),
        ({"max_position_embeddings": 10**12}, "max_position_embeddings is 1000000000000"),
        ({"max_position_embeddings": 0}, "max_position_embeddings is 0"),
        ({"max_position_embeddings": -5}, "max_position_embeddings is -5"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers is 1000000000, more than its files can hold"),
        ({"num_labels": 10**9}, "num_labels is 1000000000, more than its files can hold"),
        ({"vocab_size": 10**10}, "describes a model of"),
        ({"hidden_size": 10**6}, "describes a model of"),
        ({"hidden_size": 48}, "shapes differ: model.embed_tokens.weight"),
        ({"num_hidden_layers": 5, "layer_types": ["full_attention"] * 5}, "tensors are missing: model.layers.3."),
        ({"num_hidden_layers": 2, "layer_types": ["full_attention"] * 2}, "tensors are unknown: model.layers.2."),
        ({"hidden_activation": "dance"}, "does not describe a model that transformers can make"),
        ({"rms_norm_eps": float("nan")}, "config.json"),
    ],
)
def test_descriptions(values, problem, folder):
    change(folder / CONFIG, **values)
    refused(folder, problem)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00\xff", "[" * 100_000])
def test_garbled_description(text, folder):
    (folder / CONFIG).write_text(text)
    refused(folder, CONFIG, "faulty: ")


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([7, 64, 4096, 10**6, 10**9, 10**13, 2**63, 10**30]),
    st.floats(),
    st.sampled_from(["", "float16", "gelu", "eager", "x"]),
    st.lists(st.integers(-1, 3), max_size=3),
)


def test_a_window_of_no_token_is_refused(tiny_folder, tmp_path):
    shutil.copytree(tiny_folder, tmp_path / "model")
    change(tmp_path / "model" / CONFIG, sliding_window=0)
    with pytest.raises(GenRecError, match="sliding_window is 0, not a number of tokens from 1 on"):
        LocalModel.load(str(tmp_path / "model"))


@FUZZ
@given(data=st.data())
def test_any_description_loads_or_is_one_line(data, tiny_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz") / "model"
    shutil.copytree(tiny_folder, folder)
    described = json.loads((folder / CONFIG).read_text())
    key = data.draw(st.sampled_from([*sorted(described), "quantization_config", "num_labels", "rope_scaling"]))
    change(folder / CONFIG, **{key: data.draw(SCALARS)})
    ranks_or_is_refused(folder)


def ranks_or_is_refused(folder):
    try:
        model = LocalModel.load(str(folder))
        prompt = model.prompt_tokens([{"role": "user", "content": "Where to?"}])
        trie = Trie(model.answer_tokens([str(i) for i in range(12)]))
        [ranking] = top_k(model.read([prompt], [trie]), [trie], 3)
    except GenRecError as error:
        assert "\n" not in str(error)
    else:
        assert all(scored.logprob <= 0 for scored in ranking)


@FUZZ
@given(data=st.data())
def test_any_bytes_load_or_are_one_line(data, tiny_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz") / "model"
    shutil.copytree(tiny_folder, folder)
    path = folder / data.draw(st.sampled_from([WEIGHTS, WEIGHTS, "tokenizer.json", "tokenizer_config.json", CONFIG]))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        # The header of weights has some 3,000 bytes.
        content[data.draw(st.integers(0, min(len(content), 4000) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)) | st.just(len(content)))
    path.write_bytes(content[:cut])
    ranks_or_is_refused(folder)
