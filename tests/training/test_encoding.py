"""Tokens are those of serving, and loss is on answers and their end tokens only."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_examples import TrainingExample, conversation
from tiny import tiny_tokenizer

from genrec.errors import GenRecError
from genrec.llm.chat import answer_tokens, prompt_tokens
from training.data.encoding import IGNORED, Encoder, encoded_dataset

TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x24F), min_size=1, max_size=30).filter(str.strip)


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


@pytest.fixture(scope="module")
def encoder(tokenizer):
    return Encoder(tokenizer, 1000)


def learned(encoder, example):
    """The stretches of text that carry loss."""
    encoded = encoder.encode(example, 0)
    stretches, inside = [], False
    for token, label in zip(encoded.input_ids, encoded.labels, strict=True):
        if label != IGNORED:
            assert label == token
            if not inside:
                stretches.append([])
            stretches[-1].append(int(token))
        inside = label != IGNORED
    return [encoder.tokenizer.decode(stretch) for stretch in stretches]


@pytest.mark.parametrize("every", [True, False])
def test_loss_is_on_the_answers_and_their_ends(encoder, every):
    example = conversation(1, every=every)
    assert learned(encoder, example) == [f"{example.messages[i]['content']}\n" for i in sorted(example.supervised)]


@given(system=TEXT, turns=st.lists(st.tuples(TEXT, st.integers(0, 5000)), min_size=1, max_size=5), data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_each_answer_follows_the_prompt_that_serving_makes(encoder, system, turns, data):
    messages = [{"role": "system", "content": system}]
    for question, answer in turns:
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": str(answer)}]
    answers = list(range(2, len(messages), 2))
    supervised = data.draw(st.sets(st.sampled_from(answers)))
    encoded = encoder.encode(TrainingExample(tuple(messages), frozenset(supervised)), 0)
    tokens, labels = encoded.input_ids.tolist(), encoded.labels.tolist()
    expected = [IGNORED] * len(tokens)
    for turn in answers:
        prompt = prompt_tokens(encoder.tokenizer, messages[:turn])
        [answer] = answer_tokens(encoder.tokenizer, [messages[turn]["content"]])
        assert tokens[: len(prompt) + len(answer)] == prompt + answer
        if turn in supervised:
            expected[len(prompt) : len(prompt) + len(answer)] = answer
    assert labels == expected
    assert tokens.count(encoder.tokenizer.bos_token_id) == 1


def test_a_long_example_is_an_error_that_names_it(tokenizer):
    example = conversation(2)
    length = len(Encoder(tokenizer, 1000).encode(example, 0).input_ids)
    assert len(Encoder(tokenizer, length).encode(example, 7).input_ids) == length
    with pytest.raises(GenRecError, match=f"example 7 has {length} tokens, more than max_length, {length - 1}"):
        Encoder(tokenizer, length - 1).encode(example, 7)


def test_a_template_that_rewords_earlier_turns_is_refused(tokenizer):
    odd = tiny_tokenizer()
    odd.chat_template = tokenizer.chat_template.replace(
        "{%- generation -%}{{- content", "{%- generation -%}{{- (content if loop.last else '?')"
    )
    with pytest.raises(GenRecError, match=r"data\.targets: final"):
        Encoder(odd, 1000).encode(conversation(0), 3)


def test_tokens_come_from_the_cache_until_anything_changes(tokenizer, tmp_path, monkeypatch):
    encoder, examples = Encoder(tokenizer, 1000), [conversation(i) for i in range(5)]
    seen = []
    first = encoded_dataset(encoder, examples, tmp_path, lambda done, total: seen.append((done, total)))
    assert seen == [(i, 5) for i in range(1, 6)]
    assert first["length"][:] == [len(ids) for ids in first["input_ids"]]
    with monkeypatch.context() as patch:
        patch.setattr(Encoder, "encode", None)  # not called again
        again = encoded_dataset(Encoder(tokenizer, 1000), examples, tmp_path)
    assert again.to_dict() == first.to_dict()
    fewer = [replace(examples[0], supervised=frozenset({2})), *examples[1:]]
    assert encoded_dataset(encoder, fewer, tmp_path).to_dict() != first.to_dict()
    with pytest.raises(GenRecError, match="example 0 has"):
        encoded_dataset(Encoder(tokenizer, 10), examples, tmp_path)
