"""Whether a person likes what a clause is about: what its rules tell, and what a language model makes of it.

The embedded model reads a sentence, in which "place" stands for each name, with a LoRA of its upper layers, and linear
probes read the state of its last layer behind it; `training/feelings.py` made both. Any other model is asked in words,
behind examples. Its odds are added to what the rules are sure of; where both together are too weak, the clause is
unclear.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, cached_property
from importlib.resources import files
from math import inf
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from genrec.llm.backend import AnswerScorer, LowRank
from genrec.llm.decoding import Trie, all_logprobs
from genrec.profiles.statements import TWICE, Said
from genrec.prompting import one_line, render

TUNED: Final = "feelings.safetensors"
ANSWERS: Final = ("They like it.", "They dislike it.")
LIKING: Final = ("I like a place.", "I love a place.", "I want more of a place.", "Take me to a place.")
DISLIKING: Final = ("I hate a place.", "I never want a place.", "I am done with a place.", "Keep me away from a place.")
ANCHOR: Final = 2.0  # log-odds that a model's mean answers to these stand for
RULES: Final = 0.75  # log-odds that words of avoiding are worth against liking, and two turns for it
UNCLEAR: Final = 0.2  # log-odds from which on a clause is clear
IDLE: Final = -4.0  # log-odds below which a clause tells nothing although it names a kind ("I have two older brothers")
LONGEST: Final = 300  # characters of a clause that the model reads


class Feelings:
    """Asks a model about clauses, each once."""

    def __init__(self, scorer: AnswerScorer) -> None:
        self._scorer = scorer
        self._known: dict[str, _Read | None] = {}

    def signed(self, said: Sequence[Said]) -> list[Said]:
        """The clauses, each with the sign that its rules and the model together give it."""
        asked = dict.fromkeys(clause.asked for clause in said if clause.asked)
        new = [text for text in asked if text not in self._known]
        if new:
            self._known |= dict(zip(new, self._read([one_line(text)[:LONGEST] for text in new]), strict=True))
        return [_judged(clause, self._known[clause.asked]) if clause.asked else clause for clause in said]

    def _read(self, texts: Sequence[str]) -> list["_Read"] | list[None]:
        """What the model makes of each text; None of a model that cannot tell what is obvious."""
        if self._scorer.name == "embedded" and (states := self._scorer.states(texts, _tuned().low_rank)) is not None:
            weight, bias = _tuned().weight, _tuned().bias
            return [_Read(likes, tells) for likes, tells in (states @ weight.T + bias).tolist()]
        high, low = self._anchors
        if min(high) <= max(low):
            return [None] * len(texts)
        middle, half = (np.mean(high) + np.mean(low)) / 2, (np.mean(high) - np.mean(low)) / 2
        return [_Read(float(ANCHOR * (score - middle) / half)) for score in self._answers(texts)]

    @cached_property
    def _anchors(self) -> tuple[list[float], list[float]]:
        """The model's answers to what certainly likes and what certainly dislikes."""
        answers = self._answers([*LIKING, *DISLIKING])
        return answers[: len(LIKING)], answers[len(LIKING) :]

    def _answers(self, texts: Sequence[str]) -> list[float]:
        """Log-odds of the two answers behind each text."""
        messages = [[{"role": "user", "content": render("said_feeling", wording=text)}] for text in texts]
        prompts = [self._scorer.prompt_tokens(message) for message in messages]
        tries = [Trie(self._scorer.answer_tokens(ANSWERS))] * len(prompts)
        return [like - dislike for like, dislike in all_logprobs(self._scorer.read(prompts, tries, "catalogue"), tries)]


class _Read(NamedTuple):
    """Log-odds that a text speaks of something liked, and that it tells anything of where somebody may go."""

    likes: float
    tells: float = inf


class _Tuned(NamedTuple):
    """What makes the embedded model a reader of feelings; `weight` and `bias`: from a state to what `_Read` holds."""

    low_rank: LowRank
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]


@cache
def _tuned() -> _Tuned:
    tensors = load(files("genrec").joinpath(TUNED).read_bytes())
    weight, bias = tensors.pop("weight"), tensors.pop("bias")
    layers = sorted({name.rpartition(".")[0] for name in tensors})
    return _Tuned({name: (tensors[f"{name}.down"], tensors[f"{name}.up"]) for name in layers}, weight, bias)


def _judged(clause: Said, read: _Read | None) -> Said:
    """A clause with its sign, given what a model makes of it."""
    if read is None:
        return clause
    named = bool(clause.kinds or clause.pois)
    clause = replace(clause, tells=(named and clause.sure) or read.tells > (IDLE if named else 0))
    total = read.likes + RULES * (clause.note.startswith(TWICE) - (clause.sure and clause.sign < 0))
    if abs(total) < UNCLEAR:
        return replace(clause, polarity="unclear", note=clause.note or "it is not clear whether you like it")
    if total < 0:
        return replace(clause, polarity="avoids", note="")
    if clause.sign > 0:
        return clause
    return replace(clause, polarity="likes", wording=clause.text, note="")
