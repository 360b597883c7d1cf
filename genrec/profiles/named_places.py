"""Places in sentences: kept by their numbers ("POI 4 (Factory)"), read and typed by their names.

A name is taken for its place only where it cannot well be anything else: kinds ("Museum"), days and ordinary words
("Home") mean the place only with its number behind them, as in "Home (POI 7)". A name that a few places have means
those of them that the person goes to, or, if there are none, all: "I love Shake Shack".
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from genrec.columns import CATEGORY, NAME, POI, POI_ID
from genrec.habit_models import Habits
from genrec.profiles.kinds import index_of
from genrec.profiles.naming import is_ordinary
from genrec.profiles.person import is_silent
from genrec.profiles.place_kinds import SHARED, place_kinds, vocabulary
from genrec.profiles.sentence import number
from genrec.profiles.when import DAY, PART
from genrec.prompting import one_line
from genrec.words import PLAIN_WORDS, is_known, key_of

LONGEST: Final = 100  # characters of a name that is looked for
MOST: Final = 5000  # characters of a text in which names are looked for
_NUMBERED = re.compile(r"POI(?: id)? (\d+)\b", re.IGNORECASE)
_IN_WORDS = re.compile(r"(?=.*[^\W\d_])(?:\D+|.*\s.*)")  # "Blue Cafe", "Platform 9", not "4b0587a6f964a520"
# Behind these, what is written without capitals is any place of a kind: "a coffee shop", "the nearest burger joint".
_ANY: Final = re.compile(
    r"\b(?:an?|any|every|each|some|all|no|more|fewer|less|another|many|much|most|several|few|one|the|my|our|your|his|her"
    r"|their|this|that|these|those|what|which|good|nice|great|best|better|next|near(?:est|by)|closest|local|new|old"
    r"|favou?rite|little|small|big|quiet|usual|other|same|cheap|fancy|busy|decent|co[sz]y|proper|regular) $",
    re.IGNORECASE,
)
_BEHIND = re.compile(r" \(POI (\d+)\)", re.IGNORECASE)


@dataclass(frozen=True)
class Named:
    """A place in a text, by its name."""

    poi: int
    name: str
    kind: str

    @property
    def about(self) -> str:
        """Its number, and its kind if that is known."""
        return f"POI {self.poi}, {self.kind}" if is_known(self.kind) else f"POI {self.poi}"


class NameIndex:
    """The names of a catalogue, or of a part of it, to be found in texts; an id in words is a name, too."""

    def __init__(self, pois: pl.DataFrame) -> None:
        given = pois[NAME].to_list() if NAME in pois.columns else [None] * len(pois)
        self.names = {
            poi: one_line(name or (poi_id if _IN_WORDS.fullmatch(poi_id) else ""))
            for poi, poi_id, name in zip(pois[POI], pois[POI_ID], given, strict=True)
        }
        self.kinds = {poi: one_line(kind) for poi, kind in pois.select(POI, CATEGORY).iter_rows()}
        self._index = index_of(frozenset(vocabulary(place_kinds(pois))))
        self._kinds = {key_of(kind) for kind in set(self.kinds.values())}
        self._spelled: dict[str, list[int]] = {}
        for poi, name in self.names.items():
            if name and len(name) <= LONGEST:
                self._spelled.setdefault(name.casefold(), []).append(poi)

    def called(self, text: str) -> list[int]:
        """The places of this name, whatever its case."""
        return self._spelled.get(text.casefold(), [])

    def means(self, poi: int, text: str) -> bool:
        """Whether a place's name, as it stands in a text, can hardly mean anything but a place."""
        words = key_of(text)
        if words in self._kinds or not words or _NUMBERED.search(text):
            return False
        full = [word for word in words if not is_silent(word)]
        telling = [word for word in full if not self._is_common(word)]
        if len(full) > 1 and telling:
            return True
        alone = len(words) > 1 or (bool(telling) and (text != text.lower() or _without_case(text)))
        return text == self.names[poi] and alone

    def _is_common(self, word: str) -> bool:
        said = word in self._index.words or word in PLAIN_WORDS or is_ordinary(word)
        return bool(said or DAY.fullmatch(word) or PART.fullmatch(word))


