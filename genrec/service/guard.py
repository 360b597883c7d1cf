"""Who asks, by the keys that they show, and how often each may."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from genrec.service.errors import Refused
from genrec.service.keys import known_key
from genrec.store.protocol import Store

OWN_RATE, OPERATOR_RATE = 10.0, 200.0  # requests a second, on average
BURST = 10  # seconds' worth that may come at once
LOOK_AGAIN = 5.0  # seconds for which it is believed that there are no keys
BUCKETS = 10_000  # remembered


@dataclass(frozen=True)
class Caller:
    """Whose key it is: a person's, or an operator's (None), who may do everything."""

    person: str | None

    def require(self, person: str | None) -> None:
        """Raise Refused unless the caller may ask about this person; None: about nobody in particular."""
        if self.person is not None and person is not None and person != self.person:
            raise Refused(403, "this key is for another person")


class Guard:
    """Tells callers by their keys. As long as the store has none, everybody is an operator, unless it is `strict`."""

    def __init__(self, store: Store, *, strict: bool = False) -> None:
        self._store, self._strict = store, strict
        self._lock = threading.Lock()
        self._tokens: OrderedDict[str, tuple[float, float]] = OrderedDict()  # how many were left, and when
        self._open_until = 0.0

    def caller(self, shown: str | None, host: str) -> Caller:
        """Who asks; raises Refused for a wrong key, or too many requests."""
        if shown is None:
            if self._is_open():
                return Caller(None)
            self._spend(f"host {host}", OWN_RATE)
            raise Refused(401, "this needs a key: Authorization: Bearer genrec_...")
        key = known_key(self._store, shown)
        if key is None:
            self._spend(f"host {host}", OWN_RATE)
            raise Refused(401, "this key is not known")
        self._spend(f"key {key.id}", OPERATOR_RATE if key.person is None else OWN_RATE)
        return Caller(key.person)

    def _is_open(self) -> bool:
        if time.monotonic() < self._open_until:
            return True
        if self._strict or self._store.api_keys():
            return False
        self._open_until = time.monotonic() + LOOK_AGAIN
        return True

    def _spend(self, who: str, rate: float) -> None:
        """Take a token from a bucket that fills with time; raises Refused if it is empty."""
        with self._lock:
            moment = time.monotonic()
            left, since = self._tokens.pop(who, (rate * BURST, moment))
            left = min(rate * BURST, left + (moment - since) * rate)
            self._tokens[who] = (max(left - 1, 0.0), moment)
            if len(self._tokens) > BUCKETS:
                self._tokens.popitem(last=False)
        if left < 1:
            raise Refused(429, f"more than {rate:g} requests a second; slow down", wait=1)
