"""The in-process backend against plain forward passes without cache, mask or batch."""

import pytest
import torch
from tiny import tiny_model

from genrec.llm.decoding import Node, Trie, top_k
from genrec.llm.local import LocalModel
from genrec.llm.prefix_cache import BLOCK, PrefixCache, shared_length

SYSTEM = "The person goes to POI 12 (Coffee Shop) on weekdays around 8, then works until 17:00."


def conversation(question: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]


@pytest.fixture(scope="module", params=[True, False], ids=["single digits", "digit groups"])
def model(request):
    return tiny_model(split_digits=request.param)


@torch.inference_mode()
def plain_logprob(model, prompt, answer) -> float:
    logits = model.engine.model(input_ids=torch.tensor([prompt + answer])).logits[0].float()
    rows = torch.log_softmax(logits, -1)[len(prompt) - 1 : -1]
    return float(rows[torch.arange(len(answer)), answer].sum())


def test_top_k_equals_full_scoring(model):
    answers = model.answer_tokens([str(i) for i in range(120)])
    prompt = model.prompt_tokens(conversation("Where next?"))
    assert len(prompt) > 3 * 8, "longer than the sliding window"
    expected = [plain_logprob(model, prompt, answer) for answer in answers]
    [result] = top_k(model.read([prompt], [Trie(answers)]), [Trie(answers)], 15)
    assert [s.answer for s in result] == sorted(range(120), key=lambda i: -expected[i])[:15]
    assert all(abs(s.logprob - expected[s.answer]) < 1e-4 for s in result)


def test_a_model_that_a_trainer_left_ranks_as_before():
    answers = tiny_model().answer_tokens(["1", "12", "7", "345"])
    prompt = tiny_model().prompt_tokens(conversation("Where next?"))
    left = tiny_model().engine.model
    left.config.use_cache = False
    rankings = [
        top_k(model.read([prompt], [Trie(answers)]), [Trie(answers)], 4)
        for model in (tiny_model(), LocalModel(left, tiny_model().tokenizer, "left"))
    ]
    assert rankings[0] == rankings[1]


def test_shared_prefix_changes_nothing(model):
    answers = model.answer_tokens(["1", "12", "7", "345"])
    prompts = [model.prompt_tokens(conversation(f"Day {i}. Where next?")) for i in (1, 2)]
    tries = [Trie(answers)] * 2
    before = model.cache_use()
    results = [top_k(model.read([prompt], tries[:1]), tries[:1], 4)[0] for prompt in prompts]
    results += top_k(model.read(prompts, tries), tries, 4)
    assert model.cache_use().since(before).hit_rate > 0.5
    for prompt, result in zip((*prompts, *prompts), results, strict=True):
        for scored in result:
            assert abs(scored.logprob - plain_logprob(model, prompt, answers[scored.answer])) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("capacity", [0, 1 << 15, 1 << 30])
def test_users_together_are_ranked_as_each_alone(capacity, model):
    """Whatever the cache holds, and however the batch is cut into passes."""
    known, model.engine.prefixes = model.engine.prefixes, PrefixCache(capacity)
    try:
        answers = model.answer_tokens([str(i) for i in range(0, 400, 7)])
        asks = [conversation(f"{'Monday ' * (i % 5)} user {i // 3}: where next? {i}") for i in range(14)]
        prompts = [model.prompt_tokens(ask) for ask in asks]
        tries = [Trie(answers[: 10 + i]) for i in range(14)]
        for _ in range(2):
            for prompt, trie, result in zip(prompts, tries, top_k(model.read(prompts, tries), tries, 6), strict=True):
                expected = [plain_logprob(model, prompt, answer) for answer in answers[: len(trie)]]
                assert [s.answer for s in result] == sorted(range(len(trie)), key=lambda i: -expected[i])[:6]
                assert all(abs(s.logprob - expected[s.answer]) < 1e-4 for s in result)
    finally:
        model.engine.prefixes = known


def test_a_search_that_wants_only_what_was_read_ahead_is_not_over():
    """While most others are over, so that their rows are dropped."""
    model = tiny_model()
    answers = model.answer_tokens([str(i) for i in range(100)])
    trie, prompts = Trie(answers), [model.prompt_tokens(conversation(f"Day {i}?")) for i in range(4)]
    digits = tuple(answers[12][:2])

    def node(prompt, path):
        return Node(prompt, path, tuple(trie.children(trie.find(path))))

    scorer = model.read(prompts, [trie] * 4)
    scorer.child_logprobs([node(prompt, ()) for prompt in range(4)])
    scorer.child_logprobs([node(0, digits[:1])])
    scorer.child_logprobs([node(0, digits), node(1, digits[:1])])
    [[found]] = scorer.child_logprobs([node(1, digits)])
    whole, part = (plain_logprob(model, prompts[1], list(tokens)) for tokens in (answers[12], digits))
    assert found == pytest.approx(whole - part, abs=1e-4)


