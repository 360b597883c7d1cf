"""A ranking that knows nothing of the person: what is popular at this hour, near where they say they are."""

from datetime import datetime

import numpy as np

from genrec.assistant import STRANGER
from genrec.columns import LATITUDE, LONGITUDE
from genrec.evidence import Evidence
from genrec.explaining import described
from genrec.geo import haversine_km
from genrec.rankers.ranker import Bools, Pick, Query
from genrec.rankers.simple import CountingRanker
from genrec.ranking import Place
from genrec.service.questions import Position


def popular(evidence: Evidence, at: datetime | None, near: Position | None, k: int, among: Bools) -> list[Place]:
    """The most probable places; `among`: which may be named. Shape: (pois,)."""
    pois, away = evidence.past.pois, None
    chances = np.exp(CountingRanker("popularity-by-hour").score([Query(STRANGER, at)], evidence)[0])
    if near is not None:
        away = haversine_km(pois[LATITUDE].to_numpy(), pois[LONGITUDE].to_numpy(), near.latitude, near.longitude)
        chances /= 1 + away
        chances /= chances.sum()
    reasons = ["many people go there" if at is None else "many people go there at this time"]
    return [
        described(
            pois,
            int(poi),
            distance_km=None if away is None else float(away[poi]),
            probability=float(chances[poi]),
            habits_probability=float(chances[poi]),
            reasons=reasons,
        )
        for poi in Pick(k, among).of(chances[None])[0]
    ]
