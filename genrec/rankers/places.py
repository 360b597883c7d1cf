"""What the catalogue alone says of places: kinds, words, positions and neighbours; nothing of visits."""

import re
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from genrec.columns import CATEGORY, LATITUDE, LONGITUDE, NAME

NEIGHBOURS = 200  # nearest places that are known of each place, itself among them
BUCKETS = 256  # that words are hashed into
EARTH_KM = 6371.0

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Places:
    """The catalogue as arrays.

    Attributes:
        category: index of each place's category. Shape: (places,).
        categories: how many there are.
        xy: east and north in km, flat around the catalogue's middle. Shape: (places, 2).
        near: the nearest places of each, itself first. Shape: (places, up to NEIGHBOURS).
        words: unit vector of each place's hashed words, rare ones weighing more; 0 without any. Shape:
            (places, BUCKETS).
        named: whether places have names.

    """

    category: Ints
    categories: int
    xy: Floats
    near: Ints
    words: NDArray[np.float32]
    named: bool

    @property
    def count(self) -> int:
        """How many places there are."""
        return len(self.category)


def places_of(pois: pl.DataFrame) -> Places:
    """The catalogue of check-ins as arrays."""
    names, category = np.unique(pois[CATEGORY].to_numpy().astype(str), return_inverse=True)
    latitude, longitude = (np.radians(pois[column].to_numpy().astype(np.float64)) for column in (LATITUDE, LONGITUDE))
    # Longitudes are taken from the first place's on, so that a city on the date line stays whole.
    east = np.mod(longitude - longitude[:1] + np.pi, 2 * np.pi) - np.pi
    xy = EARTH_KM * np.stack([east * np.cos(latitude.mean()), latitude], axis=1)
    near = np.asarray(cKDTree(xy).query(xy, k=min(NEIGHBOURS, len(xy)))[1], dtype=np.int64).reshape(len(xy), -1)
    named = NAME in pois.columns and pois[NAME].null_count() < len(pois)
    texts: Any = pois[CATEGORY].cast(pl.String)
    if named:
        texts = texts + " " + pois[NAME].cast(pl.String).fill_null("")
    return Places(category.astype(np.int64), len(names), xy, near, _words(texts.to_list()), named)


def _words(texts: list[str]) -> NDArray[np.float32]:
    vectors = np.zeros((len(texts), BUCKETS), dtype=np.float32)
    for row, text in enumerate(texts):
        for word in set(re.findall(r"[^\W_]+", text.lower())):
            vectors[row, zlib.crc32(word.encode()) % BUCKETS] += 1
    vectors *= np.log(len(texts) / ((vectors > 0).sum(axis=0) + 1) + 1)
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6), dtype=np.float32)
