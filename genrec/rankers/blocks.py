"""Batches of queries, in blocks whose arrays stay in the processor's cache."""

from collections.abc import Callable, Sequence

import numpy as np

from genrec.evidence import Evidence
from genrec.rankers.ranker import Floats, Query

CELLS = 1 << 17  # of a block's largest arrays: 1 MB


def in_blocks(
    queries: Sequence[Query], evidence: Evidence, probabilities: Callable[[Sequence[Query], Evidence], Floats]
) -> Floats:
    """The logarithms of probabilities, which are found for some queries at a time. Shape: (queries, pois)."""
    pois = len(evidence.past.pois)
    size = max(1, CELLS // max(pois, 1))
    scores = np.empty((len(queries), pois))
    with np.errstate(divide="ignore"):  # what is impossible has -inf
        for start in range(0, len(queries), size):
            np.log(probabilities(queries[start : start + size], evidence), out=scores[start : start + size])
    return scores
