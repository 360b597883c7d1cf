"""Takes a sentence apart: whom it speaks of, the places and kinds it names, its times and numbers, and the words left.

Each part is a span of the text. Where one name holds words of another part ("Sunday Market", "POI 4 (Pier 39)"), the
one that reaches further has them.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from genrec.profiles.kinds import Kind, KindIndex, index_of
from genrec.profiles.person import Frame, frame
from genrec.profiles.when import DAY_NAME, HOUR, PART, SPAN
from genrec.words import Token, tokens

NUMBER = re.compile(r"\b(\d+)\b(?: (?:of \d+ )?(?:visits|times|check-ins)\b)?", re.IGNORECASE)
_DAYS = re.compile(rf"(?:\b(?:on|during|over) (?:the )?)?{DAY_NAME}(?:(?:, ?| and | or ){DAY_NAME})*", re.IGNORECASE)
_PART = re.compile(rf"(?:\b(?:in|at|during) (?:the )?)?{PART.pattern}", re.IGNORECASE)
_COUNT = re.compile(rf"(?:\bwith )?{NUMBER.pattern}", re.IGNORECASE)
_POI = re.compile(r"\bPOI(?: id)? (\d+)", re.IGNORECASE)
_PHRASE = re.compile("|".join(part.pattern for part in (SPAN, HOUR, _DAYS, _PART, _COUNT)), re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?]) ")
_BRACKET = re.compile(r"[()]")
_LONGEST_ID = 18  # digits


class _Part(Protocol):
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


_P = TypeVar("_P", bound=_Part)


@dataclass(frozen=True)
class Place:
    """A place named by its id; `kind` is what is said in brackets behind the id, if anything."""

    poi: int
    kind: str | None
    start: int
    id_end: int
    end: int


@dataclass(frozen=True)
class Phrase:
    """A time or a number."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Sentence:
    """The parts of a sentence, each in their order. `words`: those of no other part but the frame."""

    text: str
    frame: Frame | None
    places: list[Place]
    kinds: list[Kind]
    times: list[Phrase]
    numbers: list[Phrase]
    words: list[Token]


def number(digits: str) -> int:
    """The number that digits stand for; -1 if they are more than any count or id has."""
    return int(digits) if len(digits) <= _LONGEST_ID else -1


def readings(
    sentence: str, index: KindIndex, own: Mapping[int, str], names: Mapping[int, str] | None = None
) -> list[Sentence]:
    """The ways to read a sentence: two if a kind is called as a place is ("POI 5"), or "New Places", else one.

    `own` maps the person's places to their categories, `names` any places to their names.
    """
    text = " ".join(sentence.split())
    words = list(tokens(text))
    phrases = _phrases(_PHRASE, text)
    whose = frame(text, _behind_times(text, phrases))
    places = _places(text, own)
    if names:
        places = [*places, *_Parts(places).without(_named_places(text, words, names))]
        places.sort(key=lambda place: place.start)
    framed = _Parts([whose] if whose else [])
    # "User 17" is not a number of visits.
    phrases = [phrase for phrase in phrases if not (framed.over(phrase) and _COUNT.fullmatch(phrase.text))]
    begins = {phrase.start for phrase in phrases}
    kinds = [
        kind for kind in framed.without(index.find(text, words)) if not kind.silent or _stands_alone(kind, text, begins)
    ]
    found = Sentence(text, whose, places, kinds, phrases, [], words)
    twins = {(kind.start, kind.end) for kind in kinds if kind.names}
    others = [place for place in places if (place.start, place.end) not in twins]
    ways = [found] if len(others) == len(places) else [found, replace(found, places=others)]
    plain = [kind for kind in kinds if text[kind.start : kind.end] != "new place"]
    if len(plain) < len(kinds):
        ways += [replace(way, kinds=plain) for way in ways]
    return [_settled(way) for way in ways]


def split(text: str, index: KindIndex) -> list[str]:
    """The sentences of a text. A name may hold what ends a sentence elsewhere ("St. Mary")."""
    text = " ".join(text.split())
    named = _Parts(_longest(index.find(text, list(tokens(text))), len(text)))
    parts, begin = [], 0
    for match in _SENTENCE_END.finditer(text):
        if not named.over(Phrase(match[0], match.start(), match.end())):
            parts.append(text[begin : match.start()])
            begin = match.end()
    return [*parts, text[begin:]]


def _behind_times(text: str, phrases: Iterable[Phrase]) -> int:
    """Where a sentence begins, if not with a time ("On weekdays, ...")."""
    begin = 0
    for phrase in phrases:
        if text[begin : phrase.start].strip(" ,"):
            break
        begin = phrase.end
    return begin + len(text[begin:]) - len(text[begin:].lstrip(" ,"))


