"""SASRec (Kang and McAuley, ICDM 2018), a trained sequential model, in the implementation of Cornac."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import polars as pl

from eval.methods.method import Ranked
from eval.protocol import Cases, evidence_at
from genrec.checkins import Checkins
from genrec.clock import MOMENT, before, local_span, moments
from genrec.columns import POI, POI_ID, USER
from genrec.errors import GenRecError
from genrec.fingerprint import fingerprint
from genrec.rankers.ranker import best
from genrec.rankers.simple import visits_until

EPOCHS = 30
HYPERPARAMETERS = {"embedding_dim": 64, "max_len": 50, "n_epochs": EPOCHS, "dropout": 0.2, "learning_rate": 0.001}
NOTHING_LEARNED = "no check-ins at these places to learn from"
MISSING = "sasrec needs Cornac: pip install 'genrec[sasrec]'"


class SasRec:
    """Trained once, on the train part only; at an example it reads all that is known of the user until then."""

    name = "sasrec"

    def __init__(self, seed: int = 0, epochs: int = EPOCHS) -> None:
        self._seed, self._hyperparameters = seed, HYPERPARAMETERS | {"n_epochs": epochs}
        self._trained: tuple[Cases, Any] | None = None

    def settings(self, cases: Cases) -> dict[str, Any]:
        """See `Method`: the hyperparameters, and what it is trained on. Raises GenRecError if Cornac is missing."""
        try:
            release = version("cornac")
        except PackageNotFoundError:
            raise GenRecError(MISSING) from None
        rows = training_rows(cases)
        own = {**self._hyperparameters, "seed": self._seed, "cornac": release}
        if _foreign(rows, cases):
            return own
        return {
            **own,
            "trained_on": {
                "check_ins": len(rows.frame),
                "last": local_span(rows.frame)[1].isoformat(),
                "sha256": fingerprint(rows),
            },
        }

    def rank(self, cases: Cases, examples: Sequence[int], k: int) -> Iterator[Ranked]:
        """See `Method`; a user without any earlier visit gives it nothing to read."""
        if _foreign(training_rows(cases), cases):
            for number in examples:
                evidence = evidence_at(cases, cases.examples[number].as_of)
                yield Ranked(number, evidence.fingerprint, failure=NOTHING_LEARNED)
            return
        if self._trained is None or self._trained[0] is not cases:
            self._trained = cases, self._train(training_rows(cases))
        model = self._trained[1]
        for number in examples:
            evidence = evidence_at(cases, cases.examples[number].as_of)
            history = [poi for _, poi in visits_until(evidence, cases.query(number))]
            if not history:
                yield Ranked(number, evidence.fingerprint, failure="no earlier visit to go by")
                continue
            scores = np.exp(model.score(None, history).astype(np.float64))
            [pois] = best(scores[None], k)
            yield Ranked(number, evidence.fingerprint, pois.tolist(), (scores[pois] / scores.sum()).tolist())

    def _train(self, rows: Checkins) -> Any:
        """The model of the users' sequences of visits."""
        from cornac.data import SequentialDataset  # deferred: loads torch
        from cornac.models import SASRec

        timed = rows.frame.with_columns(moments(rows.frame))
        visits = timed.select(USER, session=pl.col(USER), item=pl.col(POI), time=pl.col(MOMENT).dt.epoch("s")).rows()
        items = OrderedDict((poi, poi) for poi in range(len(rows.pois)))
        data = SequentialDataset.build(visits, fmt="USIT", global_iid_map=items)
        return SASRec(**self._hyperparameters, seed=self._seed).fit(data)


def training_rows(cases: Cases) -> Checkins:
    """What a method may be trained on: another city, or the train part strictly before the first moment asked about."""
    if cases.home is not None:
        return cases.home
    first = cases.examples[0].as_of
    return replace(cases.checkins, frame=before(cases.checkins.frame[: cases.train_rows], first))


def _foreign(rows: Checkins, cases: Cases) -> bool:
    """Whether there is nothing to learn of the places that are asked about: no check-ins, or those of other places."""
    return rows.frame.is_empty() or not rows.pois[POI_ID].equals(cases.checkins.pois[POI_ID])
