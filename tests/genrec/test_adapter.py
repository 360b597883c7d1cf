"""An adapter is used only with the model, catalogue and prompt that it was made for."""

import json

import pytest
from adapters import random_adapter
from made import at
from made_city import town, written
from tiny import tiny_model

from genrec.errors import GenRecError
from genrec.llm.adapter import SHIPPED, WRITER, read_adapter
from genrec.llm.connect import shipped_adapter
from genrec.llm.local import LocalModel
from genrec.llm.lora import lora_rank
from genrec.llm.vllm.plan import plan
from genrec.prepared import catalogue_hash
from genrec.profiles.portrait.plan import PORTRAIT
from genrec.prompting import prompt_version
from genrec.rankers.llm import LlmRanker, ProfileQuery
from genrec.rankers.ranking_prompt import RANKING


@pytest.fixture(scope="module")
def checkins():
    return town()


@pytest.fixture
def adapter(tmp_path):
    return lambda **settings: random_adapter(tmp_path / "adapter", 1, **settings)


def test_an_adapter_changes_the_ranking_and_a_merged_one_is_exact(adapter, tiny_folder, checkins):
    asked = [ProfileQuery(written(checkins, as_of=at(10)), at(10, 9))]
    [plain] = LlmRanker(tiny_model(), checkins).rank(asked)
    folder = adapter(catalogue=catalogue_hash(checkins.pois))
    [tuned] = LlmRanker(LocalModel.load(str(tiny_folder), folder), checkins).rank(asked)
    assert tuned.probabilities != pytest.approx(plain.probabilities, rel=0.01)

    from peft import PeftModel

    unmerged = LocalModel(
        PeftModel.from_pretrained(tiny_model().engine.model, folder).eval(), tiny_model().tokenizer, "x"
    )
    [expected] = LlmRanker(unmerged, checkins).rank(asked)
    assert tuned.pois == expected.pois
    assert tuned.probabilities == pytest.approx(expected.probabilities, rel=1e-3)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"catalogue": "0123456789abcdef"}, "trained for another catalogue of POIs"),
        ({"prompt": "0123456789ab"}, "trained with another ranking prompt"),
        ({"base": "other"}, "was trained on 'other', not on"),
    ],
)
def test_made_for_something_else(settings, reason, adapter, tiny_folder, checkins):
    folder = adapter(**settings)
    with pytest.raises(GenRecError, match=reason):
        LlmRanker(LocalModel.load(str(tiny_folder), folder), checkins)


def test_made_for_another_shape(adapter, tiny_folder, monkeypatch):
    from adapters import tiny_model as made_by
    from transformers import Gemma3ForCausalLM

    small = made_by()
    config = small.engine.model.config
    config.intermediate_size = 48
    small.engine.model = Gemma3ForCausalLM(config)
    monkeypatch.setattr("adapters.tiny_model", lambda: small)
    folder = adapter()
    for use in (lambda: LocalModel.load(str(tiny_folder), folder), lambda: plan(str(tiny_folder), [folder], "::1", 1)):
        with pytest.raises(GenRecError, match=r"made for another base model .*down_proj.* there it would be \(4, 64\)"):
            use()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda folder: (folder / "adapter_model.safetensors").unlink(), "not a LoRA adapter's folder"),
        (lambda folder: (folder / "adapter_config.json").unlink(), "has no adapter_config.json"),
        (lambda folder: (folder / "genrec.json").unlink(), "has no genrec.json, which says"),
        (lambda folder: (folder / "genrec.json").write_text('{"base": "tiny"}'), "genrec.json is faulty: catalogue"),
        (lambda folder: (folder / "genrec.json").write_text("what"), "genrec.json is faulty"),
    ],
)
def test_no_adapter(spoil, reason, adapter):
    folder = adapter()
    spoil(folder)
    with pytest.raises(GenRecError, match=reason):
        read_adapter(folder)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"use_dora": True}, "only plain LoRA"),
        ({"modules_to_save": ["lm_head"]}, "only plain LoRA"),
        ({"peft_type": "IA3"}, "only plain LoRA"),
        ({"r": None}, "only plain LoRA.*: r: "),
    ],
)
def test_kinds_that_would_be_served_wrongly(change, reason, adapter, tiny_folder):
    folder = adapter()
    config = json.loads((folder / "adapter_config.json").read_text()) | change
    (folder / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(GenRecError, match=reason):
        plan(str(tiny_folder), [folder], "127.0.0.1", 8000)


def test_damaged_weights(adapter, tiny_folder):
    folder = adapter()
    (folder / "adapter_model.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(GenRecError, match=r"adapter_model.safetensors: damaged"):
        plan(str(tiny_folder), [folder], "127.0.0.1", 8000)


def test_what_is_asked_of_vllm(adapter, tiny_folder):
    folder = adapter()
    made = plan(str(tiny_folder), [folder], "127.0.0.1", 8011)
    flags = " ".join(made.arguments)
    assert f"--served-model-name {tiny_folder}" in flags
    assert "--max-lora-rank 8 --max-loras 1" in flags
    assert f"--lora-modules adapter={folder}" in flags
    assert "--generation-config vllm" in flags
    assert "--max-model-len 2048" in flags
    assert made.environment["VLLM_NO_USAGE_STATS"] == "1"
    with pytest.raises(GenRecError, match="must differ: adapter, adapter"):
        plan(str(tiny_folder), [folder, folder], "127.0.0.1", 8011)


@pytest.mark.parametrize(("folder", "prompt"), [(SHIPPED, RANKING), (WRITER, PORTRAIT)])
def test_those_that_come_with_the_embedded_model(folder, prompt):
    declared = read_adapter(folder)
    declared.require_base("embedded")
    declared.require("any city's", prompt_version(prompt))
    assert lora_rank(folder) == 16
    assert sum(path.stat().st_size for path in folder.iterdir()) < 8_000_000
    assert "Gemma Terms of Use" in (folder / "README.md").read_text(encoding="utf-8")
    assert shipped_adapter(folder, None, None, prompt_version(prompt)) == str(folder)
    assert shipped_adapter(folder, None, None, "the hash of other words") is None
    assert shipped_adapter(folder, "another/model", None) is None
