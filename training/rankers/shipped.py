"""Makes the fusion that comes with GenRec, from the first halves of real cities' check-ins and from synthetic ones.

    python -m training.rankers.shipped genrec/rankers/shipped_fusion CITY CITY ...

where each CITY is a folder made by `genrec data prepare`. What the file then says of itself is its fingerprint of the
halves together. Everything is seeded.
"""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from genrec.checkins import Checkins
from genrec.clock import local_span
from genrec.fingerprint import fingerprint
from genrec.rankers.features import ABOUT, layout
from genrec.rankers.fusion import COUNTED, counting
from genrec.rankers.fusion_file import FusionSettings, Learned, write_fusion
from genrec.rankers.trained import ANY, TrainedOn
from genrec.reading.reader import read_checkins
from training.data.cities import training_city
from training.progress import Progress
from training.rankers.fusion import Settings, calibrate, fit, new_network
from training.rankers.fusion_stage import KEPT_ASIDE
from training.rankers.lists import Lists, Portions, joined, lists_of, shared_out, visits_to_learn

FIRST_SEED, SYNTHETIC = 2000, 4  # synthetic cities
REAL_VISITS, REAL_AGED, KEPT_VISITS = 9_000, 2_000, 1_500  # of each city at most
SYNTHETIC_VISITS, SYNTHETIC_AGED = 1_500, 500
SETTINGS = Settings(epochs=6, rate=2e-3, contrast=0.0)
WIDTH = 96


@dataclass(frozen=True)
class _City:
    learned: Lists
    kept: Lists | None


def ship(cities: Sequence[Checkins], out: Path, progress: Progress | None = None) -> None:
    """Train on the first half of each city and on synthetic cities, and write the fusion into a folder."""
    halves = [replace(city, frame=city.frame[: (len(city.frame) + 1) // 2]) for city in cities]
    parts = [_learn(half, REAL_VISITS, REAL_AGED, KEPT_ASIDE) for half in halves]
    seeds = range(FIRST_SEED, FIRST_SEED + SYNTHETIC)
    parts += [_learn(training_city(seed), SYNTHETIC_VISITS, SYNTHETIC_AGED, 0.0) for seed in seeds]
    learned = Learned(layout=layout(), about=ABOUT, rankers=COUNTED, width=WIDTH)
    lists = joined([part.learned for part in parts])
    network = fit(new_network(lists, learned, SETTINGS), lists, SETTINGS, progress)
    calibrate(network, joined([part.kept for part in parts if part.kept is not None]))
    prints = "".join(fingerprint(half) for half in halves)
    seen = TrainedOn(
        fingerprint=hashlib.sha256(prints.encode()).hexdigest(),
        rows=sum(len(half.frame) for half in halves),
        last=max(local_span(half.frame)[1] for half in halves),
        seed=SETTINGS.seed,
    )
    names = [
        f"{len(half.frame):,} check-ins, {len(part.learned):,} lists" for half, part in zip(halves, parts, strict=False)
    ]
    names.append(f"{SYNTHETIC} synthetic cities, {sum(len(part.learned) for part in parts[len(halves) :]):,} lists")
    write_fusion(out, FusionSettings(catalogue=ANY, trained_on=seen, learned=learned, cities=tuple(names)), network)


def _learn(checkins: Checkins, most: int, most_aged: int, aside: float) -> _City:
    """Lists of a city's visits, with some of them as they look with old evidence; the last ones are kept aside."""
    visits = sorted(visits_to_learn(checkins, len(checkins.frame)), key=lambda visit: visit.time)
    portions = Portions(most, 1.0, most_aged, aside, KEPT_VISITS)
    learned, kept = shared_out(checkins, visits, portions, SETTINGS.seed)
    voices = counting()
    return _City(lists_of(checkins, learned, voices), lists_of(checkins, kept, voices) if kept else None)


if __name__ == "__main__":
    ship(
        [read_checkins(Path(folder)) for folder in sys.argv[2:]],
        Path(sys.argv[1]),
        lambda done, total: print(f"{done}/{total}", flush=True) if done % 100 == 0 else None,
    )
