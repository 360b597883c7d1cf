"""What is known of each place, in numbers that mean the same in any catalogue: no number stands for one place.

`describe` says what does not change: words, category and its parent, position. `history` says what the evidence shows
of each place as of its moment: when it is visited, and how much.
"""

import re
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from genrec.columns import CATEGORY, LATITUDE, LONGITUDE, NAME, POI, TIME, UNKNOWN
from genrec.evidence import Evidence
from genrec.geo import EARTH_RADIUS_KM

Numbers = NDArray[np.float32]
Indices = NDArray[np.int64]

WORDS, BUCKETS = 12, 4096  # words of a place that count; numbers that they are hashed to, from 1 on
WAVELENGTHS_KM = (2, 4, 8, 16, 32, 64)
ELSEWHERE_KM = 200.0  # a catalogue that lies further from the vocabulary's origin is another city's
PRIOR_VISITS = 5.0  # of the coarser profile, that count as much as a place's own
LEVELS = 10  # of popularity: none, 1, 2 to 3, 4 to 7, ...
RECENT_DAYS = 30
POSITION = 4 * len(WAVELENGTHS_KM)  # numbers of a place's position
HISTORY = 24 + LEVELS + 2  # numbers of a place's history


class Vocabulary(BaseModel):
    """What a trained ranker knows of names of categories, and the origin of its map."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    categories: tuple[str, ...]  # numbered from 1; 0 stands for all others
    parents: tuple[str, ...]
    latitude: float
    longitude: float


@dataclass(frozen=True)
class Places:
    """What is known of places beside their visits.

    Attributes:
        words: (places, WORDS) hashed words of name and category, 0 for none.
        category: (places,) as the vocabulary numbers them.
        parent: (places,) likewise.
        km: (places, 2) east and north of the origin.
        position: (places, POSITION) sines and cosines of `km` at several scales.
        texts: name and category of each place, for a sentence encoder; empty if neither is known.

    """

    words: Indices
    category: Indices
    parent: Indices
    km: Numbers
    position: Numbers
    texts: list[str]


def parent_of(category: str) -> str:
    """The broader kind: what stands before the last of a path's names (`Food > Ramen`), else the last word's.

    A Thai Restaurant is a Restaurant, a Coffee Shop is a Shop; of two names of one kind (`Drugstore / Pharmacy`) the
    first counts.
    """
    if category == UNKNOWN:
        return UNKNOWN
    path = re.split(r"\s*(?:>|::|\|)\s*", category)
    if len(path) > 1:
        return path[-2]
    words = re.findall(r"[^\W_]+", re.split(r"[/(,&]", category)[0])
    return words[-1].casefold() if words else category


def vocabulary_of(pois: pl.DataFrame) -> Vocabulary:
    """The vocabulary of these places; the origin is in their middle."""
    categories = sorted(set(pois[CATEGORY].to_list()) - {UNKNOWN})
    middle = pois.select(pl.col(LATITUDE, LONGITUDE).median()).row(0)
    return Vocabulary(
        categories=tuple(categories),
        parents=tuple(sorted({parent_of(category) for category in categories})),
        latitude=middle[0] or 0.0,
        longitude=middle[1] or 0.0,
    )


def describe(pois: pl.DataFrame, vocabulary: Vocabulary) -> Places:
    """What a catalogue says of its places; names count where it has a column for them."""
    categories = pois[CATEGORY].to_list()
    names = pois[NAME].fill_null("").to_list() if NAME in pois.columns else [""] * len(pois)
    kinds = ["" if category == UNKNOWN else category for category in categories]
    texts = [", ".join(filter(None, both)) for both in zip(names, kinds, strict=True)]
    numbers = {category: number for number, category in enumerate(vocabulary.categories, 1)}
    parents = {parent: number for number, parent in enumerate(vocabulary.parents, 1)}
    km = _km(pois, vocabulary)
    angles = (2 * np.pi * km[:, :, None] / np.array(WAVELENGTHS_KM)).reshape(len(pois), -1)
    return Places(
        words=np.array([_hashed(text) for text in texts], dtype=np.int64).reshape(-1, WORDS),
        category=np.array([numbers.get(category, 0) for category in categories], dtype=np.int64),
        parent=np.array([parents.get(parent_of(category), 0) for category in categories], dtype=np.int64),
        km=km.astype(np.float32),
        position=np.hstack([np.sin(angles), np.cos(angles)]).astype(np.float32),
        texts=texts,
    )


def history(evidence: Evidence) -> Numbers:
    """What the evidence shows of each place. Shape: (places, HISTORY).

    The share of its visits in each hour, as the logarithm of how many times the even share (smoothed with its
    category's, that with everybody's); the level of its popularity, one of `LEVELS` that is 1; and the logarithms of
    its visits, of all and of late.
    """
    city, frame = evidence.city, evidence.past.frame
    size = len(evidence.past.pois)
    hours = np.zeros((size, 24))
    if city.tells_hours:
        np.add.at(hours, (frame[POI].to_numpy(), frame[TIME].dt.hour().to_numpy()), 1)
    everybody = _smoothed(city.category_hours.sum(axis=0, keepdims=True), np.full((1, 24), 1 / 24))
    profiles = _smoothed(_around(hours), _smoothed(_around(city.category_hours), everybody)[city.category])
    levels = np.zeros((size, LEVELS))
    level = np.ceil(np.log2(city.visits + 1)).astype(np.intp)
    levels[np.arange(size), np.minimum(level, LEVELS - 1)] = 1
    late = frame.filter(pl.col(TIME) >= evidence.as_of - pl.duration(days=RECENT_DAYS))
    recent = np.bincount(late[POI].to_numpy(), minlength=size)
    amounts = np.log1p(np.stack([city.visits, recent], axis=1))
    return np.hstack([np.log(profiles * 24), levels, amounts]).astype(np.float32)


def _around(hours: NDArray[Any]) -> NDArray[np.float64]:
    """Counts by hour, each spread over its neighbours, across midnight."""
    return np.asarray(0.5 * hours + 0.25 * (np.roll(hours, 1, axis=1) + np.roll(hours, -1, axis=1)), np.float64)


def _smoothed(counts: NDArray[Any], coarser: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of counts as shares, with `PRIOR_VISITS` spread like the coarser ones."""
    totals = counts.sum(axis=1, keepdims=True)
    return np.asarray((counts + PRIOR_VISITS * coarser) / (totals + PRIOR_VISITS))


