"""Probabilities over the whole vocabulary, and over the catalogue alone."""

from math import exp, fsum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import tiny_model as make

from genrec.llm.decoding import Node, Trie, all_logprobs, telling, top_k
from genrec.llm.local import LocalModel
from genrec.llm.rows import ROOT, branches

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
    [shares] = tiny_model.read([prompt], [trie], "catalogue").child_logprobs([Node(0, (), children)])
    total = fsum(map(exp, full))
    assert list(map(exp, shares)) == pytest.approx([exp(score) / total for score in full], abs=1e-5)


def test_a_model_asked_over_the_catalogue_is_as_it_was_before(tiny_model: LocalModel) -> None:
    trie = Trie(tiny_model.answer_tokens(KINDS))
    prompt = asked(tiny_model, "Where do you go?")
    before = all_logprobs(tiny_model.read([prompt], [trie]), [trie])
    all_logprobs(tiny_model.read([prompt], [trie], "catalogue"), [trie])
    assert all_logprobs(tiny_model.read([prompt], [trie]), [trie]) == before


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(
    names=st.sets(st.text("ab 1", min_size=1, max_size=7).map(str.strip), min_size=2, max_size=30), k=st.integers(1, 9)
)
def test_what_is_sure_is_not_asked_and_changes_nothing(tiny_model: LocalModel, names: set[str], k: int) -> None:
    sequences = [tiny_model.text_tokens(f" {name}\n") for name in sorted(names)]
    whole, short = Trie(sequences), telling(sequences)
    prompt = asked(tiny_model, "Where do you go?")
    [every] = all_logprobs(tiny_model.read([prompt], [whole], "catalogue"), [whole])
    [brief] = all_logprobs(tiny_model.read([prompt], [short], "catalogue"), [short])
    assert brief == pytest.approx(every, abs=1e-4)
    scorer, read = tiny_model.read([prompt] * 2, [short] * 2, "catalogue"), []
    ask = scorer.child_logprobs
    scorer.child_logprobs = lambda nodes: read.extend(nodes) or ask(nodes)
    for best in top_k(scorer, [short] * 2, k):
        assert [one.logprob for one in best] == pytest.approx(sorted(every, reverse=True)[:k], abs=1e-4)
    assert all(len(node.children) > 1 for node in read if node.path)


def test_branches_are_read_once_each_behind_its_parent() -> None:
    read = branches([(1, 2, 3), (1, 2, 4), (5,)], {(5,): 0}, first=1)
    assert read == ([1, 2, 3, 4], [ROOT, 1, 2, 2], {(1,): 1, (1, 2): 2, (1, 2, 3): 3, (1, 2, 4): 4})
