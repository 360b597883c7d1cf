"""DPO starts from SFT's model, is TRL's own to the last digits, resumes as if nothing had been, and can be served."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from adapters import random_adapter
from made_city import town
from peft import PeftModel
from tiny import tiny_model

from genrec.errors import GenRecError
from genrec.jsonl import read as read_metrics
from genrec.llm.adapter import read_adapter
from genrec.llm.local import LocalModel
from genrec.llm.lora import lora_rank
from genrec.prepared import catalogue_hash
from genrec.prompting import prompt_version
from genrec.rankers.ranking_prompt import RANKING
from training.data.preferences import About, Preference
from training.dpo import load_policy, make_trainer, pair_dataset, pair_tokens, reference, train_dpo
from training.recipe import DpoRecipe, Lora
from training.trainers.labelled_loss import labelled_loss
from training.trainers.reference import PairTokens, reference_log_probabilities, weights_hash

CATALOGUE = catalogue_hash(town().pois)
ABOUT = About(
    sha256="0" * 64,
    catalogue=CATALOGUE,
    ranking_prompt=prompt_version(RANKING),
    settings={},
    pairs={"random": 12},
    left_out={},
    reference_prefers_chosen={},
)
TRAINER = {"per_device_train_batch_size": 2, "num_train_epochs": 1, "learning_rate": 0.01, "save_steps": 2}


def preference(number):
    prompt = (
        {"role": "system", "content": f"You are user u{number}."},
        {"role": "user", "content": f"At {'Mon ' * (1 + number % 4)}08:{number:02d} you visit POI"},
    )
    return Preference(prompt=prompt, chosen=str(number % 5), rejected=str(7 + number), source="random", rule="truth")


PAIRS = [preference(number) for number in range(12)]


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("GENREC_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def sft(tmp_path_factory):
    return random_adapter(tmp_path_factory.mktemp("adapters") / "sft", 1)


@pytest.fixture
def recipe(tiny_folder, sft):
    return DpoRecipe(
        kind="dpo",
        model=str(tiny_folder),
        adapter=sft,
        preferences=Path("pairs.jsonl"),
        lora=Lora(r=2),
        trainer=TRAINER,
    )


def changed(recipe, **changes):
    trainer = recipe.trainer | changes.pop("trainer", {})
    return recipe.model_copy(update=changes | {"trainer": trainer})


def policy_of(recipe):
    return load_policy(recipe, CATALOGUE, ABOUT.ranking_prompt)


def log_probability(model, prompt, answer):
    """By a plain forward pass."""
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([[*prompt, *answer]])).logits[0].float()
    rows = torch.log_softmax(logits, -1)[len(prompt) - 1 : -1]
    return float(rows[torch.arange(len(answer)), list(answer)].sum())


def losses(out):
    return [(line["step"], line["loss"], line["rewards/margins"], line["grad_norm"]) for line in read_metrics(out)]


def test_the_reference_is_the_model_that_sft_gave(recipe, tiny_folder, sft):
    policy = policy_of(recipe)
    tokens = pair_tokens(recipe, policy, PAIRS)
    scores = reference(policy, weights_hash(policy.model), tokens)
    base = LocalModel.load(str(tiny_folder)).engine.model
    unmerged = PeftModel.from_pretrained(base, sft).eval()
    for pair, (chosen, rejected) in zip(tokens, scores, strict=True):
        assert chosen == pytest.approx(log_probability(unmerged, pair.prompt, pair.chosen), abs=1e-4)
        assert rejected == pytest.approx(log_probability(unmerged, pair.prompt, pair.rejected), abs=1e-4)
    with unmerged.disable_adapter():
        plain = log_probability(unmerged, tokens[0].prompt, tokens[0].chosen)
    assert abs(plain - scores[0][0]) > 0.01, "the adapter would change nothing"


@pytest.mark.slow
def test_first_step_starts_at_the_reference(recipe, tmp_path):
    """The policy's own log-probabilities, through TRL, are those of the reference that were computed beforehand."""
    train_dpo(recipe, policy_of(recipe), PAIRS, ABOUT, tmp_path / "run")
    first, *_, last = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert first["loss"] == pytest.approx(math.log(2), abs=1e-5)
    assert first["rewards/chosen"] == pytest.approx(0, abs=1e-5)
    assert first["rewards/rejected"] == pytest.approx(0, abs=1e-5)
    assert last["rewards/margins"] > 0
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["data"]["catalogue"] == CATALOGUE
    assert run["trainable_parameters"] > 0


