"""Rebuilds a SentencePiece BPE tokenizer from the vocabulary in a GGUF file.

transformers 5.17 reads a Gemma GGUF's vocabulary as a Unigram model without scores, which splits every
text into single characters: no error, four times the tokens, ten times the loss. The file holds all that
is needed to do it right: a piece's score is minus the rank of the merge that made it.

Source of the construction: `SentencePieceExtractor` and `GemmaConverter` in transformers'
`convert_slow_tokenizer.py`, which build the same merges from a SentencePiece model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, processors
from transformers import PreTrainedTokenizerFast

SPACE = "▁"  # how SentencePiece writes a space


class PieceType(IntEnum):
    """What a piece of the vocabulary is (`llama_token_type` in llama.cpp); unnamed values do not occur here."""

    NORMAL = 1
    CONTROL = 3
    USER_DEFINED = 4
    BYTE = 6


@dataclass(frozen=True)
class Vocabulary:
    """The tokenizer part of a GGUF file: three sequences of one length, indexed by token id."""

    pieces: Sequence[str]
    scores: Sequence[float]
    types: Sequence[int]
    bos: int
    eos: int
    pad: int
    unknown: int
    context: int  # the model's longest input, in tokens


def read_vocabulary(path: Path) -> Vocabulary:
    """Read the vocabulary of a Gemma 3 GGUF file (seconds: the reader walks 262,144 strings)."""
    from gguf import GGUFReader  # deferred: belongs to the extra `embedded`

    fields = GGUFReader(path).fields
    return Vocabulary(
        pieces=fields["tokenizer.ggml.tokens"].contents(),
        scores=fields["tokenizer.ggml.scores"].contents(),
        types=fields["tokenizer.ggml.token_type"].contents(),
        bos=fields["tokenizer.ggml.bos_token_id"].contents(),
        eos=fields["tokenizer.ggml.eos_token_id"].contents(),
        pad=fields["tokenizer.ggml.padding_token_id"].contents(),
        unknown=fields["tokenizer.ggml.unknown_token_id"].contents(),
        context=fields["gemma3.context_length"].contents(),
    )


def merges(vocabulary: Vocabulary) -> list[tuple[str, str]]:
    """Every way to make a normal piece from two pieces, the earliest learnt piece first.

    Splits of one piece share its rank and are ordered by the ids of their halves.
    """
    ids = {piece: index for index, piece in enumerate(vocabulary.pieces)}
    ranked = []
    for piece, score, kind in zip(vocabulary.pieces, vocabulary.scores, vocabulary.types, strict=True):
        if kind != PieceType.NORMAL:
            continue
        for cut in range(1, len(piece)):
            left, right = piece[:cut], piece[cut:]
            if left in ids and right in ids:
                ranked.append((-score, ids[left], ids[right], left, right))
    ranked.sort()
    return [(left, right) for *_, left, right in ranked]


def build_tokenizer(vocabulary: Vocabulary) -> Tokenizer:
    """Build the tokenizer: a `tokenizers` BPE that puts the beginning-of-sequence token before a text."""
    pieces = vocabulary.pieces
    tokenizer = Tokenizer(
        models.BPE(
            vocab={piece: index for index, piece in enumerate(pieces)},
            merges=merges(vocabulary),
            unk_token=pieces[vocabulary.unknown],
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    tokenizer.normalizer = normalizers.Replace(" ", SPACE)
    tokenizer.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    bos = pieces[vocabulary.bos]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", pair=f"{bos} $A {bos}:1 $B:1", special_tokens=[(bos, vocabulary.bos)]
    )
    # Runs of spaces are written with real spaces in the file, so they are matched before normalisation.
    of_type = {
        kind: [
            AddedToken(piece, normalized=False, special=kind == PieceType.CONTROL)
            for piece, actual in zip(pieces, vocabulary.types, strict=True)
            if actual == kind
        ]
        for kind in (PieceType.CONTROL, PieceType.USER_DEFINED)
    }
    tokenizer.add_special_tokens(of_type[PieceType.CONTROL])
    tokenizer.add_tokens(of_type[PieceType.USER_DEFINED])
    return tokenizer


def save_tokenizer(vocabulary: Vocabulary, folder: Path, *, chat_template: str) -> None:
    """Write the tokenizer into a model folder, as `AutoTokenizer` loads it."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=build_tokenizer(vocabulary),
        bos_token=vocabulary.pieces[vocabulary.bos],
        eos_token=vocabulary.pieces[vocabulary.eos],
        pad_token=vocabulary.pieces[vocabulary.pad],
        unk_token=vocabulary.pieces[vocabulary.unknown],
        model_max_length=vocabulary.context,
        padding_side="left",  # batches are read to be continued
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = chat_template
    tokenizer.save_pretrained(folder)
