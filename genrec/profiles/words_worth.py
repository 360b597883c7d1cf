"""How much what people like tells of where they go next, in one city.

Where kinds are words that names share ("Park Avenue Deli"), somebody who likes parks is hardly more often there than
anybody else; where they are categories, half of all visits are of the few kinds that a person goes to most.
"""

from collections import Counter
from itertools import chain
from typing import Final

from genrec.checkins import Checkins
from genrec.columns import POI, USER
from genrec.profiles.place_kinds import place_kinds

FAVOURITES: Final = 3  # kinds of a person
LATEST: Final = 100_000  # check-ins that are looked at
USUAL: Final = 0.4  # what is taken until check-ins tell otherwise ...
DOUBT: Final = 50  # ... as if so many visits had told it


def words_worth(checkins: Checkins) -> float:
    """The share, beyond chance, of people's later visits that are of the kinds they went to most in their earlier ones.

    Earlier: the first half of each person's check-ins. Chance: the share that these kinds have of all visits.
    """
    kinds = place_kinds(checkins.pois)
    places: dict[str, list[int]] = {}
    for poi, of_place in enumerate(kinds):
        for kind in of_place:
            places.setdefault(kind, []).append(poi)
    people = checkins.frame.tail(LATEST).group_by(USER).agg(POI)[POI].to_list()
    counts = Counter(chain.from_iterable(people))
    right, chance, visits = USUAL * DOUBT, 0.0, DOUBT
    for pois in people:
        earlier, later = pois[: len(pois) // 2], pois[len(pois) // 2 :]
        went = Counter(kind for poi in earlier for kind in kinds[poi])
        liked = {poi for kind, _ in went.most_common(FAVOURITES) for poi in places[kind]}
        right += sum(poi in liked for poi in later)
        chance += len(later) * sum(counts[poi] for poi in liked) / counts.total()
        visits += len(later)
    return max(right - chance, 0.0) / (visits - chance)