@pytest.mark.slow
def test_same_as_the_stock_trainer(recipe, tmp_path):
    """TRL with its own tokens and its own reference (the model without the new adapter), every position scored."""
    from datasets import Dataset
    from trl import DPOTrainer

    from training.settings import lora_config, trainer_config

    policy = policy_of(recipe)
    rows = [
        {
            "prompt": list(pair.prompt),
            "chosen": [{"role": "assistant", "content": pair.chosen}],
            "rejected": [{"role": "assistant", "content": pair.rejected}],
        }
        for pair in PAIRS
    ]
    ordered = changed(recipe, trainer={"train_sampling_strategy": "sequential"})
    stock = DPOTrainer(
        model=policy.model,
        args=trainer_config("dpo", ordered, tmp_path / "stock"),
        train_dataset=Dataset.from_list(rows),
        processing_class=policy.tokenizer,
        peft_config=lora_config(ordered),
    )
    stock.train()
    expected = [line for line in stock.state.log_history if "loss" in line]

    policy = policy_of(ordered)
    tokens = pair_tokens(ordered, policy, PAIRS)
    assert [list(pair.prompt) for pair in tokens] == stock.train_dataset["prompt_ids"][:]
    assert [list(pair.chosen) for pair in tokens] == stock.train_dataset["chosen_ids"][:]
    dataset = pair_dataset(tokens, reference(policy, weights_hash(policy.model), tokens))
    ours = make_trainer(ordered, policy, dataset, tmp_path / "ours")
    with labelled_loss():
        ours.train()
    found = [line for line in ours.state.log_history if "loss" in line]
    assert len(found) == len(expected) == 6
    for a, b in zip(found, expected, strict=True):
        for key in ("loss", "grad_norm", "rewards/margins", "logps/chosen"):
            assert a[key] == pytest.approx(b[key], rel=1e-3, abs=1e-4), key


@pytest.mark.slow
def test_batch_and_accumulation(recipe, tmp_path):
    for out, trainer in (
        ("whole", {"per_device_train_batch_size": 4}),
        ("parts", {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 4}),
    ):
        run = changed(recipe, trainer=trainer | {"train_sampling_strategy": "sequential"})
        train_dpo(run, policy_of(run), PAIRS, ABOUT, tmp_path / out)
    whole, parts = (losses(tmp_path / out / "metrics.jsonl") for out in ("whole", "parts"))
    assert len(whole) == 3
    for a, b in zip(whole, parts, strict=True):
        assert a == pytest.approx(b, rel=1e-3, abs=1e-5)


