"""Pairs are of two different places, none twice, from the sources and by the rule that were asked for."""

import hashlib
import json
import random
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import KINDS, at, quick
from made_city import town, written
from tiny import tiny_model

from genrec.errors import GenRecError, InputError
from genrec.fingerprint import fingerprint
from genrec.prepared import catalogue_hash
from genrec.prompting import prompt_version
from genrec.rankers.llm import LlmRanker, ProfileQuery
from genrec.rankers.ranking_prompt import RANKING
from genrec.trajectories import llm4poi, rolling, training
from training.data.judge import Judge
from training.data.pairs import CANDIDATES, Mix, PairMaker, pair_examples
from training.data.preferences import about_path, read_preferences, write_preferences
from training.recipe import Data
from training.trainers.reference import reference_log_probabilities

SOURCES = ("on-policy", "habits", "nearby", "random")


@pytest.fixture(scope="module")
def tiny():
    return tiny_model()


@pytest.fixture(scope="module")
def checkins():
    return town()


@pytest.fixture(scope="module")
def examples(checkins):
    return training(checkins, len(checkins.frame), [at(7), at(9)], last_only=True).examples


@pytest.mark.parametrize("train", ["llm4poi", "rolling"])
def test_examples_of_the_part_that_training_may_see(train, checkins):
    data = DATA.model_copy(update={"train": train})
    seen, examples = pair_examples(checkins, data, seed=0)
    test = llm4poi(checkins) if train == "llm4poi" else rolling(checkins)
    assert len(seen.frame) == test.train_rows
    assert seen.pois is checkins.pois
    assert len({example.as_of for example in examples}) == 2
    assert max(example.time for example in examples) <= min(example.time for example in test.examples)
    finals = pair_examples(checkins, data.model_copy(update={"targets": "final"}), seed=0)[1]
    assert set(finals) < set(examples)
    few = data.model_copy(update={"limit": 5})
    drawn = [pair_examples(checkins, few, seed)[1] for seed in (0, 0, 1)]
    assert len(drawn[0]) == 5
    assert drawn[0] == drawn[1] != drawn[2]
    with pytest.raises(GenRecError, match=r"data\.relabel"):
        pair_examples(checkins, data.model_copy(update={"relabel": True}), seed=0)


DATA = Data(checkins=Path("town.csv"), level="full", moments=2, targets="every")


def mixed(rule="truth", **settings):
    return Mix({"on-policy": 2, "habits": 1, "random": 1}, rule, **settings)


def made(tiny, checkins, examples, mix, part, settings=None, progress=lambda done, total: None, max_length=2000):
    score = partial(reference_log_probabilities, tiny, "tiny", cache=part.parent)
    maker = PairMaker(checkins, DATA, tiny, mix, max_length=max_length, score=score)
    return maker.make(examples, part, settings or {"data": "town"}, progress)


@given(
    st.dictionaries(st.sampled_from(SOURCES), st.floats(0.01, 10), min_size=1),
    st.integers(0, 200),
    st.integers(1, 3),
)
@quick
def test_shares_are_kept_exactly(shares, examples, per_example):
    sources = Mix(shares, per_example=per_example).sources(examples)
    assert [len(own) for own in sources] == [per_example] * examples
    counts = Counter(source for own in sources for source in own)
    for source, share in shares.items():
        assert abs(counts[source] - share / sum(shares.values()) * examples * per_example) < 1


@pytest.mark.parametrize("shares", [{}, {"habits": 0.0}, {"habits": -1, "random": 1}])
def test_impossible_shares(shares):
    with pytest.raises(GenRecError, match="a share above 0"):
        Mix(shares)


def test_truth_then_category_then_distance(checkins):
    pois = checkins.pois.with_columns(
        category=checkins.pois["category"].replace({"Office": "Coffee Shop", "Museum": "Coffee Shop"})
    )
    places = Judge(pois)  # of a kind: 1, 2, 7; in a row, a kilometre apart
    assert places.judge(7, 2, truth=2) == (2, 7)
    assert places.judge(3, 7, truth=2) == (7, 3), "the same kind wins over the nearer place"
    assert places.judge(7, 1, truth=2) == (1, 7)
    assert places.judge(0, 5, truth=2) == (0, 5)
    assert places.judge(4, 4, truth=2) is None
    assert places.nearby(2, 5) == [1, 7]
    assert places.nearby(0, 5) == []
    same_spot = Judge(pois.with_columns(latitude=51.0))
    assert same_spot.judge(0, 5, truth=2) is None, "nothing tells them apart"


@given(st.lists(st.integers(0, len(KINDS) - 1), unique=True), st.integers(0, len(KINDS) - 1), st.integers(0, 99))
@quick
def test_every_pair_once_and_never_of_equals(candidates, truth, seed):
    places, draw = Judge(town(1).pois), random.Random(seed)
    for rule in ("truth", "judged"):
        taken = set()
        while pair := places.pair(candidates, truth, rule, taken, draw):
            chosen, rejected = pair
            assert chosen != rejected
            assert rejected != truth
            assert rule == "judged" or chosen == truth
            assert pair not in taken
            assert pair[::-1] not in taken
            taken.add(pair)
        if rule == "truth":
            assert {rejected for _, rejected in taken} == set(candidates) - {truth}


@pytest.mark.parametrize("rule", ["truth", "judged"])
def test_pairs_of_a_town(rule, tiny, checkins, examples, tmp_path):
    all_of_it = made(tiny, checkins, examples, mixed(rule, per_example=2), tmp_path / "part")
    pairs, left_out = all_of_it.pairs, all_of_it.left_out
    assert all(0 <= share <= 1 for share in all_of_it.right_by_source().values())
    assert set(all_of_it.right_by_source()) == {pair.source for pair in pairs}
    assert len(pairs) + sum(left_out.values()) == 2 * len(examples)
    assert {pair.rule for pair in pairs} == {rule}
    assert {pair.source for pair in pairs} == {"on-policy", "habits", "random"}
    keys = {(json.dumps(pair.prompt), pair.chosen, pair.rejected) for pair in pairs}
    assert len(keys) == len(pairs)
    assert all({pair.chosen, pair.rejected} <= {str(poi) for poi in range(len(KINDS))} for pair in pairs)


