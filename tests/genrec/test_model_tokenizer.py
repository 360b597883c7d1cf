"""A model whose tokenizer or chat template cannot be used is refused in one line."""

import shutil

import pytest
from made_model import refused
from tiny import tiny_tokenizer

from genrec.llm.loading import load_model


@pytest.fixture
def folder(tiny_folder, tmp_path):
    """A copy of the tiny model, to be spoilt."""
    return shutil.copytree(tiny_folder, tmp_path / "model")


def test_no_tokenizer(folder):
    (folder / "tokenizer.json").unlink()
    refused(folder, "its tokenizer cannot be had")


@pytest.mark.parametrize("text", ["", "{}", "null", '{"model": 3}', "\x00"])
def test_garbled_tokenizer(text, folder):
    (folder / "tokenizer.json").write_text(text)
    refused(folder, "its tokenizer cannot be had")


def test_more_words_than_embeddings(folder):
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens(["surplus"])
    tokenizer.save_pretrained(folder)
    refused(folder, "tokens that the model has no embedding for", "'surplus'")


def test_special_tokens_may_lack_an_embedding(folder):
    tokenizer = tiny_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    tokenizer.save_pretrained(folder)
    load_model(str(folder))


@pytest.mark.parametrize(
    "template",
    [
        "{% for message in messages %}",
        "{{ raise_exception('never') }}",
        "{{ messages[0].content.nothing.more }}",
        "{{ 1 / 0 }}",
        "{% for i in range(10 ** 12) %}x{% endfor %}",
        "{% include 'x' %}",
        "{{ messages | nofilter }}",
    ],
)
def test_chat_templates_that_cannot_be_used(template, folder):
    (folder / "chat_template.jinja").write_text(template)
    refused(folder, "the model's chat template cannot be used: ")
