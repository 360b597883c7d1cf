"""Probabilities over the whole vocabulary, and over the catalogue alone."""

from math import exp, fsum

import pytest
from tiny import tiny_model as make

from genrec.llm.decoding import Node, Trie, all_logprobs, top_k
from genrec.llm.local import LocalModel

KINDS = ["Museum", "Music Venue", "Art Museum", "Bar", "Sports Bar", "Coffee Shop"]


@pytest.fixture(scope="module")
def tiny_model() -> LocalModel:
    return make(split_digits=True)


def asked(model: LocalModel, text: str) -> list[int]:
    return model.prompt_tokens([{"role": "user", "content": text}])


def test_over_the_model_all_answers_have_the_scores_of_the_search(tiny_model: LocalModel) -> None:
    trie = Trie(tiny_model.answer_tokens(KINDS))
    prompts = [asked(tiny_model, "Where do you go?"), asked(tiny_model, "A place:")]
    every = all_logprobs(tiny_model.read(prompts, [trie] * 2), [trie] * 2)
    best = top_k(tiny_model.read(prompts, [trie] * 2), [trie] * 2, len(KINDS))
    for scores, ranked in zip(every, best, strict=True):
        assert scores == pytest.approx([one.logprob for one in sorted(ranked, key=lambda one: one.answer)], abs=1e-4)


def test_over_the_catalogue_probabilities_sum_to_1_and_follow_the_models_step_by_step(tiny_model: LocalModel) -> None:
    trie = Trie(tiny_model.answer_tokens(KINDS))
    prompt = asked(tiny_model, "Where do you go?")
    [scores] = all_logprobs(tiny_model.read([prompt], [trie], "catalogue"), [trie])
    assert fsum(map(exp, scores)) == pytest.approx(1, abs=1e-5)
    assert [one.answer for one in top_k(tiny_model.read([prompt], [trie], "catalogue"), [trie], 2)[0]] == sorted(
        range(len(KINDS)), key=lambda answer: -scores[answer]
    )[:2]
    children = tuple(trie.children(0))
    [full] = tiny_model.read([prompt], [trie]).child_logprobs([Node(0, (), children)])
    [given] = tiny_model.read([prompt], [trie], "catalogue").child_logprobs([Node(0, (), children)])
    total = fsum(map(exp, full))
    assert list(map(exp, given)) == pytest.approx([exp(score) / total for score in full], abs=1e-5)


def test_a_model_asked_over_the_catalogue_is_as_it_was_before(tiny_model: LocalModel) -> None:
    trie = Trie(tiny_model.answer_tokens(KINDS))
    prompt = asked(tiny_model, "Where do you go?")
    before = all_logprobs(tiny_model.read([prompt], [trie]), [trie])
    all_logprobs(tiny_model.read([prompt], [trie], "catalogue"), [trie])
    assert all_logprobs(tiny_model.read([prompt], [trie]), [trie]) == before
