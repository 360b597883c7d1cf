"""A server's address. A name and a password in it are for requests only: they are never stored or shown."""

import re
from collections.abc import Sequence

import httpx

from genrec.errors import GenRecError

_SECRETS = re.compile(r"\A([^:/?#@]*://)?.*@", re.DOTALL)  # up to the last @: a password may hold any character
_LAST_PORT = 65535


def public(server: str) -> str:
    """The address without a name, a password or a query (which may hold a key): to be stored or shown."""
    return re.split(r"[?#]", _SECRETS.sub(r"\1", server), maxsplit=1)[0]


def together(servers: Sequence[str]) -> str | None:
    """Addresses of servers of one model as one text, whatever their order; None if there are none."""
    return " ".join(sorted(set(servers))) or None


def each(servers: str) -> list[str]:
    """The addresses that `together` has put into one text."""
    return servers.split(" ")


def shown(servers: str) -> str:
    """The same of several addresses: to be stored or shown."""
    return " ".join(map(public, each(servers)))


def request_address(server: str) -> tuple[httpx.URL, httpx.Auth | None]:
    """Where to send requests, and how to sign them; raises GenRecError if it is not an address."""
    shown = public(server)
    secret = shown != server
    try:
        url = httpx.URL(server)
        known = url.copy_with(username=None, password=None, query=None, fragment=None)
        known.host.encode("idna")  # as the resolver will, with other words if it fails
    except (httpx.InvalidURL, UnicodeError) as error:
        raise GenRecError(f"{shown!r} is not a URL" + ("" if secret else f": {error}")) from None
    if url.scheme not in ("http", "https") or not url.host:
        raise GenRecError(f"{shown!r} is not a URL; it starts with http:// or https://")
    if url.port is not None and not 0 < url.port <= _LAST_PORT:
        raise GenRecError(f"{shown!r} is not a URL: there are ports 1 to {_LAST_PORT}")
    path = url.path.rstrip("/").removesuffix("/v1")
    return known.copy_with(path=path or "/"), httpx.BasicAuth(url.username, url.password) if url.userinfo else None
