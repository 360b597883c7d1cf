"""The recipes that come with GenRec can be used as they are."""

import re
import shlex
from pathlib import Path

import pytest

import training
from genrec.cli.lazy import lazy_group
from training.budget.spec import load_study
from training.cli import COMMANDS
from training.recipe import (
    RANKERS_RECIPE,
    UPDATE_RECIPE,
    DpoRecipe,
    OnlineRecipe,
    PlacesRecipe,
    UpdateRecipe,
    load_recipe,
)
from training.settings import trainer_config

FOLDER = Path(training.__file__).parent / "recipes"
STUDIES = sorted(FOLDER.glob("budget*.yaml"))
UPDATES = sorted(FOLDER.glob("update*.yaml"))
ONLINE = sorted(FOLDER.glob("online*.yaml"))
RECIPES = sorted(set(FOLDER.glob("*.yaml")) - {*STUDIES, *UPDATES, *ONLINE, RANKERS_RECIPE})


def header(path):
    """The comment that a recipe begins with."""
    return re.match(r"(#.*\n)+", path.read_text(encoding="utf-8"))[0]


def commands(path):
    """The commands of genrec-train that the header gives, as lists of words."""
    return [shlex.split(line) for line in re.findall(r"^#   genrec-train (.*)$", header(path), re.MULTILINE)]


def test_none_is_missing():
    assert {"genup", "embedded-cpu", "dpo", "galore", "shipped-adapter"} <= {path.stem for path in RECIPES}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_one_that_trl_takes(path, tmp_path):
    recipe = load_recipe(path)
    config = trainer_config(recipe.kind, recipe, tmp_path)
    assert {key: getattr(config, key) for key in ("learning_rate", "num_train_epochs")} == {
        key: recipe.trainer[key] for key in ("learning_rate", "num_train_epochs")
    }


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_study_can_be_planned(path):
    assert load_study(path)


@pytest.mark.parametrize("path", UPDATES, ids=lambda path: path.stem)
def test_an_update_is_what_its_header_says(path):
    assert load_recipe(path).kind == "update"
    assert "# Needs: " in header(path)
    [words] = commands(path)
    name, command, rest = lazy_group("genrec-train", "", COMMANDS).resolve_command(None, words)
    given = command.make_context(name, rest).params
    assert given["recipe_path"] in (Path("training/recipes") / path.name, None)
    assert (given["recipe_path"] is None) == (path == UPDATE_RECIPE)


def test_the_usual_update_is_written_down():
    assert load_recipe(UPDATE_RECIPE) == UpdateRecipe(kind="update")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_header_says_what_is_needed_and_commands_that_exist(path):
    assert "# Needs: " in header(path)
    group = lazy_group("genrec-train", "", COMMANDS)
    for words in commands(path):
        name, command, rest = group.resolve_command(group.make_context("genrec-train", list(words)), words)
        given = command.make_context(name, rest).params
        assert given["path"] == Path("training/recipes") / path.name
    assert [words[0] for words in commands(path)][-1] == load_recipe(path).kind
    assert "--out" in commands(path)[-1]


@pytest.mark.parametrize("path", ONLINE, ids=lambda path: path.stem)
def test_a_recipe_of_online_learning_is_one(path, tmp_path):
    recipe = load_recipe(path)
    assert "# Needs: " in header(path) and all(words[0] == "online" for words in commands(path))
    if isinstance(recipe, PlacesRecipe):
        assert trainer_config(recipe.kind, recipe, tmp_path).learning_rate == recipe.trainer["learning_rate"]
    else:
        assert recipe == OnlineRecipe(kind="online")


def test_dpo_goes_on_from_the_run_before():
    before, after = FOLDER / "embedded-cpu.yaml", FOLDER / "dpo.yaml"
    recipe = load_recipe(after)
    assert isinstance(recipe, DpoRecipe)
    assert str(recipe.adapter) == commands(before)[-1][-1]
    assert recipe.data == load_recipe(before).data
    assert recipe.model == load_recipe(before).model
