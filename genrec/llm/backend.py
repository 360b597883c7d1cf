"""What GenRec asks of a language model, wherever it runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from genrec.decoding import Scorer

Message = dict[str, str]  # {"role": "system" | "user" | "assistant", "content": text}


@dataclass(frozen=True)
class Generation:
    """Generated text with the number of tokens read and written for it."""

    text: str
    tokens_in: int
    tokens_out: int


class Generator(Protocol):
    """Writes text. Decoding is greedy unless a temperature above 0 is asked for, then seeded."""

    name: str

    def generate(
        self,
        conversations: Sequence[Sequence[Message]],
        *,
        max_tokens: int,
        stop: str,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> list[Generation]:
        """One completion a conversation, cut before `stop`."""


class Ranker(Protocol):
    """Scores the members of a closed set as the assistant's whole answer."""

    name: str

    def answer_tokens(self, answers: Sequence[str]) -> list[list[int]]:
        """Tokens of each answer as the assistant's turn, the template's end token included."""

    def prompt_tokens(self, conversation: Sequence[Message]) -> list[int]:
        """The conversation, rendered by the chat template up to where the assistant answers."""

    def count_tokens(self, text: str) -> int:
        """Length of a text in tokens, without special tokens."""

    def read(self, prompts: Sequence[Sequence[int]]) -> Scorer:
        """Run the model over prompts; the scorer is valid until the next call."""
