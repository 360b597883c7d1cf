"""Off-policy estimates against a truth that is known, and the policy whose propensities they rest on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.online.buffer import answered
from training.online.estimates import doubly_robust, ips, mean_of
from training.online.policy import Said, named, plan

LISTS, PLACES, SHOWN, EVEN = 4000, 12, 3, 0.3


def believed(seed, lists=LISTS, places=PLACES):
    """Probabilities of places, some of which are missing, and of none of them."""
    draw = np.random.default_rng(seed)
    weights = draw.gamma(0.5, size=(lists, places + 1)) + 1e-3
    mask = np.arange(places) < draw.integers(1, places + 1, size=lists)[:, None]
    weights[:, :-1] *= mask
    weights /= weights.sum(axis=1, keepdims=True)
    return Said(weights[:, :-1], weights[:, -1], mask)


def went(truth, draw):
    """Where each person goes: to a candidate, or (-1) to none."""
    chances = np.concatenate([truth.places, truth.rest[:, None]], axis=1)
    to = (chances.cumsum(axis=1) <= draw.random(len(chances))[:, None]).sum(axis=1)
    return np.where(to >= truth.places.shape[1], -1, to)


def similar(truth, share, seed):
    other = believed(seed)
    places = (share * truth.places + (1 - share) * other.places) * truth.mask
    total = places.sum(axis=1) + truth.rest
    return Said(places / total[:, None], truth.rest / total, truth.mask)


def logged(seed=0):
    """A truth, feedback that one policy gathered, and what another one would earn."""
    draw, truth = np.random.default_rng(seed), believed(1)
    logging, new = (plan(similar(truth, share, 7 + i), SHOWN, EVEN) for i, share in enumerate((0.3, 0.7)))
    to = went(truth, draw)
    log = answered(np.arange(LISTS), named(logging, draw), logging.propensity, to)
    return truth, log, logging, new


def test_both_estimates_find_what_a_new_policy_is_worth():
    truth, log, logging, new = logged()
    worth, before = ((one.gain * truth.places).sum(axis=1).mean() for one in (new, logging))
    wrong = believed(99).places * truth.mask  # a model of somebody else's
    inverse = mean_of(ips(new.gain, log), np.arange(LISTS))
    robust = mean_of(doubly_robust(new.gain, truth.places, log), np.arange(LISTS))
    misled = mean_of(doubly_robust(new.gain, wrong, log), np.arange(LISTS))
    assert worth > before + 0.03
    for found in (inverse, robust, misled):
        assert found.low < worth < found.high
        assert found.low > before
    assert robust.high - robust.low < inverse.high - inverse.low


def test_the_intervals_hold_the_truth_as_often_as_they_say():
    held = 0
    truth, _, logging, new = logged()
    worth = (new.gain * truth.places).sum(axis=1)
    draw, people = np.random.default_rng(1), np.arange(200)
    for seed in range(80):
        log = answered(np.arange(LISTS), named(logging, draw), logging.propensity, went(truth, draw))
        part = slice(200 * (seed % 20), 200 * (seed % 20 + 1))
        found = mean_of(doubly_robust(new.gain, truth.places, log)[part], people)
        held += found.low < worth[part].mean() < found.high
    assert held >= 70


def test_the_estimate_of_the_policy_that_gathered_the_feedback_is_what_it_earned():
    _, log, logging, _ = logged()
    earned = log.reward @ (1 / np.arange(1, SHOWN + 1))
    assert ips(logging.gain, log).mean() == pytest.approx(earned.mean(), abs=0.02)


@given(st.integers(0, 2**32 - 1), st.integers(1, 14), st.floats(0.01, 1))
@settings(max_examples=40, deadline=None)
def test_every_candidate_may_be_named_and_propensities_are_chances(seed, shown, even):
    said = believed(seed, lists=20)
    made = plan(said, shown, even)
    assert (made.propensity[said.mask] > 0).all()
    assert (made.propensity[~said.mask] == 0).all()
    assert made.propensity.max() <= 1 + 1e-9
    expected = np.minimum(said.mask.sum(axis=1), shown)
    assert made.propensity.sum(axis=1) == pytest.approx(expected)
    places = named(made, np.random.default_rng(seed))
    for row, line in enumerate(places):
        assert len(line) == shown
        there = line[line >= 0]
        assert len(set(there.tolist())) == len(there) == expected[row]
        assert said.mask[row, there].all()
    assert made.gain.max(initial=0) <= 1 + 1e-9


def test_drawn_places_come_as_often_as_their_propensities_say():
    one = believed(3, lists=1)
    said = Said(np.repeat(one.places, 20_000, axis=0), np.repeat(one.rest, 20_000), np.repeat(one.mask, 20_000, axis=0))
    made = plan(said, 2, 0.2)
    places = named(made, np.random.default_rng(0))
    often = np.bincount(places[places >= 0], minlength=PLACES) / len(places)
    assert often == pytest.approx(made.propensity[0], abs=0.02)
