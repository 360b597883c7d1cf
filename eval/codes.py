"""Codes in angle brackets (`<a_12><b_4>`), as generative recommenders write places, told apart from tags.

While a text is read, its codes are hidden: written with characters of a private plane, which no pattern for words,
numbers or separators can mistake.
"""

import re
from collections.abc import Callable, Collection
from typing import Final, Literal

# The range of the characters of hidden codes, for a pattern.
HIDDEN: Final = "\U000f0000-\U000fffff"
_PLANE = 0xF0000
_HIDDEN_CODES = re.compile(f"[{HIDDEN}]+")
_GAP = re.compile("(?<=\U000f003e)[ \t]+(?=\U000f003c)")  # from a hidden > to a hidden <
_ANGLES = re.compile(r"<([^<>\n]*)>")
_CLOSING = re.compile(r"</([A-Za-z][\w-]*)")
_NAME = re.compile(r"[A-Za-z][\w-]*")
_NUMBER = re.compile(r"<(-?[0-9]+(?:\.0+)?)>")
_OTHER = re.compile(r"\W*(?:user|category|region|time|hour|day|date)", re.IGNORECASE)
_ALONE = re.compile(r"(?:<[^<>/\s]+>)+")
# What ends an answer or stands around it, and is none.
_NO_CODES = re.compile(r"<\|?(?:s|eos|bos|pad|unk|output|answer|think|endoftext|im_end|eot_id|end_of_turn)\|?>", re.I)


def hide(text: str) -> str:
    """The text with its codes hidden; a number alone in angle brackets is that number; all else stays."""
    return _hide(text, lambda angles: _hidden(angles[0]) if _kind(angles[1]) == "code" else angles[0])


def hide_and_clean(text: str) -> str:
    """The text with its codes hidden and without tags; angle brackets around words with a number go, the words stay.

    A text that is nothing but names in angle brackets is a code.
    """
    closed = frozenset(_CLOSING.findall(text))

    def clean(angles: re.Match[str]) -> str:
        kind = _kind(angles[1], closed)
        return _hidden(angles[0]) if kind == "code" else f" {angles[1]} " if kind == "words" else " "

    cleaned = _hide(text, clean)
    alone = "".join(text.split())
    if not cleaned.strip() and _ALONE.fullmatch(alone) and not _NO_CODES.match(alone):
        return _hidden(alone)
    return cleaned


def show(text: str) -> str:
    """The text as it was before its codes were hidden."""
    return _HIDDEN_CODES.sub(lambda code: "".join(chr(ord(c) - _PLANE) for c in code[0]), text)


def _kind(content: str, closed: Collection[str] = ()) -> Literal["code", "tag", "words"]:
    """What angle brackets are, by what stands in them; `closed` are the names of tags that end somewhere."""
    name = _NAME.match(content)
    if not any(map(str.isdigit, content)) or content[0] == "/" or _OTHER.match(content) or (name and name[0] in closed):
        return "tag"
    return "words" if any(map(str.isspace, content)) else "code"


def _hide(text: str, one: Callable[[re.Match[str]], str]) -> str:
    return _HIDDEN_CODES.sub(_bare_number, _GAP.sub("", _ANGLES.sub(one, text)))


def _bare_number(code: re.Match[str]) -> str:
    number = _NUMBER.fullmatch(show(code[0]))
    return f" {number[1]} " if number else code[0]


def _hidden(code: str) -> str:
    return "".join(chr(_PLANE + ord(c)) if ord(c) < 0x10000 else c for c in code)
