"""Are the guesses of profiles right? Recovery of the true closed fields, which a synthetic city knows.

Only guesses are judged: a field that is "unknown" counts against the coverage, and nothing else. Intervals are
bootstrapped over users, as in `eval.profiles.worth`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, model_validator

from eval.measures.metrics import reliability
from eval.profiles.worth import Floats, draws, interval, ratio
from genrec.errors import GenRecError, InputError
from genrec.profiles.profile import CLOSED_FIELDS, UNKNOWN, Profile
from genrec.validation import read_lines

ALL = "all"
BINS = 10

Truth = dict[str, dict[str, str]]  # user id -> closed field -> true option


class _Persona(BaseModel):
    """A user of a synthetic city, as far as is asked here."""

    user_id: str
    persona: dict[str, Any]

    @model_validator(mode="after")
    def _all_fields(self) -> Self:
        for field, options in CLOSED_FIELDS.items():
            if self.persona.get(field) not in options:
                raise ValueError(f"persona.{field}: none of {', '.join(options)}")
        return self


def read_truth(path: Path) -> Truth:
    """Read the true closed fields of users from the truth_users.jsonl that `genrec data synth` writes.

    Raises InputError that names the row.
    """
    fix = "Give the truth_users.jsonl that `genrec data synth` wrote."
    truth: Truth = {}
    for row, person in read_lines(path, _Persona, "a user with all closed fields", fix=fix):
        if person.user_id in truth:
            raise InputError(f"user {person.user_id!r} is there twice.", file=path, row=row, fix=fix)
        truth[person.user_id] = {field: person.persona[field] for field in CLOSED_FIELDS}
    return truth


@dataclass(frozen=True)
class _Answers:
    """One closed field of all users whose truth is known. Arrays of shape (users,)."""

    options: int
    truth: NDArray[np.intp]  # index of the option
    guess: NDArray[np.intp]  # the same; -1 if unknown
    confidence: Floats
    majority: int  # the option that is commonest in the truth

    @property
    def answered(self) -> NDArray[np.bool_]:
        answered: NDArray[np.bool_] = self.guess >= 0
        return answered

    @property
    def right(self) -> NDArray[np.bool_]:
        right: NDArray[np.bool_] = self.guess == self.truth
        return right


def _answers(profiles: Sequence[Profile], truth: Truth) -> dict[str, _Answers]:
    described = [profile for profile in profiles if profile.user_id in truth]
    if not described:
        raise GenRecError("the truth knows none of the users of these profiles; is it of the same city?")
    answers = {}
    for field, options in CLOSED_FIELDS.items():
        index = {option: i for i, option in enumerate(options)} | {UNKNOWN: -1}
        guesses = [(profile.traits | profile.attributes)[field] for profile in described]
        counts = Counter(index[persona[field]] for persona in truth.values())
        answers[field] = _Answers(
            options=len(options),
            truth=np.array([index[truth[profile.user_id][field]] for profile in described]),
            guess=np.array([index[guess.value] for guess in guesses]),
            confidence=np.array([guess.confidence for guess in guesses]),
            majority=max(range(len(options)), key=lambda option: (counts[option], -option)),
        )
    return answers


def recovery(profiles: Sequence[Profile], truth: Truth) -> pl.DataFrame:
    """How well the guesses recover the truth. Frame: field, measure, n, value, low, high (null without guesses).

    For each closed field and for all of them pooled ("all"). `n` is the number of guesses. `coverage`: share of the
    fields that are not unknown; everything else is over these alone. `accuracy`; `majority`: what always guessing
    the option that is commonest in `truth` would score on the same users; `gain`: accuracy - majority; `macro_f1`
    and `majority_f1` (fields only): mean of F1 over the options that occur as truth or as guess; `ece`: expected
    calibration error in ten equal bins of confidence (Naeini et al., AAAI 2015).

    Raises GenRecError if `truth` knows none of the users.
    """
    answers = _answers(profiles, truth)
    weights = draws(len(answers["gender"].truth))
    groups = {field: [one] for field, one in answers.items()} | {ALL: list(answers.values())}
    rows = [
        {"field": field, "measure": measure, "n": sum(int(one.answered.sum()) for one in group), **interval(statistic)}
        for field, group in groups.items()
        for measure, statistic in _statistics(group, weights).items()
    ]
    schema = {"field": pl.String, "measure": pl.String, "n": pl.UInt32}
    return pl.DataFrame(rows, schema=schema | dict.fromkeys(("value", "low", "high"), pl.Float64))


def calibration(profiles: Sequence[Profile], truth: Truth) -> pl.DataFrame:
    """The reliability curve of all guesses. Frame: as `eval.measures.metrics.reliability` gives it.

    Raises GenRecError if `truth` knows none of the users.
    """
    answers = _answers(profiles, truth).values()
    answered = np.concatenate([one.answered for one in answers])
    guesses = pl.DataFrame(
        {
            "method": ALL,
            "example": np.arange(len(answered)),
            "confidence": np.concatenate([one.confidence for one in answers]),
            "acc@1": np.concatenate([one.right for one in answers]),
        }
    )
    return reliability(guesses.filter(answered), BINS).drop("method")


def _statistics(group: Sequence[_Answers], weights: Floats) -> dict[str, Floats]:
    """Each measure of some fields in every draw of users. Shape of each: (draws,)."""
    answered = weights @ _sum([one.answered for one in group])
    accuracy = ratio(weights @ _sum([one.right for one in group]), answered)
    majority = ratio(weights @ _sum([one.answered & (one.truth == one.majority) for one in group]), answered)
    statistics = {
        "coverage": ratio(answered, len(group) * weights.sum(axis=1)),
        "accuracy": accuracy,
        "majority": majority,
        "gain": accuracy - majority,
        "ece": ratio(np.abs(weights @ _sum([_gaps(one) for one in group])).sum(axis=1), answered),
    }
    if len(group) == 1:
        [one] = group
        statistics["macro_f1"] = _macro_f1(one, one.guess, weights)
        statistics["majority_f1"] = _macro_f1(one, np.where(one.answered, one.majority, -1), weights)
    return statistics


def _sum(arrays: Sequence[NDArray[Any]]) -> Floats:
    total: Floats = np.sum(arrays, axis=0, dtype=np.float64)
    return total


def _gaps(one: _Answers) -> Floats:
    """Right minus confidence of each guess, in the column of its bin. Shape: (users, BINS)."""
    gaps = np.zeros((len(one.guess), BINS))
    users = np.flatnonzero(one.answered)
    bins = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], one.confidence[users])  # those of eval.measures.metrics
    gaps[users, bins] = (one.right - one.confidence)[users]
    return gaps


def _macro_f1(one: _Answers, guess: NDArray[np.intp], weights: Floats) -> Floats:
    """Mean F1 = 2 hits / (guessed + true) over the options that occur in a draw. Shape: (draws,)."""
    options = np.arange(one.options)
    true = (one.truth[:, None] == options) & one.answered[:, None]
    guessed = guess[:, None] == options
    f1 = ratio(2 * (weights @ (true & guessed)), weights @ true + weights @ guessed)
    occurs = ~np.isnan(f1)
    return ratio(np.where(occurs, f1, 0).sum(axis=1), occurs.sum(axis=1).astype(np.float64))
