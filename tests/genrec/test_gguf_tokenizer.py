"""The tokenizer rebuilt from a GGUF file, and the chat template that goes with it."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from genrec.llm.embedded import CHAT_TEMPLATE
from genrec.llm.gguf_reader import read_once
from genrec.llm.gguf_tokenizer import PieceType, Vocabulary, merges, save_tokenizer

NORMAL, CONTROL, USER, BYTE = PieceType.NORMAL, PieceType.CONTROL, PieceType.USER_DEFINED, PieceType.BYTE


def toy_vocabulary() -> Vocabulary:
    """A vocabulary shaped like Gemma's: control, newline, space and byte pieces, words, then characters."""
    rows = [(piece, CONTROL) for piece in ("<pad>", "<eos>", "<bos>", "<unk>")]
    rows += [(piece, USER) for piece in ("\n", "\n\n", "\n\n\n", "  ", "   ")]
    rows += [(f"<0x{byte:02X}>", BYTE) for byte in range(256)]
    rows += [(piece, NORMAL) for piece in ("in", "▁t", "he", "▁the", "the", "▁", *map(chr, range(33, 127)))]
    first = next(index for index, (_, kind) in enumerate(rows) if kind == NORMAL)
    return Vocabulary(
        pieces=[piece for piece, _ in rows],
        scores=[float(first - index) if kind == NORMAL else -1000.0 for index, (_, kind) in enumerate(rows)],
        types=[kind for _, kind in rows],
        bos=2,
        eos=1,
        pad=0,
        unknown=3,
        context=64,
    )


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    save_tokenizer(toy_vocabulary(), folder, chat_template=CHAT_TEMPLATE)
    return AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def tokenizer(embedded_folder):
    return AutoTokenizer.from_pretrained(embedded_folder)


def test_a_file_is_read_once_and_as_usual(tmp_path) -> None:
    gguf, path = pytest.importorskip("gguf"), tmp_path / "tiny.gguf"
    writer = gguf.GGUFWriter(path, "gemma3")
    writer.add_token_list(["a", "▁b"])
    writer.add_token_scores([0.0, -1.5])
    writer.add_tensor("weight", np.arange(6, dtype=np.float32).reshape(2, 3))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    usual = gguf.GGUFReader(path)
    with read_once():
        one, again = gguf.GGUFReader(path), gguf.GGUFReader(str(path))
    assert one is again is not usual
    assert type(usual) is gguf.GGUFReader
    assert {name: field.contents() for name, field in one.fields.items()} == {
        name: field.contents() for name, field in usual.fields.items()
    }
    assert np.array_equal(one.tensors[0].data, usual.tensors[0].data)


# --- the tokenizer


def test_merges_follow_scores_then_ids() -> None:
    vocabulary = toy_vocabulary()
    assert merges(vocabulary) == [
        ("i", "n"),
        ("▁", "t"),
        ("h", "e"),
        ("▁t", "he"),  # two ways to make "▁the": "▁t" has the lower id
        ("▁", "the"),
        ("t", "he"),
    ]


def test_toy_tokenizer_splits(toy) -> None:
    assert toy.tokenize("the inn  in the 12\n\nq") == [
        *("the", "▁", "in", "n", "  ", "in", "▁the", "▁", "1", "2", "\n\n", "q"),
    ]
    assert toy.tokenize("é") == ["<0xC3>", "<0xA9>"]
    assert toy("in")["input_ids"][0] == toy.bos_token_id
    assert (toy.bos_token, toy.eos_token, toy.pad_token, toy.unk_token) == ("<bos>", "<eos>", "<pad>", "<unk>")
    assert toy.model_max_length == 64