class PlaceNames:
    """The names by which a person knows places. `hidden`: places that they may not see; `own`: those they go to."""

    def __init__(self, index: NameIndex, hidden: Collection[int] = (), own: Collection[int] = ()) -> None:
        self._index, self._hidden, self._own = index, hidden, own

    def parts(self, text: str) -> Iterator[str | Named]:
        """A text that is kept, with names in the place of numbers; a kind that the name says is left out."""
        end = 0
        for match in _NUMBERED.finditer(text):
            poi = self._place(match[1])
            if match.start() < end or poi is None or not self._index.names[poi]:
                continue
            name, kind = self._index.names[poi], self._index.kinds[poi]
            yield text[end : match.start()]
            yield Named(poi, name, kind)
            end = match.end()
            for said in (name, kind) if kind.casefold() in name.casefold() else (name,):
                if text.startswith(f" ({said})", end):
                    end += len(said) + 3
        yield text[end:]

    def plain(self, text: str) -> str:
        """The same in one piece; of places of one name that are listed, the name once."""
        pieces, named = [""], ""
        for part in self.parts(text):
            if isinstance(part, str):
                pieces.append(part)
            elif part.name == named and pieces[-1].removeprefix(f" ({part.kind})") in (", ", " and "):
                pieces.pop()
            else:
                pieces.append(named := part.name)
        return "".join(pieces)

    def to_edit(self, text: str) -> str:
        """The same such that `numbered` finds each place again: with its number, where the name alone would not do."""
        named = "".join(
            part if isinstance(part, str) else part.name + f" (POI {part.poi})" * (self._meant(part.name) != [part.poi])
            for part in self.parts(text)
        )
        return named if _numbers(self.numbered(named)) == _numbers(text) else text

    def numbered(self, text: str) -> str:
        """A text as it was typed, with numbers in the place of names; one that nobody would read, as it is."""
        if len(text) > MOST:
            return text
        text = " ".join(text.split())
        pieces, begin, at = [], 0, 0
        while at < len(text):
            inside = text[at] == " " or (at and text[at - 1].isalnum())
            found = None if inside else self._at(text, at)
            if found is None:
                at += 1
                continue
            said, end = found
            pieces += [text[begin:at], said]
            begin = at = end
        return "".join([*pieces, text[begin:]])

    def _at(self, text: str, at: int) -> tuple[str, int] | None:
        """The place that a text names from here on, by its number, and where that ends; None if there is none."""
        given = _NUMBERED.match(text, at)
        for end in range(min(len(text), at + LONGEST), at, -1):
            if end < len(text) and text[end].isalnum() and text[end - 1].isalnum():
                continue
            called = self._index.called(text[at:end])
            behind = _BEHIND.match(text, end) if called else None
            poi = self._place(behind[1]) if behind else None
            if behind and poi in called:
                return self._said(poi, text, behind.end())
            if not called or given or (text[at:end].islower() and _ANY.search(text, 0, at)):
                continue
            if meant := self._meant(text[at:end]):
                return self._all_said(meant, text, end)
        if given is None:
            return None
        poi = self._place(given[1])
        return (given[0], given.end()) if poi is None else self._said(poi, text, given.end(), given[0])

    def _said(self, poi: int, text: str, end: int, said: str = "") -> tuple[str, int]:
        """A place by its number and its kind, and where the text goes on: behind brackets that say either again."""
        name, kind = self._index.names[poi], self._index.kinds[poi]
        bracketed = f" ({kind})" if is_known(kind) else ""
        for again in filter(None, (name, kind)):
            if text.startswith(f" ({again})", end):
                return f"{said or f'POI {poi}'}{bracketed}", end + len(again) + 3
        return (said, end) if said else (f"POI {poi}{bracketed}", end)

    def _all_said(self, meant: Sequence[int], text: str, end: int) -> tuple[str, int]:
        """The same of places that share a name, as a list."""
        said = [self._said(poi, text, end) for poi in meant]
        *pois, last = (poi for poi, _ in said)
        return f"{', '.join(pois)} and {last}" if pois else last, max(behind for _, behind in said)

    def _meant(self, text: str) -> list[int]:
        """The places that a name means; none of a name that many have, the words of which are kinds."""
        called = [poi for poi in self._index.called(text) if poi not in self._hidden and self._index.means(poi, text)]
        own = [poi for poi in called if poi in self._own]
        found = called if len(called) == 1 else own or called
        return found if len(found) < SHARED else []

    def _place(self, digits: str) -> int | None:
        """The place of a number, if there is one and the person may see it."""
        poi = number(digits)
        return poi if poi in self._index.names and poi not in self._hidden else None


def names_in(habits: Habits) -> PlaceNames:
    """The names of the places that somebody goes to, as far as their habits know them."""
    schema = {POI: pl.UInt32, POI_ID: pl.String, NAME: pl.String, CATEGORY: pl.String}
    rows = [(place.poi, place.poi_id, place.name, place.category) for place in habits.places]
    own = pl.DataFrame(rows, schema, orient="row")
    return PlaceNames(NameIndex(own), own=own[POI].to_list())


def _without_case(text: str) -> bool:
    """Whether all letters are of a script without capitals, which cannot tell a name from a word."""
    return any(letter.isalpha() for letter in text) and text.lower() == text.upper()


def _numbers(text: str) -> list[int]:
    return [number(match[1]) for match in _NUMBERED.finditer(text)]
