"""JSON text value by value: a long list is never held as objects, and numbers stay as they are written."""

import json
from collections.abc import Collection, Generator, Iterator
from json.decoder import WHITESPACE  # type: ignore[attr-defined]
from typing import Any

_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)

scan = _DECODER.decode
"""The value of a text that holds one; numbers as text."""


def values(text: str, at: int) -> Iterator[tuple[Any, int, int]]:
    """The values from `at` to the end, one after the other, each with its start and end."""
    while (at := _solid(text, at)) < len(text):
        value, end = _DECODER.raw_decode(text, at)
        yield value, at, end
        at = end


def only_list(text: str, at: int) -> Iterator[tuple[Any, int, int]]:
    """The elements of the list at `at`, after which nothing may follow."""
    end = yield from elements(text, at)
    if _solid(text, end) < len(text):
        raise json.JSONDecodeError("Extra data", text, end)


def elements(text: str, at: int) -> Generator[tuple[Any, int, int], None, int]:
    """The elements of the list at `at`, each with its start and end; returns the end of the list."""
    at = _solid(text, at + 1)
    while text[at : at + 1] != "]":
        value, end = _DECODER.raw_decode(text, at)
        yield value, at, end
        at = _solid(text, end)
        if text[at : at + 1] == ",":
            at = _solid(text, at + 1)
        elif text[at : at + 1] != "]":
            raise json.JSONDecodeError("Expecting ',' or ']'", text, at)
    return at + 1


def find_list(text: str, at: int, names: Collection[str]) -> int | None:
    """Where the first list starts that the object at `at` has under one of the names."""
    if not any(f'"{name}"' in text for name in names):
        return None
    key_at = _first_key(text, at)
    while key_at is not None:
        key, at = _key(text, key_at)
        if key in names and text[at : at + 1] == "[":
            return at
        key_at = _next_key(text, _DECODER.raw_decode(text, at)[1])
    return None


def inner_list(text: str, at: int) -> Iterator[tuple[Any, int, int]]:
    """The elements of the list at `at`, which is in an object after which nothing may follow."""
    end = yield from elements(text, at)
    while (key_at := _next_key(text, end)) is not None:
        end = _DECODER.raw_decode(text, _key(text, key_at)[1])[1]
    at = _solid(text, _solid(text, end) + 1)
    if at < len(text):
        raise json.JSONDecodeError("Extra data", text, at)


def _first_key(text: str, at: int) -> int | None:
    at = _solid(text, at + 1)
    return None if text[at : at + 1] == "}" else at


def _key(text: str, at: int) -> tuple[Any, int]:
    """A key, and where its value starts."""
    key, end = _DECODER.raw_decode(text, at)
    at = _solid(text, end)
    if text[at : at + 1] != ":":
        raise json.JSONDecodeError("Expecting ':' delimiter", text, at)
    return key, _solid(text, at + 1)


def _next_key(text: str, at: int) -> int | None:
    """Where the key after the value that ends at `at` starts; None at the end of the object."""
    at = _solid(text, at)
    if text[at : at + 1] == ",":
        return _solid(text, at + 1)
    if text[at : at + 1] != "}":
        raise json.JSONDecodeError("Expecting ',' or '}'", text, at)
    return None


def lists_inside(text: str, at: int) -> dict[tuple[str, ...], int]:
    """Where the lists of objects start that are inside the object at `at`, by their keys."""
    lists: dict[tuple[str, ...], int] = {}
    _skim(text, at, (), lists)
    return lists


def _skim(text: str, at: int, keys: tuple[str, ...], lists: dict[tuple[str, ...], int]) -> int:
    """Note the lists inside the value at `at`, which is known to be well-formed; its end."""
    if text[at] == "[" and text[_solid(text, at + 1)] == "{":
        lists[keys] = at
    if text[at] != "{":
        return _DECODER.raw_decode(text, at)[1]
    at = _solid(text, at + 1)
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        at = _solid(text, _solid(text, at) + 1)  # past the colon
        at = _solid(text, _skim(text, at, (*keys, key), lists))
        at = _solid(text, at + 1) if text[at] == "," else at
    return at + 1


def _solid(text: str, at: int) -> int:
    """Where the white space at `at` ends."""
    end: int = WHITESPACE.match(text, at).end()
    return end
