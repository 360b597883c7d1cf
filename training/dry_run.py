"""What a dry run shows of an example: its text, with what is learned of it."""

from collections.abc import Sequence
from itertools import groupby

from transformers import PreTrainedTokenizerBase

from training.data.encoding import IGNORED

START, END = "⟦", "⟧"


def marked(tokenizer: PreTrainedTokenizerBase, input_ids: Sequence[int], labels: Sequence[int]) -> str:
    """The text of an example, its supervised tokens between ⟦ and ⟧ (a line end is written ⏎ there)."""
    parts = []
    for supervised, tokens in groupby(zip(input_ids, labels, strict=True), key=lambda pair: pair[1] != IGNORED):
        part = tokenizer.decode([token for token, _ in tokens])
        parts.append(f"{START}{part.replace(chr(10), '⏎')}{END}\n" if supervised else part)
    return "".join(parts).rstrip("\n")
