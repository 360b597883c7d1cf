"""What many people do: the laws of mobility.py, one check-in of everybody after the other."""

import numpy as np

from genrec.city.cells import pick
from genrec.city.mobility import BURSTINESS, GAMMA, SECONDS_PER_HOUR, sample
from genrec.city.people import SERVES, Block, People, Routines, hours_of
from genrec.city.week import ACTIVITIES, ACTIVITY_INDEX, HOURS_PER_WEEK
from genrec.city.world import Floats, Ints, World

SLOTS = 2048  # that the places a person knows are told apart by: a few of the unknown ones are taken for known
ROUNDS = 5  # of drawing more hours, before the hours of the busiest are weighed one by one
ATTEMPTS = 4  # at a place that is open and unknown


def simulate_all(block: Block, routines: Routines, counts: Ints, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """`counts` check-ins of each person: whose, the place, and seconds since the first day.

    Those of a person lie together, in order; no two of them fall into the same hour.
    """
    people, world = block.people, block.cells.world
    person, hour = _hours(hours_of(people, routines), people.arrived, counts, world, rng)
    of_week = (hour + 24 * world.first_weekday) % HOURS_PER_WEEK
    activity = pick(people.week[person, of_week], rng.random(len(person)))
    fixed = _fixed(people, routines, rng, person=person, of_week=of_week, activity=activity)
    place = _Walk(block, rng).places(counts, hour // 24, activity, fixed)
    return person, place, hour * SECONDS_PER_HOUR + rng.integers(0, SECONDS_PER_HOUR, len(hour))


def _hours(hourly: Floats, arrived: Ints, counts: Ints, world: World, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """`counts` different hours of each person, weighted by the hour of the week and a burst a day, in order.

    What is drawn again is left out, as an exponential race would.
    """
    weekday = (np.arange(world.days) + world.first_weekday) % 7
    bursts = rng.gamma(BURSTINESS, size=(len(hourly), world.days)) + 1e-3
    bursts[np.arange(world.days) < arrived[:, None]] = 0
    by_weekday = hourly.reshape(-1, 7, 24)
    of_day = _running(bursts * by_weekday.sum(axis=2)[:, weekday])
    of_hour = _running(by_weekday.reshape(-1, 24))
    length = 24 * world.days
    keys = np.zeros(0, dtype=np.int64)
    missing = counts
    for round_ in range(ROUNDS):
        more = np.where(missing > 0, missing * (2 if round_ else 1.15) + 4, 0).astype(np.int64)
        who = np.repeat(np.arange(len(counts)), more)
        day = _drawn(of_day, who, world.days, rng)
        hour = _drawn(of_hour, who * 7 + weekday[day], 24, rng)
        keys = np.concatenate([keys, who * length + day * 24 + hour])
        distinct, first = np.unique(keys, return_index=True)
        keys = keys[np.sort(first)]
        missing = counts - np.bincount(distinct // length, minlength=len(counts))
        if not (missing > 0).any():
            break
    person = keys // length
    order = np.argsort(person, kind="stable")  # those of each person as they were drawn
    nth = np.arange(len(keys)) - np.searchsorted(person[order], np.arange(len(counts)))[person[order]]
    kept = keys[order][(nth < counts[person[order]]) & (missing[person[order]] <= 0)]
    weighed = [
        who * length + sample((bursts[who, :, None] * by_weekday[who, weekday] + 1e-300).ravel(), counts[who], rng)
        for who in np.flatnonzero(missing > 0).tolist()
    ]
    keys = np.sort(np.concatenate([kept, *weighed]))
    return keys // length, keys % length


def _running(weights: Floats) -> Floats:
    """Cumulative shares of each row, the number of the row added, one row after the other."""
    until = weights.cumsum(axis=1)
    until /= np.maximum(until[:, -1:], 1e-300)
    until += np.arange(len(until))[:, None]
    return np.asarray(until.ravel())


def _drawn(running: Floats, row: Ints, columns: int, rng: np.random.Generator) -> Ints:
    """A column of each row, by the shares of `_running`."""
    found = np.searchsorted(running, row + rng.random(len(row)) * (1 - 1e-9), side="right")
    return np.clip(found - row * columns, 0, columns - 1)


def _fixed(
    people: People, routines: Routines, rng: np.random.Generator, *, person: Ints, of_week: Ints, activity: Ints
) -> Ints:
    """As `_fixed_places` of mobility.py: the place of each check-in that leaves no choice, else -1."""
    fixed = np.where(activity == ACTIVITY_INDEX["home"], people.home[person], -1)
    busy = (activity == ACTIVITY_INDEX["work"]) | (activity == ACTIVITY_INDEX["study"])
    fixed = np.where(busy, people.anchor[person], fixed)
    key = routines.person * HOURS_PER_WEEK + routines.slot
    wanted = person * HOURS_PER_WEEK + of_week
    row = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
    kept = (key[row] == wanted) & (rng.random(len(person)) < routines.strength[row])
    fixed[kept] = routines.poi[row[kept]]
    activity[kept] = routines.activity[row[kept]]
    return fixed


class _Walk:
    """Exploration and preferential return of many people, a check-in of each at a time."""

    def __init__(self, block: Block, rng: np.random.Generator) -> None:
        self._people, self._cells, self._near, self._rng = block.people, block.cells, block.near, rng
        self._world = block.cells.world
        self._seen = np.zeros((len(block.people), SLOTS), dtype=np.bool_)
        self._last = block.people.home.copy()

    def places(self, counts: Ints, day: Ints, activity: Ints, fixed: Ints) -> Ints:
        """The place of each check-in; those of a person lie together, in order."""
        first = np.cumsum(counts) - counts
        person = np.repeat(np.arange(len(counts)), counts)
        group = person * len(ACTIVITIES) + activity
        order = np.argsort(group, kind="stable")
        start = np.searchsorted(group[order], group)  # where those of the same person and activity begin in `order`
        nth = np.empty(len(group), dtype=np.int64)
        nth[order] = np.arange(len(group)) - start[order]
        luck, fraction = self._rng.random((2, len(group)))
        earlier = order[start + (fraction * nth).astype(np.int64)]  # a uniform draw of past visits
        place = fixed.copy()
        known = np.zeros(len(counts))
        who = np.arange(len(counts))
        for step in range(int(counts.max())):
            who = who[counts[who] > step]
            rows = first[who] + step
            new = (fixed[rows] < 0) & (
                (nth[rows] == 0) | (luck[rows] < self._people.rho[who] * np.maximum(known[who], 1) ** -GAMMA)
            )
            back = (fixed[rows] < 0) & (nth[rows] > 0)
            place[rows[back]] = place[earlier[rows[back]]]
            explorers = np.flatnonzero(new)
            if len(explorers):
                found = self._explore(who[explorers], day[rows[explorers]], activity[rows[explorers]])
                place[rows[explorers]] = np.where(found < 0, place[rows[explorers]], found)
                self._settle(rows[explorers], place, day, activity)
            went = place[rows]
            known[who] += ~self._seen[who, went % SLOTS]
            self._seen[who, went % SLOTS] = True
            self._last[who] = went
        return place

    def _explore(self, who: Ints, day: Ints, activity: Ints) -> Ints:
        """A place for each that is open and that they do not know; -1 where none was found."""
        found = np.full(len(who), -1)
        for _ in range(ATTEMPTS):
            row = np.flatnonzero(found < 0)
            if not len(row):
                break
            person = who[row]
            near = self._cells.proximity(self._last[person], self._people.reach_km[person]) * self._near[person]
            drawn = self._cells.draw(self._people.taste[person] * SERVES.T[activity[row]], near, self._rng)
            good = (self._world.opened[drawn] <= day[row]) & ~self._seen[person, drawn % SLOTS]
            found[row[good]] = drawn[good]
        return found

    def _settle(self, rows: Ints, place: Ints, day: Ints, activity: Ints) -> None:
        """Any open place for those who found nothing new and have no past to return to."""
        for row in rows[place[rows] < 0].tolist():
            doing = int(activity[row])
            place[row] = self._world.places[doing][self._rng.integers(self._world.open_count[doing][day[row]])]