def _phrases(pattern: re.Pattern[str], text: str) -> list[Phrase]:
    return [Phrase(match[0], match.start(), match.end()) for match in pattern.finditer(text)]


def _places(text: str, own: Mapping[int, str]) -> list[Place]:
    closing = _brackets(text)
    places: list[Place] = []
    for match in _POI.finditer(text):
        if places and match.start() < places[-1].end:
            continue
        poi = number(match[1])
        bracket = match.end() + text.startswith(" ", match.end())
        category = " ".join(own.get(poi, "").split())
        if category and text.startswith(f"({category})", bracket):  # whatever brackets it holds itself
            kind, end = category, bracket + len(category) + 2
        elif bracket in closing:
            kind, end = text[bracket + 1 : closing[bracket]], closing[bracket] + 1
        else:
            kind, end = None, match.end()
        places.append(Place(poi, kind, match.start(), match.end(), end))
    return places


def _named_places(text: str, words: Sequence[Token], names: Mapping[int, str]) -> list[Place]:
    """The places that are called by their names."""
    found = index_of(frozenset(names.values())).find(text, words)
    called = {name: poi for poi, name in reversed(list(names.items()))}
    spelled = [kind for kind in _longest(found, len(text)) if kind.names & called.keys()]  # no place is "unknown"
    return [Place(called[min(kind.names & called.keys())], None, kind.start, kind.end, kind.end) for kind in spelled]


def _brackets(text: str) -> dict[int, int]:
    """Where each bracket that opens is closed."""
    closing, opened = {}, []
    for match in _BRACKET.finditer(text):
        if match[0] == "(":
            opened.append(match.start())
        elif opened:
            closing[opened.pop()] = match.start()
    return closing


def _settled(found: Sentence) -> Sentence:
    """The sentence without what overlaps: each part of the text is read in one way."""
    ids = _Parts(found.places)
    times = _Parts(ids.without(found.times))
    kinds = [kind for kind in found.kinds if _beyond_places(kind, ids) and _beyond_phrases(kind, times)]
    kinds = _longest(kinds, len(found.text))
    places = _Parts(kinds).without(found.places)
    names = _Parts([*kinds, *places])
    phrases = names.without(found.times)
    return Sentence(
        text=found.text,
        frame=found.frame,
        places=places,
        kinds=kinds,
        times=[phrase for phrase in phrases if not _COUNT.fullmatch(phrase.text)],
        numbers=[phrase for phrase in phrases if _COUNT.fullmatch(phrase.text)],
        words=_Parts([*kinds, *places, *phrases]).without(found.words),
    )


def _stands_alone(kind: Kind, text: str, begins: Collection[int]) -> bool:
    """Whether a silent name is meant as one: spelled as in the catalogue, and followed by nothing, or by a time."""
    return bool(kind.names) and (not text.startswith(" ", kind.end) or kind.end + 1 in begins)


def _longest(kinds: Iterable[Kind], size: int) -> list[Kind]:
    """Kinds in their order; of those that overlap, the first that is given."""
    taken = bytearray(size)
    chosen = []
    for kind in kinds:
        if not any(taken[kind.start : kind.end]):
            taken[kind.start : kind.end] = b"\1" * (kind.end - kind.start)
            chosen.append(kind)
    return sorted(chosen, key=lambda kind: kind.start)


def _beyond_places(kind: Kind, places: "_Parts") -> bool:
    """A kind gives way to a place, unless its name holds the place's ("Near POI 7")."""
    return all(kind.names and _holds(kind, place) and not _holds(place, kind) for place in places.over(kind))


def _beyond_phrases(kind: Kind, phrases: "_Parts") -> bool:
    """A kind gives way to a time or number of which its name is only a part ("on Sundays", for a bar "Sunday").

    A name that is all of one must be spelled as in the catalogue.
    """
    over = phrases.over(kind)
    return all(not _holds(phrase, kind) or (kind.names and _holds(kind, phrase)) for phrase in over)


def _holds(outer: _Part, inner: _Part) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


class _Parts:
    """Parts of a text that do not overlap, to be asked which of them another part touches."""

    def __init__(self, parts: Iterable[_Part]) -> None:
        self._parts = sorted(parts, key=lambda part: part.start)
        self._starts = [part.start for part in self._parts]
        self._ends = [part.end for part in self._parts]

    def over(self, part: _Part) -> list[_Part]:
        """Those that share a letter with the part."""
        return self._parts[bisect_right(self._ends, part.start) : bisect_left(self._starts, part.end)]

    def without(self, parts: Iterable[_P]) -> list[_P]:
        """The parts that touch none of these."""
        return [part for part in parts if not self.over(part)]