@given(st.text(max_size=40))
def test_toy_tokenizer_round_trip(toy, text: str) -> None:
    text = text.replace("▁", "_")  # the one character that SentencePiece cannot tell from a space
    assert toy.decode(toy.encode(text, add_special_tokens=False)) == text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("The user usually visits the coffee shop", "The|▁user|▁usually|▁visits|▁the|▁coffee|▁shop"),
        ("POI 1234", "POI|▁|1|2|3|4"),
        ("a  b", "a|  |b"),
        ("at 7\n17\n", "at|▁|7|\n|1|7|\n"),
        ("x\n\ny", "x|\n\n|y"),
        ("ꙮ", "<0xEA>|<0x99>|<0xAE>"),
    ],
)
def test_embedded_splits(tokenizer, text: str, pieces: str) -> None:
    assert tokenizer.tokenize(text) == pieces.split("|")
    assert tokenizer(text)["input_ids"][0] == tokenizer.bos_token_id == 2


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=60))
def test_embedded_round_trip(tokenizer, text: str) -> None:
    text = text.replace("▁", "_")
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["Zoë at the café", "東京の喫茶店", "👩🏽‍🚀 🏳️‍🌈 to the moon", "  two\tkinds \n of space  "]
)
def test_embedded_round_trip_of_real_texts(tokenizer, text: str) -> None:
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == text
    assert tokenizer.unk_token_id not in ids


@pytest.mark.slow
def test_embedded_special_tokens(tokenizer) -> None:
    ids = (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.unk_token_id)
    assert ids == (0, 1, 2, 3)
    assert tokenizer.convert_tokens_to_ids("<end_of_turn>") == 106
    assert (len(tokenizer), tokenizer.model_max_length) == (262_144, 32_768)


# --- the chat template


def conversation(*turns: str) -> list[dict[str, str]]:
    """A system turn, then user and assistant in turn."""
    roles = ["system", *["user", "assistant"] * len(turns)]
    return [{"role": role, "content": content} for role, content in zip(roles, turns, strict=False)]


def test_template_is_plain_text(toy) -> None:
    text = toy.apply_chat_template(conversation("S", "where?", "17", " then? \n", "5"), tokenize=False)
    assert text == "<bos>S\n\nwhere?\n17\nthen?\n5\n"


def test_template_refuses_unknown_roles(toy) -> None:
    with pytest.raises(Exception, match="unknown role: tool"):
        toy.apply_chat_template([{"role": "tool", "content": "x"}], tokenize=False)


CONTENT = st.text(st.sampled_from("a1 \n\t.▁é"), min_size=1, max_size=12).filter(lambda text: text.strip() != "")


@given(st.lists(CONTENT, min_size=3, max_size=7).filter(lambda turns: len(turns) % 2 == 1))
def test_prompt_tokens_begin_the_conversation(toy, turns: list[str]) -> None:
    whole = toy.apply_chat_template(
        conversation(*turns), tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    prompt = toy.apply_chat_template(
        conversation(*turns[:-1]), tokenize=True, add_generation_prompt=True, return_dict=True
    )["input_ids"]
    ids, mask = whole["input_ids"], whole["assistant_masks"]
    assert ids[: len(prompt)] == prompt
    answer = toy.encode(turns[-1].strip() + "\n", add_special_tokens=False)
    assert ids[len(prompt) :] == answer
    assert answer[-1] == toy.convert_tokens_to_ids("\n")
    assert mask[len(prompt) - 1 :] == [0] + [1] * len(answer)
    assert ids.count(toy.bos_token_id) == 1


@pytest.mark.slow
def test_embedded_template_marks_answers(tokenizer) -> None:
    marked = tokenizer.apply_chat_template(
        conversation("Places.\n", "Where at 9?", "17", "And then?", "5 6"),
        tokenize=True,
        return_dict=True,
        return_assistant_tokens_mask=True,
    )
    tokens = tokenizer.convert_ids_to_tokens(marked["input_ids"])
    answers = [token for token, mark in zip(tokens, marked["assistant_masks"], strict=True) if mark]
    assert answers == ["1", "7", "\n", "5", "▁", "6", "\n"]
    assert tokens[:4] == ["<bos>", "Places", ".", "\n\n"]
