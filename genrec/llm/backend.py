"""What GenRec asks of a language model, wherever it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from genrec.llm.adapter import Adapter
from genrec.llm.decoding import Scorer, Trie

# Of what a token's probability is a share: of all tokens that the model has ("model"), or of those by which the answer
# can still be one of the set ("catalogue"): the probability given that it is one, step by step. The latter costs less.
Over = Literal["model", "catalogue"]

# Matrices that are added to linear layers, by their names: shapes (rank, inputs) and (outputs, rank).
LowRank = Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]]

Message = dict[str, str]  # {"role": "system" | "user" | "assistant", "content": text}


@dataclass(frozen=True)
class Generation:
    """Generated text with the number of tokens read and written for it."""

    text: str
    tokens_in: int
    tokens_out: int


@dataclass(frozen=True)
class CacheUse:
    """Prompt tokens that a backend was given, and how many of them its prefix cache held."""

    tokens: int
    reused: int

    def since(self, before: "CacheUse") -> "CacheUse":
        """What came after `before`; a server that was restarted in between has begun to count anew."""
        if self.tokens < before.tokens:
            return self
        return CacheUse(self.tokens - before.tokens, self.reused - before.reused)

    def __add__(self, other: "CacheUse") -> "CacheUse":
        return CacheUse(self.tokens + other.tokens, self.reused + other.reused)

    @property
    def hit_rate(self) -> float:
        """Share of the tokens that did not have to be computed again; 0 if there were none."""
        return self.reused / self.tokens if self.tokens else 0.0


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
        words: str = "",
        people: Sequence[str] = (),
    ) -> list[Generation]:
        """One completion a conversation, cut before `stop`.

        `words`: what is written consists of these and of what the conversations hold, which a model may take for
        granted, as a small vocabulary is read faster. Empty: of anything. `people`: whom each conversation is about,
        as several servers share people.
        """


@dataclass(frozen=True)
class Connection:
    """A model that writes, and, where its scores are to be had, ranks."""

    generator: Generator
    scorer: "AnswerScorer | None"


class AnswerScorer(Protocol):
    """Scores the members of a closed set as the assistant's whole answer."""

    name: str
    adapter: Adapter | None  # what was put on the model to rank for one catalogue, if anything

    def answer_tokens(self, answers: Sequence[str]) -> list[list[int]]:
        """Tokens of each answer as the assistant's turn, the template's end token included."""

    def prompt_tokens(self, conversation: Sequence[Message]) -> list[int]:
        """The conversation, rendered by the chat template up to where the assistant answers."""

    def text_tokens(self, text: str) -> list[int]:
        """Tokens of a piece of what the assistant says, tokenised by itself: plain text, without any marker."""

    def count_tokens(self, text: str) -> int:
        """Length of a text in tokens, without special tokens."""

    def read(
        self,
        prompts: Sequence[Sequence[int]],
        tries: Sequence[Trie],
        over: Over = "model",
        people: Sequence[str] = (),
    ) -> Scorer:
        """Run the model over prompts; the scorer is valid until the next call.

        `tries` holds the answers that may be asked about, so that a backend can look ahead; `over`: see `Over`;
        `people`: whom each prompt is about, as several servers share people.
        """

    def states(self, texts: Sequence[str], low_rank: LowRank) -> NDArray[np.float32] | None:
        """What the last layer holds behind each text, which stands alone, with `low_rank`. Shape: (texts, width).

        None if that is not to be had.
        """

    def cache_use(self) -> CacheUse:
        """Since the model was loaded or, for a server, since it was started: all its clients together."""
