"""Recipes, studies and pairs that cannot be used are refused before any work, in one message without a traceback."""

import hashlib
import json
import os

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import mutated

from genrec.errors import GenRecError, InputError
from training.budget.spec import OWNED, load_study
from training.budget.stages import require_trainable
from training.budget.tasks.jsonl import DemonstrationRow, PreferenceRow, read_rows
from training.data.preferences import Preference, about_path, read_preferences, write_preferences
from training.recipe import dump_recipe, load_recipe
from training.settings import require_possible

fuzz = settings(max_examples=100, deadline=None)

RECIPE = {
    "kind": "sft",
    "model": "embedded",
    "lora": {"r": 8, "alpha": 16, "target_modules": ["q_proj"]},
    "seed": 0,
    "data": {"checkins": "my.csv", "moments": 2, "profiles": ["p.jsonl"], "limit": 5},
    "trainer": {
        "learning_rate": 1e-4,
        "lr_scheduler_type": "cosine",
        "lr_scheduler_kwargs": {"num_cycles": 0.5},
        "optim": "adamw_torch",
        "per_device_train_batch_size": 2,
        "warmup_steps": 0.1,
        "save_steps": 50,
        "report_to": ["none"],
    },
}
STUDY = {
    "model": {"hidden": 64, "cities": 1},
    "method": "full",
    "task": {"kind": "next-poi", "city": 7, "test_limit": 60},
    "budgets": [24, 48],
    "shares": [1, 0.5, 0],
    "seeds": [0, 1],
    "sft": {"learning_rates": [1e-5], "batch": 4, "trainer": {"weight_decay": 0.1}},
    "dpo": {"learning_rates": [1e-6], "batch": 4, "trainer": {"beta": 0.1}},
}


@pytest.fixture
def written(tmp_path):
    def write(values):
        path = tmp_path / "recipe.yaml"
        path.write_text(values if isinstance(values, str) else yaml.safe_dump(values))
        return path

    return write


def dumped(path, values):
    """As YAML, of which JSON is a part; infinities are written otherwise there."""
    path.write_text(json.dumps(values).replace("Infinity", ".inf").replace("NaN", ".nan"))
    return path


@settings(max_examples=50, deadline=None)
@given(mutated(RECIPE))
def test_a_damaged_recipe_is_refused_or_can_be_used(tmp_path_factory, values):
    path = dumped(tmp_path_factory.getbasetemp() / "recipe.yaml", values)
    try:
        recipe = load_recipe(path)
        require_possible(recipe)
        path.write_text(dump_recipe(recipe))
        assert load_recipe(path) == recipe
    except GenRecError as error:
        assert str(error)


@fuzz
@given(mutated(STUDY))
def test_a_damaged_study_is_refused_or_can_be_used(tmp_path_factory, values):
    try:
        require_trainable(load_study(dumped(tmp_path_factory.getbasetemp() / "study.yaml", values)))
    except GenRecError as error:
        assert str(error)


@fuzz
@given(st.text(max_size=20) | st.sampled_from(["a." * 1000 + "b=1", "trainer=3", "data.limit=" + "9" * 9000, "kind=[",
       "seed=-1", "trainer.optim=&a [*a]", "lora.r=!!int x", "data=null", "=", "trainer.bf16=2024-02-30"]))  # fmt: skip
