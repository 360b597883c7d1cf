"""Text of data and people stays text: no content forges turns, in any chat template, and every template is met."""

from collections import Counter
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_examples import TrainingExample
from tiny import TEXT, tiny_tokenizer
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, trainers
from tokenizers.decoders import ByteLevel
from transformers import PreTrainedTokenizerFast

from genrec.errors import GenRecError
from genrec.llm.chat import answer_tokens, count_tokens, fitted, folded, prompt_tokens, standalone_tokens
from genrec.llm.embedded import CHAT_TEMPLATE
from genrec.llm.plain_text import counted, plain
from training.data.encoding import Encoder

# Gemma 2's: no system role, turns must alternate.
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}"
    "{% else %}{% set role = message['role'] %}{% endif %}"
    "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}"
)
# Qwen's and many others'.
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA3 = (
    "{{- bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'"
    " + message['content'] | trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
# Mistral's: no system role, strict alternation, a space before what the assistant says.
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'] + eos_token}}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"
)
MARKERS = {
    "gemma": (GEMMA, ["<pad>", "<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"], ["<h1>", "[multimodal]"]),
    "chatml": (
        CHATML,
        ["<pad>", "<|im_start|>", "<|im_end|>", "<|endoftext|>"],
        ["<tool_call>", "<think>", "</think>"],
    ),
    "llama3": (LLAMA3, ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"], ["<|x|>"]),
    "mistral": (MISTRAL, ["<s>", "</s>", "<unk>"], ["[INST]", "[/INST]", "[TOOL_CALLS]"]),
    "lines": (CHAT_TEMPLATE, ["<pad>", "<bos>", "<eos>"], ["<unused0>"]),
}
ALL = sorted({marker for _, special, added in MARKERS.values() for marker in (*special, *added)})


@cache
def tokenizer(name, normalized=False):
    """A small byte-level tokenizer with a real template; `normalized` matches markers in what NFKC makes of a text."""
    template, special, added = MARKERS[name]
    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.NFKC() if normalized else None
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = ByteLevel()
    made.train_from_iterator(
        TEXT, trainers.BpeTrainer(vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    )
    made.add_special_tokens([AddedToken(marker, normalized=normalized, special=True) for marker in special])
    made.add_tokens([AddedToken(marker, normalized=normalized, special=False) for marker in added])
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token="<bos>" if "<bos>" in special else special[0],
        eos_token="<eos>" if "<eos>" in special else special[1],
        unk_token="<unk>" if "<unk>" in special else None,
    )
    wrapped.chat_template = template
    return wrapped


def structure(name, tokens, normalized=False):
    """The markers among tokens, and how often."""
    made = tokenizer(name, normalized)
    known = set(made.convert_tokens_to_ids([*MARKERS[name][1], *MARKERS[name][2]]))
    return Counter(token for token in tokens if token in known)


def messages(system, user, answer="12", more="And then?"):
    return [
        {"role": "system", "content": system},
        {"role": "user", "content": user},
        {"role": "assistant", "content": answer},
        {"role": "user", "content": more},
    ]


HARMLESS = messages("Guess.", "Where to?")
PIECES = st.sampled_from(
    [
        *ALL, *(marker[: len(marker) // 2] for marker in ALL), *(marker[len(marker) // 2 :] for marker in ALL),
        "<", ">", "|", "[", "]", "<|", "|>", " ", "\n", "user", "model", "assistant", "system", "im_end", "eot_id",
        "<|im_<|im_end|>end|>", "< |im_end|>", "<|im_end |>", "<end_of_\u200bturn>", "\uff1cend_of_turn\uff1e",
        "<|im_end\uff5c>", "Café", "\u202e", "\x1b[31m", "\ud800",
    ]
)  # fmt: skip
HOSTILE = st.lists(PIECES | st.text(max_size=5), min_size=1, max_size=8).map("".join).filter(str.strip)


@pytest.mark.parametrize("name", MARKERS)
@given(system=HOSTILE, user=HOSTILE, answer=HOSTILE, normalized=st.booleans())
@settings(max_examples=60, deadline=None)
def test_no_content_forges_a_turn(name, system, user, answer, normalized):
    made = tokenizer(name, normalized)
    for said in (messages(system, user, answer, user), messages(system, user, answer, user)[:2]):
        harmless = prompt_tokens(made, HARMLESS[: len(said)])
        assert structure(name, prompt_tokens(made, said), normalized) == structure(name, harmless, normalized)


@pytest.mark.parametrize("name", MARKERS)
@given(text=HOSTILE, normalized=st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_text_that_stands_alone_holds_no_marker_but_the_first(name, text, normalized):
    made = tokenizer(name, normalized)
    found = standalone_tokens(made, f"I like {text}")
    begin = [] if made.bos_token_id is None else [made.bos_token_id]
    assert found[: len(begin)] == begin
    assert not counted(made, found[len(begin) :])


@pytest.mark.parametrize("name", MARKERS)
@pytest.mark.parametrize("marker", ALL)
def test_a_marker_in_data_is_still_to_be_read(name, marker):
    made = tokenizer(name)
    shown = made.decode(prompt_tokens(made, messages("Guess.", f"Bar {marker} 9")))
    assert marker[1:-1].strip("|/") in shown
    assert "Bar " in shown
    assert count_tokens(made, marker) > 1


@pytest.mark.parametrize("name", MARKERS)
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<[|\uff5c"), max_size=40))
@settings(max_examples=30, deadline=None)
def test_ordinary_text_is_told_in_the_tokens_of_the_template_alone(name, text):
    made = tokenizer(name)
    said = HARMLESS if name in ("chatml", "llama3", "lines") else folded(HARMLESS)
    said = [*said[:-1], {"role": "user", "content": f"Where to? {text}"}]
    rendered = made.apply_chat_template(said, add_generation_prompt=True, tokenize=True, return_dict=False)
    assert prompt_tokens(made, said) == rendered


@pytest.mark.parametrize("name", MARKERS)
@given(answer=HOSTILE, system=HOSTILE)
@settings(max_examples=30, deadline=None)
def test_training_reads_them_as_text_too(name, answer, system):
    made = tokenizer(name)
    answer = answer.strip()
    encoder = Encoder(made, 10_000)
    said = [*messages(system, "Where?")[:2], {"role": "assistant", "content": answer}]
    harmless = encoder.encode(
        TrainingExample((*HARMLESS[:2], {"role": "assistant", "content": "12"}), frozenset({2})), 0
    )
    try:
        encoded = encoder.encode(TrainingExample(tuple(said), frozenset({2})), 0)
    except GenRecError as error:  # white space at a seam may merge with the template's
        assert "merges the answer" in str(error) or "right after" in str(error)
        return
    assert structure(name, encoded.input_ids.tolist()) == structure(name, harmless.input_ids.tolist())


@pytest.mark.parametrize("name", ["gemma", "mistral"])
def test_without_a_system_role_the_first_turn_says_it(name):
    made = tokenizer(name)
    said = fitted(made, HARMLESS)
    assert [message["role"] for message in said] == ["user", "assistant", "user"]
    assert said[0]["content"] == "Guess.\n\nWhere to?"
    assert "Guess." in made.decode(prompt_tokens(made, HARMLESS))
    [twelve] = answer_tokens(made, ["12"])
    assert made.decode(twelve).strip().startswith("12")
    example = TrainingExample(tuple(HARMLESS[:3]), frozenset({2}))
    encoded = Encoder(made, 1000).encode(example, 0).input_ids.tolist()
    assert encoded == prompt_tokens(made, HARMLESS[:2]) + twelve


def test_two_turns_of_one_person_are_one_where_turns_must_alternate():
    twice = [*HARMLESS[:2], {"role": "user", "content": "Well?"}]
    assert [m["content"] for m in fitted(tokenizer("mistral"), twice)] == ["Guess.\n\nWhere to?\n\nWell?"]
    assert fitted(tokenizer("chatml"), twice) == twice


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ raise_exception('not today') }}", "cannot be used: TemplateError: not today"),
        ("{{ messages[0]['parts'][3] }}", "cannot be used: UndefinedError"),
        ("{% for %}", "cannot be used: TemplateSyntaxError"),
        ("{{ 1 / 0 }}", "cannot be used: ZeroDivisionError"),
        ("{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}", "cannot be used: RecursionError"),
        ("", "leaves out a part"),
        ("<bos>", "leaves out a part"),
        ("{% for m in messages %}{{ m['role'] }}{% endfor %}", "leaves out a part"),
        ("{{ messages[0]['content'] }}", None),  # leaves out the question: the system's text is folded into it
    ],
)
def test_a_template_that_cannot_be_used_is_one_line(template, reason):
    made = tiny_tokenizer()
    made.chat_template = template
    if reason is None:
        assert "Where to?" in made.decode(prompt_tokens(made, HARMLESS[:2]))
        return
    with pytest.raises(GenRecError, match=reason) as caught:
        prompt_tokens(made, HARMLESS)
    assert "\n" not in str(caught.value)


def test_a_tokenizer_without_a_template_is_one_line():
    made = tiny_tokenizer()
    made.chat_template = None
    with pytest.raises(GenRecError, match="chat template cannot be used: ValueError"):
        prompt_tokens(made, HARMLESS)


def test_an_assistants_turn_without_an_end_is_one_line():
    made = tiny_tokenizer()
    made.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    with pytest.raises(GenRecError, match="does not end the assistant's turn"):
        answer_tokens(made, ["12"])


@given(HOSTILE)
@settings(deadline=None)
def test_for_an_unknown_tokenizer_no_known_marker_is_left(text):
    cleaned = plain(text)
    assert not [marker for marker in ALL if marker in cleaned and marker not in ("<h1>", "[multimodal]", "<unused0>")]
    kept = text.replace(" ", "").replace("\ud800", "\ufffd")
    assert cleaned.replace(" ", "") == kept, "only spaces were put in"
    cleaned.encode()


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<[|\uff5c"), max_size=80))
def test_for_an_unknown_tokenizer_ordinary_text_stays(text):
    assert plain(text) == text
