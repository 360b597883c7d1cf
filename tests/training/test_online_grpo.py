"""Online GRPO: an adapter answers questions by itself and learns what earns more, and is used if it is not worse."""

import json
import math
from collections import Counter
from datetime import datetime

import pytest
import yaml
from adapters import random_adapter
from conftest import command
from hypothesis import given, settings
from hypothesis import strategies as st
from made_city import csv_of, town
from tiny import tiny_model

from genrec.errors import GenRecError
from genrec.llm.adapter import Adapter, read_adapter
from genrec.llm.decoding import Trie, all_logprobs, telling
from genrec.prompting import prompt_version
from genrec.rankers.ranking_prompt import RANKING
from genrec.versions import current_version, versions_of
from training.cli import main
from training.online.feedback import Feedback, Shown
from training.online.learner import MOST
from training.online.worth import rewards_of
from training.recipe import GrpoRecipe, Lora

TRAINER = {
    "learning_rate": 0.01,
    "lr_scheduler_type": "constant",
    "num_generations": 6,
    "per_device_train_batch_size": 12,
    "save_steps": 1,
}


@st.composite
def a_line(draw):
    names = draw(st.lists(st.integers(0, 50).map(str), min_size=2, max_size=6, unique=True))
    chances = draw(st.lists(st.floats(0.001, 1), min_size=len(names), max_size=len(names)))
    disliked = draw(st.sets(st.sampled_from(names[1:])))
    return Feedback(
        user_id="u",
        time=datetime(2024, 3, 5),
        shown=tuple(Shown(poi_id=n, propensity=p) for n, p in zip(names, chances, strict=True)),
        visited=names[0],
        disliked=tuple(sorted(disliked)),
    )


@given(a_line())
@settings(deadline=None, max_examples=50)
def test_only_what_was_said_earns(line):
    chance = {one.poi_id: one.propensity for one in line.shown}
    expected = {line.visited: 1.0} | dict.fromkeys(line.disliked, -1.0)
    assert rewards_of(line, {name: f"n{name}" for name in chance}) == {
        f"n{name}": sign * min(1 / chance[name], MOST) for name, sign in expected.items()
    }


def test_answers_are_drawn_by_their_probability_among_the_places():
    from training.trainers.drawing import draw

    model, count = tiny_model(), 3_000
    answers = model.answer_tokens([str(number) for number in range(0, 120, 7)])
    trie, told_apart = Trie(answers, given=True), telling(answers)
    prompts = [model.prompt_tokens([{"role": "user", "content": text}]) for text in ("Mon 8:00", "Where?")]
    expected = all_logprobs(model.read(prompts, [told_apart] * 2, "catalogue"), [told_apart] * 2)
    drawn = draw(model.read(prompts, [trie, trie], "catalogue"), trie, [count, 5])
    assert len(drawn[1]) == 5
    found = Counter(trie.answer(trie.find(path)) for path in drawn[0])
    assert None not in found and found.total() == count
    for answer, logprob in enumerate(expected[0]):
        chance = math.exp(logprob)
        assert abs(found[answer] - count * chance) <= 6 * math.sqrt(count * chance) + 1


@pytest.fixture
def grpo(tmp_path, tiny_folder, monkeypatch, capsys):
    """Runs a round on a log; the town's people go to a place of each list in turn, and were named both."""
    monkeypatch.setenv("GENREC_HOME", str(tmp_path / "home"))
    adapter = random_adapter(tmp_path / "adapter", 1)
    data, log, recipe = csv_of(town(), tmp_path / "town.csv"), tmp_path / "log", tmp_path / "recipe.yaml"
    trainer = TRAINER | {"num_train_epochs": 4}
    values = {"kind": "grpo", "model": str(tiny_folder), "max_length": 2000, "lora": {"r": 4}}
    recipe.write_text(yaml.safe_dump(values | {"data": {"checkins": str(data)}, "trainer": trainer}))
    train = command("genrec-train", main, monkeypatch, capsys)

    def run(visits, *more):
        lines = [
            Feedback(
                user_id=f"u{number % 3}",
                time=datetime(2024, 3, 5, number % 24),
                shown=(Shown(poi_id=to, propensity=1.0), Shown(poi_id=other, propensity=1.0)),
                visited=to,
            )
            for number, (to, other) in enumerate(visits)
        ]
        log.write_text("".join(line.model_dump_json() + "\n" for line in lines))
        return train("online", "grpo", recipe, "--feedback", log, "--adapter", adapter, *more)

    return adapter, run


