"""Closed fields of a profile: scored by the model over their options, never generated."""

from collections.abc import Sequence
from functools import cached_property
from math import exp

from genrec.decoding import Trie, top_k
from genrec.llm.backend import Ranker
from genrec.profile import CLOSED_FIELDS, UNKNOWN, Guess
from genrec.prompting import NO_EVIDENCE, field_messages

# A guess whose option holds less than this share of the probability is "unknown".
MIN_CONFIDENCE = 0.6


class FieldGuesser:
    """Ranks each field's options by the exact scoring that ranks POIs.

    A small model likes some words whatever it reads. Each option's score is therefore taken
    relative to its score when nothing is known of the person (contextual calibration, Zhao et
    al. 2021, "Calibrate Before Use"); the softmax of that is the confidence.
    """

    def __init__(self, ranker: Ranker) -> None:
        self._ranker = ranker
        self._tries = [Trie(ranker.answer_tokens(options)) for options in CLOSED_FIELDS.values()]

    def guess(self, notes: str) -> dict[str, Guess]:
        """A guess for every closed field, from the notes about one person."""
        scores = self._scores(notes)
        return {name: self._decide(name, scores[name]) for name in CLOSED_FIELDS}

    @cached_property
    def _prior(self) -> dict[str, list[float]]:
        return self._scores(NO_EVIDENCE)

    def _scores(self, notes: str) -> dict[str, list[float]]:
        """Log-probabilities of each field's options, in their order."""
        prompts = [
            self._ranker.prompt_tokens(field_messages(notes, name, options)) for name, options in CLOSED_FIELDS.items()
        ]
        most = max(len(options) for options in CLOSED_FIELDS.values())
        ranked = top_k(self._ranker.read(prompts), self._tries, most)
        return {
            name: [scored.logprob for scored in sorted(answers, key=lambda scored: scored.answer)]
            for name, answers in zip(CLOSED_FIELDS, ranked, strict=True)
        }

    def _decide(self, name: str, scores: Sequence[float]) -> Guess:
        gains = [score - prior for score, prior in zip(scores, self._prior[name], strict=True)]
        weights = [exp(gain - max(gains)) for gain in gains]
        confidence = max(weights) / sum(weights)
        best = CLOSED_FIELDS[name][weights.index(max(weights))]
        return Guess(value=best if confidence >= MIN_CONFIDENCE else UNKNOWN, confidence=confidence)
