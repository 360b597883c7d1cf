"""What is learned from, whatever it was made of."""

from dataclasses import dataclass

from genrec.llm.backend import Message


@dataclass(frozen=True)
class TrainingExample:
    """A conversation to learn from.

    Attributes:
        messages: they end with the assistant's answer to the last question.
        supervised: indices of the messages that carry loss; all of them are the assistant's.
        dropped_lines: how many lines of the profile the token budget left out.
        diary: lines that the assistant says behind the messages, each what is asked and the answer.
        told: how many of them, the first ones, carry no loss.

    """

    messages: tuple[Message, ...]
    supervised: frozenset[int]
    dropped_lines: int = 0
    diary: tuple[tuple[str, str], ...] = ()
    told: int = 0

    @property
    def answers(self) -> int:
        """How many answers it teaches."""
        return len(self.supervised) + len(self.diary) - self.told