@pytest.mark.slow
def test_a_round_teaches_the_adapter_where_people_went(grpo, tiny_folder):
    adapter, run = grpo
    code, out, err = run([("p2", "p5")] * 12)
    assert (code, "version 2 is in use now" in out) == (0, True), (out, err)
    about = json.loads((adapter / "online.json").read_text())
    assert about["after"]["value"] > about["before"]["value"] + 0.05
    assert about["advantage"]["value"] > 0 and about["feedback"] == 12
    assert read_adapter(adapter).base == str(tiny_folder)
    code, out, err = run([("p2", "p5")] * 12)
    assert (code, "0 new pairs" in err) == (2, True), (out, err)


@pytest.mark.slow
def test_what_is_worse_on_the_lines_kept_aside_is_not_used(grpo):
    adapter, run = grpo
    code, out, err = run([("p2", "p5")] * 10 + [("p5", "p2")] * 2)
    assert (code, "it waits" in out) == (0, True), (out, err)
    assert (current_version(adapter), versions_of(adapter)) == (1, [1])


@pytest.mark.slow
def test_goes_on_after_a_kill_as_if_nothing_had_been(tmp_path, tiny_folder, monkeypatch):
    from training.dpo import load_policy
    from training.grpo import Question, train_grpo
    from training.record import METRICS

    monkeypatch.setenv("GENREC_HOME", str(tmp_path / "home"))
    declared = Adapter(base=str(tiny_folder), catalogue="any", ranking_prompt=prompt_version(RANKING))
    recipe = GrpoRecipe(
        kind="grpo",
        model=str(tiny_folder),
        adapter=random_adapter(tmp_path / "sft", 1),
        lora=Lora(r=2),
        trainer=TRAINER | {"num_train_epochs": 2, "gradient_accumulation_steps": 2, "gradient_checkpointing": True},
    )
    prompts = [tiny_model().prompt_tokens([{"role": "user", "content": f"At Mon {i} you visit"}]) for i in range(8)]
    questions = [Question(tuple(prompt), {"2": 1.0, "5": -1.0}) for prompt in prompts]
    answers = [str(number) for number in range(8)]

    def train(out, **how):
        policy = load_policy(recipe, declared.catalogue, declared.ranking_prompt)
        train_grpo(recipe, policy, questions, declared, tmp_path / out, answers=answers, **how)

    def killed(done, total):
        if done == 2:
            raise KeyboardInterrupt

    train("whole")
    with pytest.raises(KeyboardInterrupt):
        train("run", progress=killed)
    train("run", resume=True)
    whole, again = (
        [
            {key: line[key] for key in ("step", "loss", "reward", "grad_norm")}
            for line in map(json.loads, (tmp_path / out / METRICS).read_text().splitlines())
        ]
        for out in ("whole", "run")
    )
    assert whole == again and len(whole) == 4
    one, two = ((tmp_path / out / "adapter_model.safetensors").read_bytes() for out in ("run", "whole"))
    assert one == two
    with pytest.raises(GenRecError, match="8 questions do not fill a batch of 10"):
        train_few = recipe.model_copy(update={"trainer": TRAINER | {"per_device_train_batch_size": 60}})
        policy = load_policy(recipe, declared.catalogue, declared.ranking_prompt)
        train_grpo(train_few, policy, questions, declared, tmp_path / "few", answers=answers)


@pytest.mark.slow
def test_what_a_recipe_may_not_say_is_a_line(grpo):
    _, run = grpo
    for change, told in {
        "trainer.use_vllm=true": "trainer.use_vllm: not to be set here: GenRec draws answers by itself",
        "trainer.temperature=2": "trainer.temperature: not to be set here",
        "trainer.num_iterations=2": "trainer.num_iterations: not to be set here",
        "trainer.num_generations=0": "trainer.num_generations: must be above 0",
        "trainer.max_length=5": "trainer.max_length: not to be set here",
        "trainer.nonsense=1": "trainer.nonsense: GRPOConfig has no such key",
        "trainer.num_generations=5": "trainer: ",
        "preferences=x": "preferences: no such key",
        "kind=dpo": "preferences: is missing",
        "data.prompt=diary": "data.prompt: ",
        "method=full": "needs a recipe with data.checkins, and method lora",
    }.items():
        code, out, err = run([("p2", "p5")] * 12, "--set", change)
        assert (code, told in err, "Traceback" in err) == (2, True, False), (change, out, err)
