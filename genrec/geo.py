"""Distances on the globe."""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

EARTH_RADIUS_KM = 6371.0088
FAR_KM = 1.0  # between two positions of one place: one of them is wrong
CACHE_BYTES = 1 << 26  # of rows that `Positions.km_from` remembers

Floats = NDArray[np.float64]


def haversine_km(lat1: ArrayLike, lon1: ArrayLike, lat2: ArrayLike, lon2: ArrayLike) -> Floats:
    """Great-circle distance in km; arguments in degrees, broadcast against each other."""
    a, b, c, d = (np.radians(np.asarray(x, dtype=np.float64)) for x in (lat1, lon1, lat2, lon2))
    return _km(c - a, d - b, np.cos(a) * np.cos(c))


class Positions:
    """Many points, and the distances from any of them to all."""

    def __init__(self, latitudes: ArrayLike, longitudes: ArrayLike) -> None:
        self._phi, self._theta = (np.radians(np.asarray(x, dtype=np.float64)) for x in (latitudes, longitudes))
        self._cos = np.cos(self._phi)
        # The rows of places where many people are do not have to be made again.
        self.km_from = lru_cache(max(1, CACHE_BYTES // max(self._phi.nbytes, 1)))(self._km_from)

    def __len__(self) -> int:
        return len(self._phi)

    def km(self, origin: int, others: NDArray[np.int64]) -> Floats:
        """The distances from one point to some."""
        phi, theta, cos = (values[others] for values in (self._phi, self._theta, self._cos))
        return _km(phi - self._phi[origin], theta - self._theta[origin], self._cos[origin] * cos)

    def _km_from(self, origin: int) -> Floats:
        phi, theta, cos = self._phi, self._theta, self._cos
        return _km(phi - phi[origin], theta - theta[origin], cos[origin] * cos)


def _km(along: Floats, across: Floats, cosines: Floats) -> Floats:
    """Distance from differences of latitude and longitude, in radians, and the product of the latitudes' cosines."""
    h = np.sin(along / 2) ** 2 + cosines * np.sin(across / 2) ** 2
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(h, 0.0, 1.0))))
