"""Where people go on to from a place."""

from dataclasses import dataclass

import numpy as np

from genrec.rankers.places import Places
from genrec.rankers.sparse import Floats, Ints, Keyed, best_of_groups, counted

DAY = 86_400.0
GAP = DAY  # between visits that follow each other
STEPS = 30  # places kept of those gone on to


@dataclass(frozen=True)
class Visits:
    """The visits before a moment, in order: who, where, when."""

    user: Ints
    poi: Ints
    time: Floats


@dataclass(frozen=True)
class CrowdSteps:
    """Where everybody goes on to within a day: see `Steps`."""

    crowd: Keyed
    crowd_from: Floats
    kind: Floats
    best: Ints

    @classmethod
    def counted(cls, before: Ints, after: Ints, places: Places) -> "CrowdSteps":
        """Count steps from places to places."""
        crowd = counted(before * places.count + after)
        best = best_steps(crowd.keys // places.count, crowd.values, crowd.keys % places.count, places.count)
        return cls(crowd, *steps_from(before, after, places), best)


def steps_from(before: Ints, after: Ints, places: Places) -> tuple[Floats, Floats]:
    """How many steps lead from each place, and from each category to each."""
    kind = np.zeros((places.categories, places.categories))
    np.add.at(kind, (places.category[before], places.category[after]), 1.0)
    return np.bincount(before, minlength=places.count).astype(np.float64), kind


def best_steps(before: Ints, count: Floats | Ints, after: Ints, places: int) -> Ints:
    """Where most go on to from each place."""
    return best_of_groups(before, count, after, places, STEPS)


class Steps:
    """Where people go on to within a day: each person and everybody, from places and from categories.

    `crowd`: everybody's, where the visits are those of some.
    """

    def __init__(self, visits: Visits, places: Places, crowd: CrowdSteps | None = None) -> None:
        order = np.argsort(visits.user, kind="stable")
        user, poi, time = visits.user[order], visits.poi[order], visits.time[order]
        same = user[1:] == user[:-1]
        near = same & (np.diff(time) < GAP)
        size, kinds, category = places.count, places.categories, places.category
        who, before, after = user[1:][same], poi[:-1][same], poi[1:][same]
        self.own = counted((who * size + before) * size + after)
        self.own_from = counted(who * size + before)
        self.own_kind = counted((who * kinds + category[before]) * kinds + category[after])
        self.own_kind_from = counted(who * kinds + category[before])
        crowd = crowd or CrowdSteps.counted(poi[:-1][near], poi[1:][near], places)
        self.crowd, self.crowd_from, self.kind, self.best = crowd.crowd, crowd.crowd_from, crowd.kind, crowd.best