def test_any_override_is_refused_or_taken(tmp_path_factory, override):
    path = dumped(tmp_path_factory.getbasetemp() / "recipe.yaml", RECIPE)
    try:
        load_recipe(path, [override])
    except GenRecError as error:
        assert len(str(error)) < 2000


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("per_device_train_batch_size", 0, "must be above 0"),
        ("gradient_accumulation_steps", -1, "must not be below 0"),
        ("learning_rate", 0, "must be above 0"),
        ("learning_rate", -1e-4, "must not be below 0"),
        ("learning_rate", float("nan"), "must be a finite number"),
        ("learning_rate", "inf", "must be a finite number"),
        ("num_train_epochs", float("inf"), "must be a finite number"),
        ("max_steps", 10**12, "must be a finite number"),
        ("adam_beta1", 1.0, "must be below 1"),
        ("lr_scheduler_kwargs", {"min_lr": float("nan")}, "must hold finite numbers"),
        ("push_to_hub", True, "nothing leaves this machine"),
        ("hub_model_id", "me/mine", "nothing leaves this machine"),
        ("hub_token", "secret", "nothing leaves this machine"),
    ],
)
def test_values_that_train_nothing_or_leave_the_machine(written, key, value, problem):
    with pytest.raises(GenRecError, match=rf"trainer\.{key}: .*{problem}") as caught:
        load_recipe(written(RECIPE | {"trainer": {key: value}}))
    assert "\n" not in str(caught.value)
    if key not in OWNED:  # by the study
        with pytest.raises(GenRecError, match=rf"sft\.trainer\.{key}: .*{problem}"):
            load_study(written(STUDY | {"sft": STUDY["sft"] | {"trainer": {key: value}}}))


@pytest.mark.parametrize(
    ("key", "value"), [("optim", "magic"), ("lr_scheduler_type", "zigzag"), ("save_strategy", "often"), ("fsdp", "x")]
)
def test_what_trl_refuses_is_told_before_any_work(written, key, value):
    with pytest.raises(GenRecError) as caught:
        require_possible(load_recipe(written(RECIPE | {"trainer": {key: value}})))
    assert "trainer" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_services_that_the_user_names_are_allowed(written):
    assert load_recipe(written(RECIPE | {"trainer": {"report_to": "none"}})).trainer == {"report_to": "none"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: &a [x]\nb: *a\n", "row 1: not YAML: aliases"),
        ("kind: !!python/name:os.system x\n", "row 1: not YAML: tags"),
        ("[" * 50_000, "levels"),
        ("kind: sft\nkind: dpo\n", "row 2: not YAML: the key 'kind' is there twice"),
        ("x: 2024-02-30\n", "not YAML"),
        ("x: " + "9" * 5000 + "\n", "not YAML"),
        ('x: "a\\0b"\n', "NUL"),
        ("#" * 2_000_000, "too large"),
    ],
)
def test_yaml_that_is_not_read(written, text, problem):
    with pytest.raises(InputError, match=problem) as caught:
        load_recipe(written(text))
    assert len(str(caught.value)) < 500


def test_a_fifo_is_no_recipe(tmp_path):
    os.mkfifo(tmp_path / "recipe.yaml")
    with pytest.raises(InputError, match="not a regular file"):
        load_recipe(tmp_path / "recipe.yaml")


# --- pairs ---

MESSAGES = [{"role": "system", "content": "You know places."}, {"role": "user", "content": "Where next?"}]
PAIR = {"prompt": MESSAGES, "chosen": "1", "rejected": "2", "source": "habits", "rule": "truth"}
ABOUT = {
    "catalogue": "c",
    "ranking_prompt": "p",
    "settings": {},
    "left_out": {},
    "reference_prefers_chosen": {"habits": 0.5},
}


@pytest.mark.slow
@fuzz
@given(mutated(PAIR), st.booleans())
def test_damaged_pairs_are_refused_or_whole(tmp_path_factory, plain, counted):
    path = tmp_path_factory.getbasetemp() / "pairs.jsonl"
    write_preferences(path, [Preference.model_validate(PAIR)], **ABOUT)
    path.write_text(json.dumps(plain) + "\n")
    about = json.loads(about_path(path).read_text()) | {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    about_path(path).write_text(json.dumps(about if counted else about | {"pairs": {}}))
    try:
        [pair], _ = read_preferences(path)
        assert pair.chosen != pair.rejected
        assert all(message["role"] in {"system", "user", "assistant"} for message in pair.prompt)
    except GenRecError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)


@fuzz
@given(mutated(PAIR | {"completion": [{"role": "assistant", "content": "1"}]}), st.booleans())
def test_damaged_rows_of_a_study_are_refused_or_read(tmp_path_factory, plain, asked):
    path = tmp_path_factory.getbasetemp() / "rows.jsonl"
    path.write_text(json.dumps(plain) + "\n")
    try:
        read_rows(path, PreferenceRow if asked else DemonstrationRow)
    except GenRecError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)
