"""Diaries to learn from: each visit an answer once its profile cannot know it, under names that differ each time."""

import random
import re

import numpy as np
import pytest
from made import at, make
from made_city import town
from tiny import tiny_model

from genrec.habits import habits_of
from genrec.rankers.diary import Diarist
from genrec.rankers.place_names import place_names
from training.data.cities import training_city
from training.data.conversation import TrainingExample
from training.data.diaries import BEHIND_PROFILE, diaries, drawn_names, in_other_words, vocabularies
from training.data.encoding import IGNORED, Encoder

CHECKINS = town(6)


def windows(seed, **settings):
    return diaries(CHECKINS, 20, draw=random.Random(seed), **{"limit": None, "relabel": False} | settings)


def test_a_profile_knows_nothing_of_what_is_learned():
    movers = [(user, 30 * i + n // 4, at(n // 2, 9 + n % 2)) for i, user in enumerate("abc") for n in range(60)]
    checkins = make(movers, [f"Kind{n}" for n in range(90)])
    shown = set()
    for seed in range(10):
        for example in diaries(checkins, 20, limit=None, relabel=False, draw=random.Random(seed)):
            about = example.messages[0]["content"]
            shown.add(("Kind" in about, example.told > 0))
            first, *later = dict.fromkeys(answer.strip() for _, answer in example.diary[example.told :])
            assert not any(re.search(rf"\b{name}\b", about) for name in later), (first, later, about)
            if "Kind" in about and not example.told:
                assert len(example.diary) <= BEHIND_PROFILE
    assert shown >= {(False, False), (True, True), (True, False)}  # the diary alone, both, the profile alone


def test_the_tokens_are_those_of_service_and_loss_is_on_the_learned_answers():
    model = tiny_model()
    names = place_names(CHECKINS.pois)
    diarist = Diarist(CHECKINS.pois, names, hours=True)
    visits = [(at(0, 8), 2), (at(0, 9), 1), (at(0, 19), 0)]
    lines = tuple(diarist.line(visit) for visit in visits)
    encoded = Encoder(model.tokenizer, 500).encode(
        TrainingExample(tuple(diarist.messages([])), frozenset(), diary=lines, told=1), 0
    )
    for row in (1, 2):
        asked = [piece for line in lines[:row] for piece in line] + [lines[row][0]]
        prompt = model.prompt_tokens(diarist.messages([])) + [t for piece in asked for t in model.text_tokens(piece)]
        answer = model.text_tokens(lines[row][1])
        tokens = encoded.input_ids.tolist()
        assert tokens[: len(prompt) + len(answer)] == prompt + answer
        assert encoded.labels[len(prompt) : len(prompt) + len(answer)].tolist() == answer
    loss = np.flatnonzero(encoded.labels != IGNORED)
    assert len(loss) == sum(len(model.text_tokens(answer)) for _, answer in lines[1:])


def test_a_sample_of_windows_is_the_same_for_the_same_seed():
    assert len(windows(0, limit=3)) == 3
    assert windows(1) == windows(1)
    assert sum(len(example.diary) for example in windows(0) if not example.told) <= len(CHECKINS.frame)


@pytest.mark.parametrize("seed", range(6))
def test_drawn_names_are_unique(seed):
    names = drawn_names(CHECKINS.pois, random.Random(seed))
    assert len({name.casefold() for name in names}) == len(CHECKINS.pois)


@pytest.mark.slow
def test_every_kind_of_the_synthetic_city_has_other_words():
    city = training_city(5)
    kinds = set(city.pois["category"])
    assert kinds <= vocabularies().keys()
    assert len({len(words) for words in vocabularies().values()}) == 1
    assert any(set(in_other_words(city, random.Random(seed)).pois["category"]).isdisjoint(kinds) for seed in range(6))
    assert habits_of(in_other_words(city, random.Random(1)), "u0001").checkins
