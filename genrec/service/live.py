"""What is counted of the check-ins, and counted again in the background when more have come.

Counting takes in everybody's visits. One person's own latest visits need not wait for it: they are read from the store
for each answer, and enter as the trajectory that is going on.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from genrec.assistant import STRANGER, Assistant, Models, WordReader
from genrec.audience import Known, known_for
from genrec.checkins import Checkins
from genrec.columns import FIRST_SEEN, POI_ID
from genrec.profiles.named_places import NameIndex
from genrec.rankers.ranker import Bools, Query
from genrec.recommender import Recommender
from genrec.service.errors import Refused, note_failure
from genrec.store.protocol import MissingError, Store
from genrec.store.records import now

LEAST_SECONDS = 2.0  # from one count to the next
SHARE = 5  # so many times as long as a count has taken, nothing is counted again
PATIENCE = 20.0  # seconds that an answer may wait for others


@dataclass(frozen=True)
class Catalogue:
    """The places, the index of each, and of those that belong to one person, whose they are."""

    pois: pl.DataFrame
    index: dict[str, int]
    owners: dict[int, str]

    def poi(self, place: str, person: str | None) -> int:
        """The index of a place; raises MissingError if there is none, or none that this person may know of."""
        poi = self.index.get(place)
        if poi is None or self.owners.get(poi, person) != person:
            raise MissingError(f"there is no place {place!r} in the store")
        return poi

    @cached_property
    def names(self) -> NameIndex:
        """What the places are called, to be found in texts."""
        return NameIndex(self.pois)

    def hidden(self, person: str | None) -> list[int]:
        """The places that a person may not know of: those of others."""
        return [poi for poi, owner in self.owners.items() if owner != person]

    def among(self, count: int, person: str | None, without: Iterable[int] = ()) -> Bools:
        """Which of the first `count` places may be named to a person: not what is others'. Shape: (count,)."""
        among = np.ones(count, dtype=np.bool_)
        among[[poi for poi in (*self.hidden(person), *without) if poi < count]] = False
        return among


class Turn:
    """One at a time; who would wait too long is told to come again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=PATIENCE):
            raise Refused(429, "too many ask at once; try again", wait=2)

    def __exit__(self, *_: object) -> None:
        self._lock.release()


@dataclass(frozen=True)
class Counted:
    """The check-ins as of a moment (UTC), with all that is counted of them, and how many seconds that took."""

    assistant: Assistant
    catalogue: Catalogue
    rankers: Path | None
    at: datetime
    seconds: float = 0.0
    turn: Turn = field(default_factory=Turn)

    @cached_property
    def past(self) -> Recommender:
        """For answers as of earlier moments, so that these do not push out what is counted of the latest."""
        return Recommender(self.assistant.checkins, self.rankers)

    @cached_property
    def audience(self) -> Known | None:
        """What tells who comes to new places."""
        return known_for(self.assistant.checkins, self.rankers)


class Live:
    """The latest count, and a thread that makes the next one."""

    def __init__(
        self,
        store: Store,
        models: Models,
        rankers: Path | None = None,
        load: Callable[[Callable[[], object]], object] | None = None,
    ) -> None:
        """`load`: what is to be done with the loading of the model, where it is not to wait until it is needed."""
        self._store, self._models, self._rankers, self._load = store, models, rankers, load
        self._counted: Counted | None = None
        self._empty = self._counting = False
        self._changed, self._urgent, self._closed = threading.Event(), threading.Event(), False
        self._places = threading.Lock()
        self._catalogue: Catalogue | None = None
        self._edition = object()  # of the places in the store: another one when they have changed
        self.past, self.audience = Turn(), Turn()

    def start(self) -> None:
        """Count, and go on doing so."""
        self._changed.set()
        threading.Thread(target=self._run, name="counting", daemon=True).start()

    def close(self) -> None:
        """Count no more."""
        self._closed = True
        self._changed.set()
        self._urgent.set()

    def changed(self, *, places: bool = False) -> None:
        """Something new is in the store."""
        if places:
            self._edition, self._catalogue = object(), None
        self._changed.set()

    def forget(self) -> None:
        """Somebody was erased, and is not to be counted any more, however lately that was done."""
        self.changed(places=True)
        self._urgent.set()

    @property
    def ready(self) -> bool:
        """Whether the first count is done."""
        return self._counted is not None or self._empty

    @property
    def waiting(self) -> bool:
        """Whether something has come that is not counted."""
        return self._changed.is_set() or self._counting

    def age(self) -> float:
        """Seconds since the latest count; 0 before the first."""
        return (now() - self._counted.at).total_seconds() if self._counted else 0.0

    @property
    def latest(self) -> Counted | None:
        """The latest count, if there is one."""
        return self._counted

    @property
    def counted(self) -> Counted:
        """The latest count; raises Refused if there is none."""
        if self._counted is not None:
            return self._counted
        if self._empty:
            raise Refused(409, "there are no check-ins yet, so nothing can be ranked: add some")
        raise Refused(503, "not ready: the check-ins are being counted", wait=2)

    @property
    def catalogue(self) -> Catalogue:
        """All places, also those that are not counted yet."""
        with self._places:
            found, edition = self._catalogue, self._edition
            if found is None:
                found = _catalogue(self._store, self._store.catalogue())
                self._keep(found, edition)
            return found

    def _keep(self, catalogue: Catalogue, edition: object) -> None:
        """Keep what was read, unless places have come since the reading began."""
        if edition is self._edition:
            self._catalogue = catalogue

    def _run(self) -> None:
        pause = 0.0
        while True:
            self._urgent.wait(pause)
            self._changed.wait()
            self._urgent.clear()
            if self._closed:
                return
            self._counting = True
            self._changed.clear()
            start = time.perf_counter()
            try:
                self._count()
            except Exception as error:  # the next count may succeed; until then the latest one serves
                note_failure("to count the check-ins", error)
                self._changed.set()
            self._counting = False
            pause = max(LEAST_SECONDS, SHARE * (time.perf_counter() - start))

    def _count(self) -> None:
        start, at, edition = time.perf_counter(), now(), self._edition
        checkins, before = self._store.checkins(), self._counted
        catalogue = _catalogue(self._store, checkins.pois.drop(FIRST_SEEN))
        self._keep(catalogue, edition)
        self._empty = checkins.frame.is_empty()
        if self._empty:
            self._counted = None
            return
        words: WordReader | None = None
        if before is not None and _same(before.assistant.checkins, checkins):
            words = before.assistant.words
        assistant = Assistant(checkins, {}, self._models, rankers=self._rankers, words=words)
        stranger = [Query(STRANGER, None)]
        for by in ("fusion", "habits"):
            assistant.recommender.rank_as_of(None, stranger, by)  # what is counted when first asked for
        self._counted = Counted(assistant, catalogue, self._rankers, at, time.perf_counter() - start)
        if words is None and self._load is not None:
            self._load(assistant.words.load)


def _same(one: Checkins, other: Checkins) -> bool:
    """Whether two have the same places."""
    return one.pois.drop(FIRST_SEEN).equals(other.pois.drop(FIRST_SEEN))


def _catalogue(store: Store, pois: pl.DataFrame) -> Catalogue:
    index = {poi_id: poi for poi, poi_id in enumerate(pois[POI_ID])}
    return Catalogue(pois, index, store.owners())
