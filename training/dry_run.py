"""What a dry run shows: examples with what is learned of them, and what training would take."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from training.encoding import IGNORED

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

START, END = "⟦", "⟧"


@dataclass(frozen=True)
class Estimate:
    """Steps of the run; one step on its longest examples, measured; and what follows for all of them."""

    trainable_parameters: int
    steps: int
    examples_a_step: int
    longest_step_seconds: float
    seconds: float  # of the run, in proportion to tokens
    peak_mb: dict[str, int]


def marked(tokenizer: "PreTrainedTokenizerBase", input_ids: Sequence[int], labels: Sequence[int]) -> str:
    """The text of an example, its supervised tokens between ⟦ and ⟧ (a line end is written ⏎ there)."""
    parts = []
    for supervised, tokens in groupby(zip(input_ids, labels, strict=True), key=lambda pair: pair[1] != IGNORED):
        part = tokenizer.decode([token for token, _ in tokens])
        parts.append(f"{START}{part.replace(chr(10), '⏎')}{END}\n" if supervised else part)
    return "".join(parts).rstrip("\n")
