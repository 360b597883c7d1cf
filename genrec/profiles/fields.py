"""Closed fields of a profile: scored by the model over their options, never generated."""

from collections.abc import Sequence
from functools import cached_property
from math import exp
from statistics import fmean

from genrec.llm.backend import AnswerScorer
from genrec.llm.decoding import Trie, top_k
from genrec.profiles.profile import CLOSED_FIELDS, UNKNOWN, Guess
from genrec.profiles.writing_prompt import field_messages, reference_notes

# A guess whose option holds less than this share of the probability is "unknown".
MIN_CONFIDENCE = 0.65


class FieldGuesser:
    """Ranks each field's options by the exact scoring that ranks POIs.

    A small model likes some words whatever it reads. Each option's score is therefore taken
    relative to its mean score over four invented people of different kinds, whose notes look
    like anybody's (contextual calibration, Zhao et al. 2021, "Calibrate Before Use", with
    references from the domain: relative to empty notes, every one is "high" in every trait).
    The softmax of that is the confidence.
    """

    def __init__(self, scorer: AnswerScorer) -> None:
        self._scorer = scorer
        self._tries = [Trie(scorer.answer_tokens(options)) for options in CLOSED_FIELDS.values()]

    def guess(self, notes: str, person: str = "") -> dict[str, Guess]:
        """A guess for every closed field, from the notes about one person."""
        scores = self._scores(notes, person)
        return {name: self._decide(name, scores[name]) for name in CLOSED_FIELDS}

    @cached_property
    def _reference(self) -> dict[str, list[float]]:
        """Each option's mean score over the invented people."""
        people = [self._scores(notes, notes) for notes in reference_notes()]
        return {
            name: [fmean(scores) for scores in zip(*(person[name] for person in people), strict=True)]
            for name in CLOSED_FIELDS
        }

    def _scores(self, notes: str, person: str) -> dict[str, list[float]]:
        """Log-probabilities of each field's options, in their order."""
        prompts = [
            self._scorer.prompt_tokens(field_messages(notes, name, options)) for name, options in CLOSED_FIELDS.items()
        ]
        most = max(len(options) for options in CLOSED_FIELDS.values())
        scorer = self._scorer.read(prompts, self._tries, people=[person] * len(prompts))
        ranked = top_k(scorer, self._tries, most)
        return {
            name: [scored.logprob for scored in sorted(answers, key=lambda scored: scored.answer)]
            for name, answers in zip(CLOSED_FIELDS, ranked, strict=True)
        }

    def _decide(self, name: str, scores: Sequence[float]) -> Guess:
        gains = [score - usual for score, usual in zip(scores, self._reference[name], strict=True)]
        weights = [exp(gain - max(gains)) for gain in gains]
        confidence = max(weights) / sum(weights)
        best = CLOSED_FIELDS[name][weights.index(max(weights))]
        # Rounded, so that the last bits, which depend on what the model read before, do not show.
        return Guess(value=best if confidence >= MIN_CONFIDENCE else UNKNOWN, confidence=round(confidence, 4))
