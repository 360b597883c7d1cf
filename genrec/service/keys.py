"""Keys of the API. A key is shown once, when it is made; the store holds its hash.

The secret is 256 random bits, so a plain hash is enough: nobody can try them all.
"""

import hashlib
import secrets

from genrec.store.protocol import Store
from genrec.store.records import ApiKey

PREFIX = "genrec"


def make_key(store: Store, person: str | None) -> str:
    """A new key for a person, or for an operator (None)."""
    id_, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    store.add_key(ApiKey(id=id_, hash=_hash(secret), person=person))
    return f"{PREFIX}_{id_}_{secret}"


def known_key(store: Store, text: str) -> ApiKey | None:
    """The key that somebody shows; None if it is not one of ours."""
    prefix, _, rest = text.partition("_")
    id_, _, secret = rest.partition("_")
    if prefix != PREFIX or not id_.isalnum() or not id_.isascii():
        return None
    key = store.key(id_)
    return key if key is not None and secrets.compare_digest(key.hash, _hash(secret)) else None


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