def test_the_beginnings_of_earlier_prompts_are_not_read_again(model):
    trie = Trie(model.answer_tokens(["1", "2"]))
    prompt = model.prompt_tokens(conversation("Once?"))
    model.read([prompt], [trie])
    before = model.cache_use()
    other = model.prompt_tokens(conversation("Twice?"))
    model.read([prompt, other], [trie] * 2)
    use = model.cache_use().since(before)
    assert use.tokens == len(prompt) + len(other)
    known = len(prompt) - 1, shared_length(prompt, other)
    assert use.reused == sum(length // BLOCK * BLOCK for length in known)


def test_batch_generates_what_each_prompt_alone_does(model):
    asks = [conversation("short"), conversation("a much longer question about POI 12 " * 3), conversation("8?")]
    together = model.generate(asks, max_tokens=12, stop="\0")
    alone = [model.generate([ask], max_tokens=12, stop="\0")[0] for ask in asks]
    assert together == alone
    prompt = model.prompt_tokens(asks[1])
    with torch.inference_mode():
        for _ in range(12):
            logits = model.engine.model(input_ids=torch.tensor([prompt])).logits[0, -1]
            prompt.append(int(logits.argmax()))
    assert together[1].text == model.tokenizer.decode(prompt[-12:])
    assert together[1].tokens_out == 12


def test_sampling_is_seeded_and_independent_of_neighbours(model):
    asks = [conversation("one"), conversation("two two"), conversation("three three three")]
    first = model.generate(asks, max_tokens=8, stop="\0", temperature=1.0, seed=3)
    assert first == model.generate(asks, max_tokens=8, stop="\0", temperature=1.0, seed=3)
    assert first[1] == model.generate(asks[1:2], max_tokens=8, stop="\0", temperature=1.0, seed=3)[0]
    assert first != model.generate(asks, max_tokens=8, stop="\0", temperature=1.0, seed=4)


def test_answers_end_with_the_templates_end_token(model):
    tokens = model.answer_tokens(["7", "12"])
    assert [model.tokenizer.decode(t) for t in tokens] == ["7\n", "12\n"]


def test_prompt_beyond_the_context_is_a_clear_error(model):
    from genrec.errors import GenRecError

    with pytest.raises(GenRecError, match="exceeds the 2048"):
        model.prompt_tokens(conversation("x " * 3000))


def test_a_wrapper_leaves_the_model_as_it_was():
    """A study wraps the same model at every stop, and trains it in between."""
    first = tiny_model()
    layer = first.engine.model.get_output_embeddings()
    prompt = first.prompt_tokens(conversation("Where next?"))
    trie = Trie(first.answer_tokens(["1", "12"]))
    rankings = []
    for _ in range(3):
        again = LocalModel(first.engine.model, first.tokenizer, "again")
        rankings += top_k(again.read([prompt], [trie]), [trie], 2)
        assert type(layer) is torch.nn.Linear
        assert not layer._forward_pre_hooks
    assert rankings[0] == rankings[1] == rankings[2]
    tokens = torch.tensor([prompt])
    assert torch.equal(first.engine.model(input_ids=tokens).logits, tiny_model().engine.model(input_ids=tokens).logits)


def test_a_model_that_fails_is_left_as_it_was(monkeypatch):
    model = tiny_model()
    layer = model.engine.model.get_output_embeddings()
    monkeypatch.setattr(model.engine.model.model.layers[0], "forward", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model.read([[1, 2, 3]], [Trie([(4,)])])
    assert type(layer) is torch.nn.Linear
    assert not layer._forward_pre_hooks


def test_what_is_not_a_number_is_neither_ranked_nor_written():
    from genrec.errors import GenRecError

    model = tiny_model()
    answers = model.answer_tokens(["1", "12"])
    with torch.no_grad():
        model.engine.model.model.layers[1].mlp.down_proj.weight[0, 0] = float("nan")
    with pytest.raises(GenRecError, match="prompt 1 of the request"):
        top_k(model.read([[1, 20, 30]], [Trie(answers)]), [Trie(answers)], 1)
    for temperature in (0.0, 1.0):
        with pytest.raises(GenRecError, match="cannot write"):
            model.generate([conversation("?")], max_tokens=2, stop="\0", temperature=temperature)


def test_only_the_words_that_are_named_are_written(model):
    asked = [conversation("Where next?"), conversation("Where at 8?")]
    [free, other] = model.generate(asked, max_tokens=12, stop="\n\n")
    of_few = model.generate(asked, max_tokens=12, stop="\n\n", words=f"{free.text} {other.text}")
    vocabulary = model._vocabulary([free.text, other.text, SYSTEM, "Where next? Where at 8?"])
    assert len(vocabulary) < len(model.tokenizer) / 2
    written = {token for one in of_few for token in model.text_tokens(one.text)}
    assert written <= {*vocabulary, *model.text_tokens("\n\n")}
