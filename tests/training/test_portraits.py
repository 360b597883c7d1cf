"""What a writer learns from: paragraphs that copy notes of people who do not exist, and worse ones beside them."""

import random
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from made_city import town

from eval.profiles.portraits import prefer, score
from genrec.columns import CATEGORY
from genrec.errors import GenRecError
from genrec.habits import all_habits
from genrec.llm.adapter import ANY, read_adapter
from genrec.profiles.portrait.plan import PORTRAIT, plan
from genrec.profiles.portrait.realise import Realiser
from genrec.prompting import prompt_version
from training.data.examples import training_examples
from training.data.portrait_pairs import portrait_pairs, worse
from training.data.portraits import Written, portraits
from training.data.preferences import read_preferences
from training.recipe import DpoRecipe, load_recipe

RECIPE = Path(__file__).parents[2] / "training" / "recipes" / "writer.yaml"
NAMES = re.compile(r"POI \d+(?: \([^)]*\))?|\b\d+\b|\b[A-Z][a-z]+ \d{4}\b")


def written(seed, relabel=True, limit=None):
    return portraits(town(6), limit, random.Random(seed), relabel=relabel)


@pytest.mark.parametrize("seed", range(4))
def test_a_paragraph_copies_its_notes(seed):
    """Every place, number and month of the paragraph is in the notes, with no other number of the places."""
    made = written(seed)
    assert made
    for one in made:
        system, notes, answer = one.example().messages
        assert (system["role"], notes["role"], answer["role"]) == ("system", "user", "assistant")
        assert one.example().supervised == {2}
        assert set(NAMES.findall(answer["content"])) <= set(NAMES.findall(notes["content"]))
        assert set(re.findall(r"POI \d+", notes["content"])) == set(re.findall(r"POI \d+", answer["content"]))
        assert "\n" not in answer["content"]


def test_names_and_numbers_are_drawn_anew():
    pois = [Counter(re.findall(r"POI (\d+)", str(one.example().messages))) for seed in (1, 2) for one in written(seed)]
    assert len({poi for counts in pois for poi in counts}) > 20
    as_they_are = {poi for one in written(1, relabel=False) for poi in re.findall(r"POI (\d+)", str(one.example()))}
    assert as_they_are <= {str(poi) for poi in range(8)}
    assert written(3, limit=2) == written(3, limit=2)
    assert len(written(3, limit=2)) == 2


def paragraphs_of(checkins):
    """Each person's habits with the paragraphs of their portrait."""
    for user, habits in all_habits(checkins).items():
        realiser = Realiser(user)
        for paragraph in plan(habits):
            facts = [fact for group in paragraph.groups for fact in group]
            yield habits, facts, Written(paragraph, tuple(realiser.paragraph(paragraph)))


@pytest.mark.parametrize("source", ["redundant", "poorer", "unsupported"])
def test_the_written_rules_prefer_the_chosen_paragraph(source):
    kinds = town(6).pois[CATEGORY].to_list()
    verdicts = Counter()
    for habits, facts, one in paragraphs_of(town(6)):
        total = sum(fact.weight for fact in facts)
        found = [fact.__class__(**{**vars(fact), "weight": fact.weight / total}) for fact in facts]
        for seed in range(4):
            text = worse(one, source, random.Random(seed))
            if text == " ".join(one.sentences):
                continue
            right = score(" ".join(one.sentences), habits, kinds, found)
            verdicts[prefer(right, score(text, habits, kinds, found))] += 1
    assert not verdicts[-1]
    assert verdicts[1] > 0.8 * verdicts.total()  # hours that are a little off are supported, too


def test_pairs_are_of_one_prompt_and_differ():
    pairs = list(portrait_pairs(written(1), random.Random(0)))
    assert {pair.source for pair in pairs} == {"unsupported", "redundant", "poorer"}
    for pair in pairs:
        assert pair.chosen != pair.rejected
        assert [message["role"] for message in pair.prompt] == ["system", "user"]


@pytest.mark.slow
def test_the_recipe_learns_portraits():
    recipe = load_recipe(RECIPE, ["data.cities.count=1", "data.limit=5"])
    assert len(training_examples(recipe.data, recipe.seed, len)) == 5


@pytest.mark.slow
def test_sft_then_pairs_then_dpo(tiny_folder, tmp_path, monkeypatch):
    """The whole path, with a tiny model: each stage's adapter says that it writes."""
    from training.cli.tuning import run_dpo, run_sft
    from training.data.portrait_pairs import make_portrait_preferences

    monkeypatch.setenv("GENREC_HOME", str(tmp_path / "home"))
    data = {"prompt": "portrait", "cities": {"count": 1, "first_seed": 3}, "relabel": True, "limit": 12}
    common = {"model": str(tiny_folder), "lora": {"r": 4, "alpha": 8}, "data": data, "max_length": 2000}
    trainer = {"max_steps": 2, "per_device_train_batch_size": 2}
    sft, dpo = tmp_path / "sft.yaml", tmp_path / "dpo.yaml"
    sft.write_text(yaml.safe_dump(common | {"kind": "sft", "trainer": trainer}))
    dpo.write_text(
        yaml.safe_dump(
            common
            | {
                "kind": "dpo",
                "trainer": trainer,
                "adapter": str(tmp_path / "a"),
                "preferences": str(tmp_path / "p.jsonl"),
            }
        )
    )
    run_sft(load_recipe(sft), tmp_path / "a", resume=False)
    declared = read_adapter(tmp_path / "a")
    assert (declared.catalogue, declared.ranking_prompt) == (ANY, prompt_version(PORTRAIT))
    recipe = load_recipe(dpo)
    assert isinstance(recipe, DpoRecipe)
    about = make_portrait_preferences(recipe, lambda done, total: None)
    assert sum(about.pairs.values()) == len(read_preferences(recipe.preferences)[0])
    with pytest.raises(GenRecError, match="exists already"):
        make_portrait_preferences(recipe, lambda done, total: None)
    run_dpo(recipe, tmp_path / "b", resume=False)
    assert read_adapter(tmp_path / "b").ranking_prompt == prompt_version(PORTRAIT)
