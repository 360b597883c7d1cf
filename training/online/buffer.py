"""What people said of named places: all that an online learner learns from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Buffer:
    """Feedback, in the order in which it came.

    Attributes:
        row: the number of the list of candidates that was asked about. Shape: (feedbacks,).
        shown: the candidates named, as numbers in the list, in the order of their lines; -1: none, or a place that is
            not in the list. Shape: (feedbacks, lines).
        propensity: the chance that each had to be named; 1 where `shown` is -1.
        reward: 1 for the place that was visited, else 0.

    """

    row: NDArray[np.int64]
    shown: NDArray[np.int64]
    propensity: NDArray[np.float64]
    reward: NDArray[np.float64]

    def __len__(self) -> int:
        """How many feedbacks there are."""
        return len(self.row)

    def __getitem__(self, part: slice | NDArray[np.int64]) -> "Buffer":
        """Some of the feedbacks."""
        return Buffer(self.row[part], self.shown[part], self.propensity[part], self.reward[part])


def joined(parts: Sequence[Buffer]) -> Buffer:
    """Several runs of feedback as one."""
    return Buffer(
        np.concatenate([part.row for part in parts]),
        np.concatenate([part.shown for part in parts]),
        np.concatenate([part.propensity for part in parts]),
        np.concatenate([part.reward for part in parts]),
    )


def answered(
    row: NDArray[np.int64], shown: NDArray[np.int64], chance: NDArray[np.float64], to: NDArray[np.int64]
) -> Buffer:
    """Feedback of people who went to the candidate `to` (-1: to none); `chance`: the propensity of every candidate."""
    propensity = np.where(shown >= 0, np.take_along_axis(chance, np.maximum(shown, 0), axis=1), 1.0)
    return Buffer(row, shown, propensity, ((shown == to[:, None]) & (shown >= 0)).astype(np.float64))
