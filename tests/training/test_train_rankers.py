"""Training of rankers: seeded, blind to what comes after, and worth its while."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from made import at
from made_trained import TRAIN, city, cml, m2trec, without_categories

from genrec.evidence import Evidence
from genrec.rankers.ranker import Query
from training.rankers.cml import likeliest, train_cml
from training.rankers.m2trec import train_m2trec

SHORT = {train_m2trec: {"epochs": 1}, train_cml: {"steps": 10}}


def weights(ranker):
    return ranker.network.state_dict()


@pytest.mark.parametrize("train", SHORT)
def test_training_is_seeded_and_blind_to_later_check_ins(train):
    seen = replace(city(), frame=city().frame[:TRAIN])
    first = train(city(), TRAIN, sentences=False, **SHORT[train])
    again = train(seen, TRAIN, sentences=False, **SHORT[train])
    assert all(torch.equal(value, weights(again)[key]) for key, value in weights(first).items())
    assert first.trained == again.trained
    assert first.trained.trained_on.rows == TRAIN
    assert first.trained.trained_on.last == city().frame["time"][:TRAIN].max()
    other = train(city(), TRAIN, sentences=False, seed=1, **SHORT[train])
    assert not all(torch.equal(value, weights(other)[key]) for key, value in weights(first).items())


@pytest.mark.parametrize("train", SHORT)
def test_places_without_categories_are_enough(train):
    bare = without_categories()
    ranker = train(bare, TRAIN, sentences=False, **SHORT[train])
    assert np.isfinite(ranker.score([Query("u0", at(25, 9))], Evidence(bare, at(25)))).all()


@pytest.mark.parametrize("trained", [m2trec, cml])
def test_tastes_are_learned_for_new_places_too(trained):
    """People of one taste, at places of the train part and at those that opened later, get these before the others."""
    evidence = Evidence(city(), at(24))
    users = sorted(set(city().frame["user_id"]))
    scores = np.exp(trained().score([Query(user, at(26, 12)) for user in users], evidence))
    kind = np.array(city().pois["category"].is_in(["Gym", "Park"]))
    new = evidence.city.visits == 0
    sporty = np.array([int(user[1:]) % 2 == 1 for user in users])
    for places in (~new, new):
        share = scores[:, kind & places].sum(axis=1) / scores[:, places].sum(axis=1)
        assert share[sporty].min() > share[~sporty].max()


def test_single_and_multi_task_differ_in_their_heads_only():
    single = train_m2trec(city(), TRAIN, sentences=False, epochs=1, tasks="single")
    assert single.trained.tasks == "single"
    fresh = train_m2trec(city(), TRAIN, sentences=False, epochs=0, tasks="single")
    assert torch.equal(single.network.category.bias, fresh.network.category.bias)


def test_likeliest_weights_are_those_that_made_the_targets():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(800, 20, 2, generator=generator)
    truth = torch.tensor([1.5, -0.5])
    targets = torch.distributions.Categorical(logits=inputs @ truth).sample()
    closed = torch.zeros(20, dtype=torch.bool)
    assert torch.allclose(likeliest(inputs, targets, closed), truth, atol=0.25)


def test_progress_reaches_its_end():
    told = []
    train_cml(city(), TRAIN, sentences=False, steps=5, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (10, 10) and [done for done, _ in told] == list(range(1, 11))
