"""The POI ids that a prediction holds, found by form alone; the target is never looked at.

1. 12, 12.0, "12" and "12.0" are one id. Of JSON values, a list is a ranking, best first; it ends at the first element
   that is not an id, and a list in a list of one is that list. Of an object, the value under the first of these names
   counts: poi_id, place_id, venue_id, location_id, item_id, poi, ranking, prediction, answer, output, recommendation,
   result, place, venue, location, item, candidate, list, top, id (also in the plural, and with next, top, final,
   predicted, recommended or most likely in front); or all values, if the keys are numbered from 1.
2. In a text, reasoning in `<think>` and the fences of code blocks go. `<...>` is a code, and all or part of an id, if
   it has a digit and no space (`<a_12>`, `<|poi_12|>`), has no `</...>` and does not begin with "user", "category",
   "region", "time", "hour", "day" or "date"; codes side by side, with or without spaces, are one id. A number alone
   in angle brackets is that number; words with a number in angle brackets (`<POI 17>`) lose the brackets. All other
   `<...>` are tags (`</s>`, `<output>`) and go, unless the text is nothing else.
3. A text that is JSON, or ends with a JSON object, is read as JSON. Else, where "answer", "prediction", "output",
   "ranking" or "recommendation" is followed by `:`, `=` or "is", only what stands behind the last of them counts, if
   there is an id in it.
4. A list is a ranking: in JSON; in square brackets; numbered from 1, or in lines with bullets, one id each; or a text
   of nothing but ids, with commas, semicolons, `>`, `|` or line breaks between them (in square brackets, spaces, too),
   with or without "POI id" or `#` before each; also if only the last line ends with one of several behind a colon.
5. Of a sentence, the first id after "POI", "POI id", "place id", "venue id" or "location id" is the answer; without
   such words the first code; without codes the first Foursquare id (24 hexadecimal digits) or whole number that is no
   time, date, decimal, quantity, user or category; without those the first number such as 12.0. If a sentence names
   several, it counts as ambiguous.

In a text, ids have no spaces and at least one digit, unless they are all of it. Names with spaces need a JSON list. An
id has at most 256 characters.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from eval.codes import HIDDEN, hide, hide_and_clean, show

LONGEST: Final = 256  # characters of an id
# Words that a model says instead of an id.
NO_IDS: Final = frozenset({"none", "null", "nan", "unknown", "poi", "sorry"})
# The names of what counts in an object, in letters alone.
_WHAT = ("poi", "ranking", "prediction", "answer", "output", "recommendation", "result")
_WHERE = ("place", "venue", "location", "item", "candidate", "list")
_NAMES = (
    *(f"{name}id{plural}" for name in ("poi", "place", "venue", "location", "item") for plural in ("", "s")),
    *(f"{name}{plural}" for name in (*_WHAT, *_WHERE) for plural in ("", "s")),
    *("top", "id", "ids"),
)
_BEFORE_NAME = re.compile(r"^(?:next|top|final|predicted|recommended|mostlikely)+(?=.)")

# Every pattern is linear in the length of a text: what repeats is possessive, bounded, or ends where the next begins.
_ID = f"[\\w{HIDDEN}-]"
_LABEL = r"\b(?:POIs|POI(?:[\s_-]*+ids?)?|(?:place|venue|location)[\s_-]*+ids?)\b"
_QUOTES = "[\"'`*]*+"
_FENCE = re.compile(r"```[A-Za-z]*\n|```")
_MARK = re.compile(
    rf"\b(?:answer|prediction|output|ranking|recommendation)s?\b{_QUOTES}\s*+(?:[:=]|is\b|are\b)++", re.IGNORECASE
)
_OBJECT = re.compile(r"\[?\s?\{")
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_BETWEEN = re.compile(r"-?>|[,;|\n→]")
_NUMBERED = re.compile(
    r"^[*_( ]{0,4}(?:(?:#|rank |top )(\d{1,3})[.):]?|(\d{1,3})(?:[.):]| [-–—]))[*_)]{0,3} (.+)$",  # noqa: RUF001
    re.MULTILINE | re.IGNORECASE,
)
_NUMBER_MARK = re.compile(r"[*(]{0,3}(?:#(\d{1,3})[.):]?|(\d{1,3})[.):])\*{0,2}")
_BULLET = re.compile(r"^[-*+•–—·▪◦‣●○] (.+)$", re.MULTILINE)  # noqa: RUF001
_ITEM = re.compile(rf"{_QUOTES}(?P<id>[0-9]{{1,{LONGEST}}}|[{HIDDEN}]{{1,{LONGEST}}}){_QUOTES}(?: ?\(|: | [-–—] )")  # noqa: RUF001
_NAMED = re.compile(
    rf"{_LABEL}{_QUOTES}(?:\s*+[:=#]|\s++(?:is|will be|would be)\b)*+\s*+{_QUOTES}(?=(?P<id>{_ID}{{1,{LONGEST + 1}}}))",
    re.IGNORECASE,
)
_ONE_NAMED = re.compile(
    rf"(?:{_LABEL}\s*+[:=#]*+\s*+|#\s*+)?{_QUOTES}(?P<id>-?[0-9]+\.0+|{_ID}+){_QUOTES}", re.IGNORECASE
)
_HIDDEN_CODES = re.compile(f"[{HIDDEN}]+")
_OTHER_NUMBER = re.compile(r"\b(?:user|category|region|top|rank|step|day)(?:[\s_-]*+id)?[\s:=#-]*+\d++", re.IGNORECASE)
_BEHIND = (
    r"(?!\w|[:/-]\w|\.\d)"
    r"(?!\s*+(?:%|(?:km|m|am|pm|visits?|times?|check-?ins?|minutes?|hours?|days?|weeks?|months?|years?|people)\b))"
)
_NUMBER = re.compile(rf"\b[0-9a-f]{{24}}\b|(?<![\w.:/-])\d++{_BEHIND}", re.IGNORECASE)
_DECIMAL = re.compile(rf"(?<![\w.:/-])[0-9]++\.0++{_BEHIND}", re.IGNORECASE)
_PLAIN = re.compile(rf"-?[0-9]+\.?0*|[{HIDDEN}]+")
_WHOLE = re.compile(r"(-?[0-9]+)\.0*")
_WORD = re.compile(f"{_ID}+")
_AROUND = " \t\n\r\"'`*.(){}"  # what may stand around an id


@dataclass(frozen=True)
class Answer:
    """POI ids, best first (none: unreadable), and whether they are one of several in a sentence."""

    ids: list[str]
    ambiguous: bool = False


def integer(digits: str) -> int | str:
    """A whole number of JSON; one too long for an id stays a text, which Python need not convert."""
    return int(digits) if len(digits) <= LONGEST else digits


_JSON = json.JSONDecoder(parse_int=integer)


def answer_of(prediction: object) -> Answer:
    """The ids of a JSON value: a list, one id, an object that names them, or a text; none of anything else."""
    value = _unwrapped(prediction)
    if isinstance(value, str):
        return _of_text(value)
    ids = []
    for element in value if isinstance(value, list) else [value]:
        if (poi := one_id(element)) is None:
            break
        ids.append(poi)
    return Answer(ids)


def one_id(value: object) -> str | None:
    """One id: a whole number, a string less "POI id" and quotes, or an object that names one; None if it is none."""
    value = _unwrapped(value) if isinstance(value, dict) else value
    if isinstance(value, float) and value.is_integer():  # neither infinite nor NaN
        value = int(value)
    if type(value) is int:  # no bool
        return str(value) if value.bit_length() < 3 * LONGEST else None
    if not isinstance(value, str):
        return None
    text = " ".join(hide(value).split()).strip(_AROUND)
    if match := _ONE_NAMED.fullmatch(text):
        return _id(match["id"])
    return _id(next(iter(_labelled(text)), text))


def says_more(text: str) -> bool:
    """Whether a text says more than an id: it names a POI or an answer, or is a list or an object."""
    return bool(_labelled(hide(text)) or _MARK.search(text) or text.lstrip().startswith(("[", "{")))


def _id(text: str) -> str | None:
    """The one way to write an id; None if nothing is left, or far too much."""
    whole = _WHOLE.fullmatch(text)
    text = whole[1] if whole else show(text)
    return text if 0 < len(text) <= LONGEST else None


def _unwrapped(value: object) -> object:
    """What objects name, however deep, and the only list in a list."""
    while True:
        if isinstance(value, dict):
            value = _answer_in(value)
        elif isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
            value = value[0]
        else:
            return value


def _answer_in(record: dict[str, object]) -> object:
    names: dict[str, str] = {}
    for key in record:
        letters = "".join(filter(str.isalpha, key[:LONGEST].lower()))
        names.setdefault(_BEFORE_NAME.sub("", letters), key)
    for name in _NAMES:
        if name in names:
            return record[names[name]]
    numbers = ["".join(filter(str.isdigit, key[:LONGEST])) for key in record]
    return list(record.values()) if numbers == [str(i + 1) for i in range(len(record))] else None


def _of_text(text: str) -> Answer:
    text = text.rpartition("</think>")[2].partition("<think>")[0]
    text = hide_and_clean(_FENCE.sub("\n", text))
    text = "\n".join(filter(None, (" ".join(line.split()) for line in text.splitlines())))
    if answer := _of_json(text, to_the_end=True):
        return answer
    marks = list(_MARK.finditer(text))
    for part in [text[marks[-1].end() :], text] if marks else [text]:
        if answer := _of_json(part, to_the_end=False):
            return answer
        if ids := _listed(part):
            return Answer(ids)
        if ids := _named(part):
            return Answer(ids[:1], ambiguous=len(set(ids)) > 1)
    word = text.strip(_AROUND)
    return Answer(_ids([word]) if _WORD.fullmatch(word) and word.lower() not in NO_IDS else [])


def _of_json(text: str, *, to_the_end: bool) -> Answer | None:
    """The ids of a text that is a JSON list, or of the first object in it; None if there are none."""
    text = text.strip(_AROUND.translate({ord("{"): None, ord("}"): None}))
    first = _OBJECT.search(text)
    if not first and not text.startswith("["):
        return None
    begin = 0 if text.startswith("[") or not first else first.start()
    for candidate in (text, text.replace("'", '"')):
        try:
            value, end = _JSON.raw_decode(candidate, begin)
        except (ValueError, RecursionError):
            continue
        if to_the_end and end < len(text):
            return None
        answer = answer_of(value)
        return answer if answer.ids else None
    return None


def _listed(text: str) -> list[str]:
    """The ids of a list, or none if the text is not a list."""
    for brackets in _BRACKETS.finditer(text):
        if ids := _all_ids(brackets[1]) or _spaced(brackets[1]):
            return ids
    if ids := _marked(text) or _numbered(text) or _bulleted(text) or _all_ids(text):
        return ids
    behind_colon = _all_ids(text.rpartition("\n")[2].rpartition(": ")[2])
    return behind_colon if len(behind_colon) > 1 else []


def _spaced(text: str) -> list[str]:
    """The ids of a text of whole numbers and codes with spaces between, as arrays are printed; or none."""
    words = text.split()
    return _ids(words) if all(map(_PLAIN.fullmatch, words)) else []


def _marked(text: str) -> list[str]:
    """The ids of a text that alternates between numbers from 1 and ids (1. 17 2. 12), or none."""
    words = [word for word in text.split() if word.strip(",;|>→-")]
    ids: list[str] = []
    for number, (mark, word) in enumerate(zip(words[::2], words[1::2], strict=False), start=1):
        match = _NUMBER_MARK.fullmatch(mark)
        found = _all_ids(word)
        if not match or int(match[1] or match[2]) != number or len(found) != 1:
            return []
        ids += found
    return ids if 2 * len(ids) == len(words) else []


def _numbered(text: str) -> list[str]:
    """The ids of lines numbered from 1, up to the first line without one."""
    ids = []
    for number, match in enumerate(_NUMBERED.finditer(text), start=1):
        found = _all_ids(match[3]) or _named(match[3])
        if int(match[1] or match[2]) != number or not found:
            break
        ids.append(found[0])
    return ids


def _bulleted(text: str) -> list[str]:
    """The ids that lines with bullets consist of or begin with, up to the first line without one."""
    lines: list[str] = _BULLET.findall(text)
    if len(lines) == 1 and (ids := _all_ids(lines[0])):
        return ids
    ids = []
    for line in lines:
        item, named = _ITEM.match(line), _NAMED.match(line.lstrip(_AROUND))
        found = _all_ids(line) or (
            _ids([item["id"]]) if item else _ids([named[1]]) if named and _is_id(named[1]) else []
        )
        if not found:
            break
        ids.append(found[0])
    return ids


def _all_ids(text: str) -> list[str]:
    """The ids of a text that holds nothing else, or none."""
    ids = []
    for piece in filter(None, (piece.strip(_AROUND) for piece in _BETWEEN.split(text.strip(_AROUND + ",;[]")))):
        match = _ONE_NAMED.fullmatch(piece)
        if not match or not _is_id(match["id"]):
            return []
        ids.append(match["id"])
    return _ids(ids)


def _named(sentence: str) -> list[str]:
    """The ids that a sentence names, in its order."""
    found = _labelled(sentence) or _HIDDEN_CODES.findall(sentence)
    if not found:
        sentence = _OTHER_NUMBER.sub(" ", sentence)
        found = _NUMBER.findall(sentence) or _DECIMAL.findall(sentence)
    return _ids(found)


def _labelled(sentence: str) -> list[str]:
    """What stands behind "POI", "POI id" and so on."""
    return list(filter(_is_id, _NAMED.findall(sentence)))


def _is_id(word: str) -> bool:
    """Whether a word in a text has the form of an id: a code, or a digit in it."""
    return len(word) <= LONGEST and bool(any(map(str.isdigit, word)) or _HIDDEN_CODES.search(word))


def _ids(words: Iterable[str]) -> list[str]:
    return [poi for poi in map(_id, words) if poi]