def _km(pois: pl.DataFrame, vocabulary: Vocabulary) -> NDArray[np.float64]:
    """East and north of the vocabulary's origin, or of the middle of another city. Shape: (places, 2)."""
    degrees = np.stack([pois[LONGITUDE].to_numpy(), pois[LATITUDE].to_numpy()], axis=1).astype(np.float64)
    origin = np.array([vocabulary.longitude, vocabulary.latitude])
    own = np.median(degrees, axis=0) if len(degrees) else origin
    if np.abs(_flat(own[None], origin)).max() > ELSEWHERE_KM:
        origin = own
    return _flat(degrees, origin)


def _flat(degrees: NDArray[np.float64], origin: NDArray[np.float64]) -> NDArray[np.float64]:
    """Longitude and latitude as km from an origin; across the date line by the short way. Shape: (places, 2)."""
    east = (degrees[:, 0] - origin[0] + 180) % 360 - 180
    radians = np.radians(np.stack([east * np.cos(np.radians(origin[1])), degrees[:, 1] - origin[1]], axis=1))
    return np.asarray(radians * EARTH_RADIUS_KM)


def _hashed(text: str) -> list[int]:
    """The first `WORDS` different words of a text by their hashes, filled up with 0."""
    words = list(dict.fromkeys(re.findall(r"[^\W_]+", text.casefold())))[:WORDS]
    return [zlib.crc32(word.encode()) % BUCKETS + 1 for word in words] + [0] * (WORDS - len(words))