def test_the_model_is_asked_as_in_serving(tiny, checkins, examples, tmp_path):
    """A prompt's on-policy rejected answer is among the model's own best for the very same prompt."""
    found = made(tiny, checkins, examples, Mix({"on-policy": 1}), tmp_path / "part")
    pairs = found.pairs
    by_prompt = {json.dumps(list(pair.prompt)): pair for pair in pairs}
    read = []
    recommender = LlmRanker(tiny, checkins)
    tiny_read, asked = tiny.prompt_tokens, []
    tiny.prompt_tokens = lambda messages: (asked.append(messages), tiny_read(messages))[1]
    try:
        for example in examples:
            habits = written(checkins, example.user_id, as_of=example.as_of)
            [top] = recommender.rank([ProfileQuery(habits, example.time, example.prefix)], k=CANDIDATES)
            pair = by_prompt[json.dumps(asked[-1])]
            assert pair.chosen == str(example.target)
            assert int(pair.rejected) in top.pois
            if example.target in top.pois:
                right = top.pois.index(example.target) < top.pois.index(int(pair.rejected))
                assert found.right[found.pairs.index(pair)] == right
            read.append(pair)
    finally:
        tiny.prompt_tokens = tiny_read
    assert len(read) == len(examples)


def test_what_happens_later_changes_no_pair(tiny, checkins, examples, tmp_path):
    example = examples[0]
    mix = Mix(dict.fromkeys(("on-policy", "habits", "random"), 1), per_example=3)
    known = made(tiny, checkins, [example], mix, tmp_path / "known")
    past = replace(checkins, frame=checkins.frame.filter(checkins.frame["time"] < example.time))
    assert len(past.frame) < len(checkins.frame)
    assert made(tiny, past, [example], mix, tmp_path / "past") == known


def test_goes_on_after_a_kill(tiny, checkins, examples, tmp_path):
    mix = mixed(per_example=2)
    whole = made(tiny, checkins, examples, mix, tmp_path / "whole")
    part = tmp_path / "part"

    def killed(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(tiny, checkins, examples, mix, part, progress=killed)
    with part.open("a") as file:
        file.write('{"pairs": [')
    seen = []
    assert made(tiny, checkins, examples, mix, part, progress=lambda done, total: seen.append((done, total))) == whole
    assert seen[-1] == (len(examples), len(examples))
    before = part.read_bytes()
    assert before == (tmp_path / "whole").read_bytes()
    with pytest.raises(GenRecError, match="other settings"):
        made(tiny, checkins, examples, mix, part, {"data": "another"})


def test_another_seed_another_mixture(tiny, checkins, examples, tmp_path):
    one, two = (made(tiny, checkins, examples, mixed(seed=seed), tmp_path / str(seed)).pairs for seed in (0, 1))
    assert one != two


def test_a_source_with_nothing_to_offer_is_counted(tiny, checkins, examples, tmp_path):
    found = made(tiny, checkins, examples, Mix({"nearby": 1}), tmp_path / "part")
    assert found.pairs == [], "every kind has one place only"
    assert found.left_out == {"nearby offers no further two places of different worth": len(examples)}


def test_a_prompt_too_long_is_found_at_once(tiny, checkins, examples, tmp_path):
    with pytest.raises(GenRecError, match="more than max_length, 50: raise that"):
        made(tiny, checkins, examples, mixed(), tmp_path / "part", max_length=50)


def account(checkins):
    return {
        "catalogue": catalogue_hash(checkins.pois),
        "ranking_prompt": prompt_version(RANKING),
        "settings": {"data": fingerprint(checkins)},
        "left_out": {},
        "reference_prefers_chosen": {"random": 0.5},
    }


def test_files(tiny, checkins, examples, tmp_path):
    path = tmp_path / "pairs.jsonl"
    pairs = made(tiny, checkins, examples, mixed(), tmp_path / "part").pairs
    about = write_preferences(path, pairs, **account(checkins))
    assert read_preferences(path) == (pairs, about)
    assert sum(about.pairs.values()) == len(pairs)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert set(rows[0]) == {"prompt", "chosen", "rejected", "source", "rule"}

    path.write_text(path.read_text().replace('"random"', '"habits"'))
    with pytest.raises(InputError, match=r"is not the file that pairs\.about\.json speaks of"):
        read_preferences(path)
    about_path(path).unlink()
    with pytest.raises(InputError, match=r"pairs\.about\.json: no such file"):
        read_preferences(path)


PAIR = {"prompt": [{"role": "user", "content": "Where next?"}], "chosen": "1", "rejected": "2", "source": "random",
        "rule": "truth"}  # fmt: skip


def test_equal_answers_are_refused(tmp_path, checkins):
    path = tmp_path / "pairs.jsonl"
    write_preferences(path, [], **account(checkins))
    with pytest.raises(InputError, match="holds no pairs"):
        read_preferences(path)
    line = json.dumps(PAIR | {"rejected": "1"}) + "\n"
    path.write_text(line)
    about = json.loads(about_path(path).read_text()) | {"sha256": hashlib.sha256(line.encode()).hexdigest()}
    about_path(path).write_text(json.dumps(about))
    with pytest.raises(InputError, match="row 1: not a preference: chosen and rejected are both '1'"):
        read_preferences(path)
