"""A sentence in the plainer words that the grammar knows: "they're" as "they are", "Fri" as "Friday".

The rules of `rewording.yaml` are tried in their order, each wherever it fits. Names of places and kinds cannot be
touched by them: a rule sees a sign in their stead, `{P}` for a place, `{K}` for a kind, `{N}` for either.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Final

import yaml

from genrec.profiles.kinds import KindIndex
from genrec.profiles.sentence import Place, Sentence
from genrec.words import key_of

# Signs that stand for names: one of a private area of Unicode for what it is, and one that counts.
_PLACE, _KIND, _FIRST = "\ue000", "\ue001", 0xE100
_NAMES: Final = {
    "P": f"{_PLACE}[\ue100-\uf8ff]",
    "K": f"{_KIND}[\ue100-\uf8ff]",
    "N": f"[{_PLACE}{_KIND}][\ue100-\uf8ff]",
}
_SIGN: Final = re.compile(_NAMES["N"])
_MOST: Final = 200  # names of a sentence
_HOURS: Final = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip
_HOUR: Final = "|".join(_HOURS)


@cache
def _rules() -> tuple[tuple[re.Pattern[str], str], ...]:
    text = files("genrec.profiles.checking").joinpath("rewording.yaml").read_text(encoding="utf-8")
    given = yaml.safe_load(text)
    short: dict[str, str] = {"C": _HOUR} | _NAMES | given["short"]
    return tuple((re.compile(_full(rule[0], short), re.IGNORECASE), rule[1]) for rule in given["rules"])


def _full(pattern: str, short: Mapping[str, str]) -> str:
    """A pattern with what its abbreviations stand for."""
    for name, stands_for in reversed(list(short.items())):
        pattern = pattern.replace(f"{{{name}}}", f"(?:{stands_for})")
    return pattern


def plainly(sentence: Sentence, index: KindIndex, names: Mapping[int, str], own: Mapping[int, str]) -> str:
    """The text of a sentence in plainer words; as it is, if no rule fits.

    `names`: what places are called; `own`: the categories of the person's places.
    """
    spans = _named(sentence, index, names, own)
    if len(spans) > _MOST:
        return sentence.text
    text, behind = "", 0
    for i, (sign, start, end) in enumerate(spans):
        text += f"{sentence.text[behind:start]}{sign}{chr(_FIRST + i)}"
        behind = end
    text = signed = text + sentence.text[behind:]
    for pattern, stands_for in _rules():
        text = pattern.sub(lambda match, by=stands_for: _replaced(match, by), text)  # type: ignore[misc]
    said = {f"{sign}{chr(_FIRST + i)}": sentence.text[start:end] for i, (sign, start, end) in enumerate(spans)}
    return sentence.text if text == signed else _restored(text, said)


def _restored(text: str, said: Mapping[str, str]) -> str:
    """A text with names in place of their signs."""
    return " ".join(_SIGN.sub(lambda sign: said[sign[0]], text).split())


def _replaced(match: re.Match[str], by: str) -> str:
    r"""What stands for a match; `\#1` is its first group, an hour in words, in digits."""
    digits = re.sub(r"\\#(\d)", lambda group: _digits(match[int(group[1])]), by)
    return re.sub(r"\\(\d)", lambda group: match[int(group[1])] or "", digits)


def _digits(hour: str) -> str:
    return str(_HOURS.index(hour.lower()) + 1) if hour.lower() in _HOURS else hour


def _named(
    sentence: Sentence, index: KindIndex, names: Mapping[int, str], own: Mapping[int, str]
) -> Sequence[tuple[str, int, int]]:
    """The sign for each name, and from where to where it goes."""
    text = sentence.text
    found = [(_PLACE, place.start, _end(place, index, names, own)) for place in sentence.places]
    for kind in sentence.kinds:
        end = kind.end
        while end < len(text) and text[kind.end - 1].isalpha() and text[end].isalpha():  # "churches"
            end += 1
        found.append((_KIND, kind.start, end))
    found = sorted((span for span in found if span[1] < span[2]), key=lambda span: span[1:])
    return [span for span, before in zip(found, [("", 0, 0), *found], strict=False) if span[1] >= before[2]]


def _end(place: Place, index: KindIndex, names: Mapping[int, str], own: Mapping[int, str]) -> int:
    """Where a place ends: behind brackets that say what it is, but before those that say how often it is visited."""
    key = key_of(place.kind or "")
    known = index.knows(key) or key in (key_of(own.get(place.poi, "")), key_of(names.get(place.poi, "")))
    return place.end if key and known else place.id_end
