"""Recipes are checked as a whole, before anything runs."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from genrec.errors import GenRecError, InputError
from training.recipe import DpoRecipe, SftRecipe, dump_recipe, load_recipe

SFT = {"kind": "sft", "data": {"checkins": "checkins.csv"}}


@pytest.fixture
def written(tmp_path):
    """Write a recipe, or any text; gives its path."""

    def write(values):
        path = tmp_path / "recipe.yaml"
        path.write_text(values if isinstance(values, str) else yaml.safe_dump(values))
        return path

    return write


def refusal(path, *overrides):
    with pytest.raises(GenRecError) as caught:
        load_recipe(path, overrides)
    return str(caught.value)


def test_defaults_and_kinds(written):
    recipe = load_recipe(written(SFT))
    assert isinstance(recipe, SftRecipe)
    assert (recipe.model, recipe.method, recipe.lora.r, recipe.trainer) == ("embedded", "lora", 16, {})
    assert isinstance(load_recipe(written({"kind": "dpo", "preferences": "pairs.jsonl"})), DpoRecipe)


def test_overrides_are_yaml_and_reach_into_groups(written):
    recipe = load_recipe(
        written(SFT),
        ["trainer.learning_rate=1e-4", "lora.target_modules=[q_proj, v_proj]", "data.limit=7", "trainer.optim=sgd"],
    )
    assert recipe.trainer == {"learning_rate": 1e-4, "optim": "sgd"}
    assert recipe.lora.target_modules == ("q_proj", "v_proj")
    assert recipe.data.limit == 7


@pytest.mark.parametrize("text", ["1e-4", "5E3", "-2e-05", "1.5e-3", "+1e6"])
def test_numbers_in_e_notation_are_numbers_everywhere(written, text):
    recipe = load_recipe(written(f"{yaml.safe_dump(SFT)}trainer: {{lr_scheduler_kwargs: {{min_lr: {text}}}}}"))
    assert recipe.trainer["lr_scheduler_kwargs"] == {"min_lr": float(text)}


def test_all_problems_are_told_at_once(written):
    values = SFT | {
        "lora": {"r": 0},
        "surprise": 1,
        "trainer": {"warmup_ratio": 0.1, "output_dir": "x", "per_device_train_batch_size": "many"},
    }
    message = refusal(written(values), "data.limit", "model.name=x")
    for part in (
        "--set data.limit: write --set KEY=VALUE",
        "trainer.warmup_ratio: SFTConfig has no such key",
        "trainer.output_dir: not to be set here: name it with --out",
        "trainer.per_device_train_batch_size: Input should be a valid integer",
        "lora.r: Input should be greater than or equal to 1",
        "surprise: no such key",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"data": {}}, "data: give either checkins or cities"),
        ({"data": {"cities": {"count": 2}}}, "data: many cities share no POIs: set relabel to true"),
        ({"trainer": {"optim": "galore_adamw"}}, "set method to galore"),
        ({"method": "galore", "trainer": {"optim": "adamw_torch"}}, "whose name begins with galore"),
        ({"kind": "ppo"}, "'kind' must be one of 'sft', 'dpo', 'grpo', 'rankers', 'update', 'online', not ppo"),
        ({"trainer": 3}, "trainer: Input should be a valid dictionary"),
    ],
)
def test_contradictions(written, change, problem):
    assert problem in refusal(written(SFT | change))


def test_keys_of_the_other_trainer_are_unknown(written):
    assert "trainer.beta: SFTConfig has no such key" in refusal(written(SFT), "trainer.beta=0.1")
    assert load_recipe(written({"kind": "dpo", "preferences": "p"}), ["trainer.beta=0.1"]).trainer == {"beta": 0.1}


@pytest.mark.parametrize("text", ["[1, 2]", "a: b: c", "", "just words"])
def test_files_that_are_no_recipes(written, text):
    with pytest.raises(InputError):
        load_recipe(written(text))


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="no such recipe"):
        load_recipe(tmp_path / "none.yaml")


@settings(deadline=None)
@given(st.integers(1, 64), st.floats(1e-6, 1e-2), st.booleans(), st.sampled_from(["full", "lora", "qlora"]))
def test_what_is_written_is_read_again(tmp_path_factory, r, rate, relabel, method):
    recipe = SftRecipe.model_validate(
        SFT
        | {
            "method": method,
            "lora": {"r": r},
            "data": {"checkins": "x", "relabel": relabel},
            "trainer": {"learning_rate": rate},
        }
    )
    path = tmp_path_factory.mktemp("recipes") / "recipe.yaml"
    path.write_text(dump_recipe(recipe))
    assert load_recipe(path) == recipe


def test_pairs_are_not_of_diaries(written):
    path = written({"kind": "dpo", "preferences": "pairs.jsonl", "data": {"checkins": "a.csv", "prompt": "diary"}})
    with pytest.raises(GenRecError, match="diaries are for sft"):
        load_recipe(path)