@pytest.mark.slow
def test_goes_on_after_a_kill_as_if_nothing_had_been(recipe, tmp_path):
    train_dpo(recipe, policy_of(recipe), PAIRS, ABOUT, tmp_path / "whole")

    def killed(done, total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_dpo(recipe, policy_of(recipe), PAIRS, ABOUT, tmp_path / "run", training=killed)
    with pytest.raises(GenRecError, match="--resume"):
        train_dpo(recipe, policy_of(recipe), PAIRS, ABOUT, tmp_path / "run")
    train_dpo(recipe, policy_of(recipe), PAIRS, ABOUT, tmp_path / "run", resume=True)
    assert losses(tmp_path / "run" / "metrics.jsonl") == losses(tmp_path / "whole" / "metrics.jsonl")
    one, two = ((tmp_path / out / "adapter_model.safetensors").read_bytes() for out in ("run", "whole"))
    assert one == two


@pytest.mark.slow
def test_one_adapter_for_the_base_model(recipe, tmp_path, tiny_folder, sft):
    """What is served, base and adapter, is what was trained: SFT's merged model with DPO's adapter on it."""
    policy = policy_of(recipe)
    tokens = pair_tokens(recipe, policy, PAIRS)
    dataset = pair_dataset(tokens, reference(policy, weights_hash(policy.model), tokens))
    trainer = make_trainer(recipe, policy, dataset, tmp_path / "again")
    with labelled_loss():
        trainer.train()
    trained = trainer.model.eval()

    out = tmp_path / "run"
    train_dpo(recipe, policy_of(recipe), PAIRS, ABOUT, out)
    assert lora_rank(out) == lora_rank(sft) + 2
    declared = read_adapter(out)
    assert (declared.base, declared.catalogue) == (str(tiny_folder), CATALOGUE)
    served = LocalModel.load(str(tiny_folder), out).engine.model
    started = LocalModel.load(str(tiny_folder), sft).engine.model
    for pair in tokens[:4]:
        score = log_probability(served, pair.prompt, pair.chosen)
        assert score == pytest.approx(log_probability(trained, pair.prompt, pair.chosen), abs=1e-4)
        assert abs(score - log_probability(started, pair.prompt, pair.chosen)) > 1e-3
    assert not list(out.glob("README.md"))


@pytest.mark.slow
@pytest.mark.parametrize("start", [True, False])
def test_all_weights(start, recipe, tmp_path, sft):
    run = changed(recipe, method="full", adapter=sft if start else None, trainer={"learning_rate": 1e-3})
    train_dpo(run, policy_of(run), PAIRS, ABOUT, tmp_path / "run")
    first = read_metrics(tmp_path / "run" / "metrics.jsonl")[0]
    assert first["loss"] == pytest.approx(math.log(2), abs=1e-5)
    trained = LocalModel.load(str(tmp_path / "run")).engine.model
    assert weights_hash(trained) != weights_hash(policy_of(run).model)


@pytest.mark.slow
def test_without_an_adapter_to_start_from(recipe, tmp_path):
    run = changed(recipe, adapter=None)
    train_dpo(run, policy_of(run), PAIRS, ABOUT, tmp_path / "run")
    assert lora_rank(tmp_path / "run") == 2


def test_batches_are_of_like_length(recipe, tmp_path):
    policy = policy_of(recipe)
    tokens = pair_tokens(recipe, policy, PAIRS)
    trainer = make_trainer(recipe, policy, pair_dataset(tokens, [(0.0, 0.0)] * len(tokens)), tmp_path / "run")
    order = list(trainer._get_train_sampler())
    assert sorted(order) == list(range(len(PAIRS)))
    lengths = [len(tokens[i]) for i in order]
    assert lengths[0] == max(lengths), "the longest comes first: memory runs out at once or never"


def test_the_cache(recipe, tmp_path):
    tiny = tiny_model()
    pairs = [PairTokens((1, 5 + i, 6), (7, 9), (8, 9)) for i in range(70)]
    seen = []
    first = reference_log_probabilities(tiny, "a", pairs[:40], tmp_path)
    both = reference_log_probabilities(tiny, "a", pairs, tmp_path, lambda done, total: seen.append((done, total)))
    assert both[:40] == first
    assert seen == [(40, 70), (70, 70)]
    nobody = None  # all is known: no model is asked
    assert reference_log_probabilities(nobody, "a", pairs, tmp_path) == both
    with pytest.raises(AttributeError):
        reference_log_probabilities(nobody, "b", pairs, tmp_path)
    swapped = [replace(pair, chosen=pair.rejected, rejected=pair.chosen) for pair in pairs[:3]]
    assert reference_log_probabilities(tiny, "a", swapped, tmp_path) == [
        (pytest.approx(b), pytest.approx(a)) for a, b in both[:3]
    ]


def test_weights_hash():
    one = tiny_model().engine.model
    before = weights_hash(one)
    assert weights_hash(tiny_model().engine.model) == before
    assert weights_hash(tiny_model(seed=1).engine.model) != before
    assert weights_hash(one.to(torch.bfloat16)) != before


def test_errors(recipe, tmp_path, tiny_folder):
    policy = policy_of(recipe)
    with pytest.raises(GenRecError, match=r"pair 11 has \d+ tokens, more than max_length"):
        longest = max(map(len, pair_tokens(recipe, policy, PAIRS)))
        pair_tokens(changed(recipe, max_length=longest - 1), policy, PAIRS)
    with pytest.raises(GenRecError, match="another ranking prompt"):
        load_policy(recipe, CATALOGUE, "0123")
    with pytest.raises(GenRecError, match="another catalogue"):
        other = random_adapter(tmp_path / "other", 2, catalogue="ffff")
        policy_of(changed(recipe, adapter=other))
    with pytest.raises(GenRecError, match="was trained on 'huge', not on"):
        policy_of(changed(recipe, adapter=random_adapter(tmp_path / "huge", 2, base="huge")))
    with pytest.raises(GenRecError, match="ld_alpha"):
        make_trainer(changed(recipe, trainer={"ld_alpha": 0.5}), policy, None, tmp_path / "run")
    with pytest.raises(GenRecError, match=r"trainer: .*sync_ref_model"):
        tokens = pair_tokens(recipe, policy, PAIRS)
        dataset = pair_dataset(tokens, [(0.0, 0.0)] * len(tokens))
        make_trainer(changed(recipe, trainer={"sync_ref_model": True}), policy, dataset, tmp_path / "run")
