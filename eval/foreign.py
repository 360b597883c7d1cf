"""Predictions that other projects made: JSON lines with rankings, single ids or free text.

How the POI ids of a text are found is fixed here, by form alone; the target is never looked at.

1. Reasoning in `<think>` and tags (`</s>`, `<output>`) go. Where "answer", "prediction" or "output" is followed by
   `:`, `=` or "is", only what stands behind the last of them counts, if there is an id in it.
2. A list is a ranking, best first: in square brackets; or on lines numbered from 1, one id each; or a text of nothing
   but ids, with commas, semicolons, `>`, `|` or line breaks between them, with or without "POI id" before each.
3. Of a sentence, the first id after "POI", "POI id", "place id" or "venue id" is the answer; without such words the
   first Foursquare id (24 hexadecimal digits) or whole number that is no time, date, decimal, quantity, user or
   category. If a sentence names several, it counts as ambiguous.

In a text, ids have no spaces and at least one digit, unless they are all of it. Names with spaces need a JSON list.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from eval.measures.metrics import DEPTH
from genrec.columns import USER
from genrec.errors import InputError
from genrec.reading.text import Progress

NO_ID: Final = "no POI id in the prediction"
# Words that a model says instead of an id.
NO_IDS: Final = frozenset({"none", "null", "nan", "unknown", "poi", "sorry"})

_LABEL = r"\b(?:POI(?:[\s_-]*ids?)?|POIs|(?:place|venue)[\s_-]*ids?)\b"
_TAG = re.compile(r"</?[A-Za-z][^<>\n]*>")
_MARK = re.compile(r"\b(?:answer|prediction|output)s?\b[\"'`*]*\s*(?:[:=]|is\b|are\b)+", re.IGNORECASE)
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_NUMBERED = re.compile(r"^[ \t]*(\d+)[.):][ \t]+(.*)$", re.MULTILINE)
_BETWEEN = re.compile(r"\s*(?:[,;|\n→]|-?>)+\s*")
_NAMED = re.compile(rf"{_LABEL}(?:\s*[:=#]|\s+(?:is|will be|would be))*\s*[\"'`*]*([\w-]*\d[\w-]*)", re.IGNORECASE)
_ONE_NAMED = re.compile(rf"(?:{_LABEL}\s*[:=#]*\s*)?[\"'`*]*(?P<id>[\w-]+)", re.IGNORECASE)
_OTHER_NUMBER = re.compile(r"\b(?:user|category|region|top|rank|step|day)(?:[\s_-]*id)?[\s:=#-]*\d+", re.IGNORECASE)
_NUMBER = re.compile(
    r"\b[0-9a-f]{24}\b|(?<![\w.:/-])\d+(?!\w|[:/-]\w|\.\d)"
    r"(?!\s*(?:%|(?:km|m|am|pm|visits?|times?|check-?ins?|minutes?|hours?|days?|weeks?|months?|years?|people)\b))",
    re.IGNORECASE,
)
_WORD = re.compile(r"[\w-]+")
_AROUND = " \t\n\r\"'`*.(){}"  # what may stand around an id


@dataclass(frozen=True)
class Predictions:
    """What a file of predictions holds, in its order.

    Attributes:
        examples: `example` (UInt32), `user_id` (the number of the row if the file names no users), `target` (UInt32),
            `repeat` (null: not known).
        rankings: as in eval.measures.metrics.rank_scores; the method is the name of the file. No probabilities.
        by_user: whether the file names users.
        unreadable: predictions without an id; they are failures.
        ambiguous: sentences that name several ids.
        longest: places in the longest ranking.

    """

    examples: pl.DataFrame
    rankings: pl.DataFrame
    by_user: bool
    unreadable: int
    ambiguous: int
    longest: int


@dataclass(frozen=True)
class Answer:
    """POI ids, best first (none: unreadable), and whether they are one of several in a sentence."""

    ids: list[str]
    ambiguous: bool = False


def read_predictions(path: Path, progress: Progress | None = None) -> Predictions:
    """Read JSON lines {"prediction": ..., "target": ..., "user": ...}; other keys are ignored.

    A prediction is a JSON list of ids (best first, at most 20 count; it ends at the first element that is no id, and a
    repeated id keeps its slot), one id, or a text (see above). 12, 12.0 and "12" are the same id. A target is an id,
    or a text that names one after "POI id". Either all rows have a user or none.

    Raises:
        InputError: a row is not such an object, or its target is no id.

    """
    if not path.is_file():
        raise InputError("no such file.", file=path)
    index: dict[str, int] = {}
    targets: list[int] = []
    lists: list[list[int]] = []
    users: list[str | None] = []
    ambiguous = 0
    for row, record in _records(path, progress):
        target, user = _target(record["target"], path, row), _user(record.get("user"), path, row)
        if users and (user is None) != (users[0] is None):
            raise InputError("some rows have a user and some have none; give all or none.", file=path, row=row)
        answer = answer_of(record["prediction"])
        ambiguous += answer.ambiguous
        targets.append(index.setdefault(target, len(index)))
        lists.append([index.setdefault(poi, len(index)) for poi in answer.ids[:DEPTH]])
        users.append(user)
    if not users:
        raise InputError("no predictions.", file=path)
    return _predictions(path.stem, targets, lists, users, ambiguous)


def answer_of(prediction: object) -> Answer:
    """The ids of a JSON value: a list, one id, or a text; none of anything else."""
    if isinstance(prediction, str):
        return _of_text(prediction)
    ids = []
    for element in prediction if isinstance(prediction, list) else [prediction]:
        if (poi := _one_id(element)) is None:
            break
        ids.append(poi)
    return Answer(ids)


def _of_text(text: str) -> Answer:
    text = _TAG.sub(" ", text.rpartition("</think>")[2].partition("<think>")[0])
    marks = list(_MARK.finditer(text))
    for part in [text[marks[-1].end() :], text] if marks else [text]:
        if ids := _listed(part):
            return Answer(ids)
        if ids := _named(part):
            return Answer(ids[:1], ambiguous=len(set(ids)) > 1)
    word = text.strip(_AROUND)
    return Answer([word] if _WORD.fullmatch(word) and word.lower() not in NO_IDS else [])


def _listed(text: str) -> list[str]:
    """The ids of a list, or none if the text is no list."""
    for brackets in _BRACKETS.finditer(text):
        if ids := _all_ids(brackets[1]):
            return ids
    ids = []
    for number, match in enumerate(_NUMBERED.finditer(text), start=1):
        found = _all_ids(match[2]) or _named(match[2])
        if int(match[1]) != number or not found:
            break
        ids.append(found[0])
    return ids or _all_ids(text)


def _all_ids(text: str) -> list[str]:
    """The ids of a text that holds nothing else, or none."""
    pieces = [piece.strip(_AROUND) for piece in _BETWEEN.split(text.strip(_AROUND + ",;[]"))]
    matches = [_ONE_NAMED.fullmatch(piece) for piece in pieces]
    ids = [match["id"] for match in matches if match]
    return ids if len(ids) == len(pieces) and all(any(map(str.isdigit, poi)) for poi in ids) else []


def _named(sentence: str) -> list[str]:
    """The ids that a sentence names, in its order."""
    return _NAMED.findall(sentence) or _NUMBER.findall(_OTHER_NUMBER.sub(" ", sentence))


def _one_id(value: object) -> str | None:
    """An element of a JSON list as an id: a whole number or a string, less "POI id" and quotes; None if it is none."""
    if type(value) is int:  # no bool
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else None
    if not isinstance(value, str):
        return None
    text = value.strip(_AROUND)
    match = _ONE_NAMED.fullmatch(text)
    return match["id"] if match else text or None


def _target(value: object, path: Path, row: int) -> str:
    if isinstance(value, str) and (_NAMED.search(value) or _MARK.search(value)):
        answer = _of_text(value)
        poi = answer.ids[0] if len(answer.ids) == 1 and not answer.ambiguous else None
    else:
        poi = _one_id(value)
    if poi is None:
        raise InputError(f"{str(value)[:60]!r} is no single POI id.", file=path, row=row, column="target")
    return poi


def _user(value: object, path: Path, row: int) -> str | None:
    if value is None or (isinstance(value, str) and value):
        return value
    if type(value) is int:  # no bool
        return str(value)
    raise InputError(f"{str(value)[:60]!r} is no user id.", file=path, row=row, column="user")


def _records(path: Path, progress: Progress | None) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSON lines file, with the numbers of their rows; blank lines are skipped."""
    done, total = 0, path.stat().st_size
    with path.open("rb") as file:
        for row, line in enumerate(file, start=1):
            done += len(line)
            if progress and not row % 1000:
                progress(done, total)
            if not line.strip():
                continue
            try:
                record = json.loads(line.removeprefix(b"\xef\xbb\xbf"))
            except (ValueError, RecursionError) as error:  # of JSON or of UTF-8
                raise InputError(f"no JSON object ({error}).", file=path, row=row) from None
            if not isinstance(record, dict):
                fix = 'Write one object a line: {"prediction": ..., "target": ...}'
                raise InputError("no JSON object.", file=path, row=row, fix=fix)
            for key in ("prediction", "target"):
                if key not in record:
                    raise InputError(f"no key {key!r}; the keys are {', '.join(record)}.", file=path, row=row)
            yield row, record


def _predictions(
    method: str, targets: list[int], lists: list[list[int]], users: list[str | None], ambiguous: int
) -> Predictions:
    example = pl.Series("example", range(len(users)), dtype=pl.UInt32)
    by_user = users[0] is not None
    examples = pl.select(
        example,
        pl.Series(USER, users if by_user else example.cast(pl.String)),
        pl.Series("target", targets, dtype=pl.UInt32),
        repeat=pl.lit(None, pl.Boolean),
    )
    rankings = pl.select(
        example,
        pl.Series("pois", lists, dtype=pl.List(pl.UInt32)),
        method=pl.lit(method),
        probabilities=pl.lit(None, pl.List(pl.Float32)),
        in_prompt=pl.lit(None, pl.Boolean),
        failure=pl.Series([None if pois else NO_ID for pois in lists], dtype=pl.String),
    )
    unreadable = sum(not pois for pois in lists)
    return Predictions(examples, rankings, by_user, unreadable, ambiguous, max(map(len, lists)))
