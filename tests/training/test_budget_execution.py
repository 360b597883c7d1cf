"""What a study's many stops leave behind: nothing. And what a run keeps is checked when it is read again."""

import json

import pytest
from made_budget import file_task, study
from tiny import tiny_model

from genrec.errors import InputError
from genrec.llm.decoding import top_k
from genrec.rankers.llm import place_trie
from training.budget.chain import Chain
from training.budget.stages import bought_pairs, serving
from training.budget.tasks.jsonl import JsonlTask
from training.settings import Trainable
from training.stage import add_time

PROMPT = [{"role": "user", "content": "Where to?"}]


def state(model):
    """All that a wrapper could leave on a model: kinds of modules, their hooks, and what else they hold."""
    return [
        (name, type(module), {key: len(value) for key, value in vars(module).items() if hasattr(value, "__len__")})
        for name, module in model.named_modules()
    ]


def test_a_wrapper_at_every_stop_piles_nothing_up():
    """A stop looks at the model through a new wrapper: neither hooks nor memory nor another result come of it."""
    tiny = tiny_model()
    trainable = Trainable(tiny.engine.model, tiny.tokenizer, type("Info", (), {"name": "tiny"})())
    before, ranked = state(tiny.engine.model), []
    for _ in range(4):
        served = serving(tiny.engine.model, trainable)
        tries, tokens = [place_trie(served, 12)], [served.prompt_tokens(PROMPT)]
        ranked.append([(one.answer, one.logprob) for one in top_k(served.read(tokens, tries), tries, 5)[0]])
        served.generate([PROMPT], max_tokens=2, stop="\n")
        assert state(tiny.engine.model) == before
    assert ranked == ranked[:1] * 4


def test_bought_pairs_are_kept_and_checked(tmp_path):
    task, path = JsonlTask(study(task=file_task(tmp_path)).task), tmp_path / "pairs.jsonl"
    short, long = Chain("dpo", 0, 1e-3, (8,)), Chain("dpo", 0, 1e-3, (40,))
    first = bought_pairs(task, short, None, path)
    kept = path.read_bytes()
    assert bought_pairs(task, short, None, path) == first
    assert path.read_bytes() == kept
    path.write_bytes(kept + b'{"read": 32, "pai')  # a kill
    assert bought_pairs(task, long, None, path)[:8] == first
    for damaged in ({"read": 32}, {"read": "many", "pairs": []}, {"read": 32, "pairs": [["Where to?", "7", "8"]]}):
        path.write_bytes(kept + json.dumps(damaged).encode() + b"\n")
        with pytest.raises(InputError, match=r"pairs.jsonl, row 2: not a batch of pairs: .*Delete it") as caught:
            bought_pairs(task, long, None, path)
        assert "\n" not in str(caught.value)


def test_damaged_times_are_told(tmp_path):
    add_time(tmp_path, first_step=0, last_step=2, seconds=1.0)
    add_time(tmp_path, first_step=2, last_step=4, seconds=1.0)
    times = tmp_path / "times.json"
    assert [one["last_step"] for one in json.loads(times.read_text())] == [2, 4]
    times.write_text('{"first_step": 0}')
    with pytest.raises(InputError, match=r"times.json: not times of a run"):
        add_time(tmp_path, first_step=4, last_step=6, seconds=1.0)
