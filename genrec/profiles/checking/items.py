"""A sentence as a row of items: the places and kinds that it names, its times and numbers, and words of the grammar."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from genrec.habit_models import Habits
from genrec.profiles.checking.claims import Claim
from genrec.profiles.checking.lexicon import UNKNOWN, Item, Word, meanings, words_in
from genrec.profiles.checking.moments import moments
from genrec.profiles.checking.visits import Places
from genrec.profiles.kinds import Kind, KindIndex
from genrec.profiles.person import OTHERS
from genrec.profiles.sentence import Place, Sentence, number
from genrec.words import is_known, key_of, words_of

_GENERIC = frozenset(
    ["food", "place", "places", "restaurant", "restaurants", "cuisine", "shop", "shops", "bar", "bars", "spot", "spots"]
)
_BLOT = "\ufffc"
_NUMBERING = frozenset(["number", "place", "no", "id", "poi", "#", "numbered", "nr"])
_DECIMAL = re.compile(r"\d{1,4}\.\d{1,2}")
_LEADS_TO_PLACES = frozenset(["at", "to", "from", "in", "and", "or", ",", "then"])
_COUNTED = frozenset(["visits", "places", "days", "weeks", "kinds", "number"])


def _is_bare(words: Sequence[Word], at: int, last: Item | None) -> bool:
    """Whether a number may be a place: it stands behind "at", or in a list, and nothing follows that it counts."""
    if last is None:  # "54 for the morning", but not "54 of the 62 check-ins"
        return not _is_counted(words, at) and all(
            word.text.lower() not in ("of", "out") for word in words[at + 1 : at + 2]
        )
    before = last.text.lower()
    goes = before.startswith(("come", "came", "go", "went")) or not before.endswith(" to")  # not as in "amount to 9"
    return goes and before.rpartition(" ")[2] in _LEADS_TO_PLACES and not _is_counted(words, at)


def _is_counted(words: Sequence[Word], at: int) -> bool:
    """Whether a number is followed by what it counts."""
    for ahead in range(at + 1, min(at + 4, len(words))):
        found, _ = meanings(words, ahead)
        if words[ahead].text in ("%", "km", "were", "are"):
            return True
        if any(kind in _COUNTED for kind, _ in found):
            return True
        if not found or any(kind in ("join", "stop", "be", "bracket") for kind, _ in found):
            return False
    return False


def _words_of_gap(text: str, begin: int, end: int) -> list[Word]:
    return [word for word in words_in(text, begin, end) if word.text[0] != _BLOT]


class Reader:
    """Reads sentences about one person."""

    def __init__(
        self, sentence: Sentence, habits: Habits, index: KindIndex, names: Mapping[int, str], *, bare: bool
    ) -> None:
        """`bare`: whether a number after "at" is a place rather than an hour, where both may be."""
        self._sentence = sentence
        self._habits = habits
        self._index = index
        self._names = names
        self._bare = bare
        self._own = {place.poi: place for place in habits.places}

    def items(self) -> list[Item]:
        """All items, in their order."""
        text = self._sentence.text
        found = list(self._named())
        for item in found:
            text = text[: item.start] + _BLOT * (item.end - item.start) + text[item.end :]
        times = []
        for moment in moments(text, self._habits.as_of.date()):
            said = text[moment.start : moment.end].lower()
            if self._bare and said.startswith("at ") and self._is_place(said.removeprefix("at ")):
                continue
            times.append(Item("time", moment.when, text[moment.start : moment.end], moment.start, moment.end))
        found = sorted([*found, *times], key=lambda item: item.start)
        row: list[Item] = []
        begin = 0
        for item in found:
            row += self._spoken(_words_of_gap(text, begin, item.start), row)
            row.append(item)
            begin = item.end
        return [*row, *self._spoken(_words_of_gap(text, begin, len(text)), row)]

    def _is_place(self, digits: str) -> bool:
        return digits.isdecimal() and number(digits) in self._own

    def is_name(self, place: Place) -> bool:
        """Whether brackets behind a place say what it is, rather than when or how often it is visited."""
        if place.kind is None or not key_of(place.kind):
            return True
        habit = self._own.get(place.poi)
        known = self._index.knows(key_of(place.kind)) or (
            habit is not None and key_of(place.kind) == key_of(habit.category)
        )
        return known or key_of(place.kind) == key_of(self._names.get(place.poi, ""))

    def bracket_claims(self) -> Iterator[Claim]:
        """What stands in brackets behind a place must be its kind, or its name."""
        for place in self._sentence.places:
            habit = self._own.get(place.poi)
            if not place.kind or habit is None or not self.is_name(place):
                continue
            kind = habit.category if is_known(habit.category) else ""
            right = key_of(place.kind) in {key_of(name) for name in (kind, self._names.get(place.poi, "")) if name}
            about = f" ({kind})" if kind else ""
            if not right:
                yield Claim(f"POI {place.poi} ({place.kind})", False, f"POI {place.poi}{about}: {habit.visits} visits")

    def _named(self) -> Iterator[Item]:
        for place in self._sentence.places:
            habit = self._own.get(place.poi)
            end = place.end if self.is_name(place) else place.id_end
            text = self._sentence.text[place.start : end]
            yield Item(
                "place",
                Places(f"POI {place.poi}", (habit,) if habit else (), self._habits.lately),
                text,
                place.start,
                end,
            )
        for kind in self._sentence.kinds:
            text, end = self._sentence.text, kind.end
            while end < len(text) and text[kind.end - 1].isalpha() and text[end].isalpha():  # "churches"
                end += 1
            yield Item("kind", self._of_kind(kind), text[kind.start : end], kind.start, end)

    def _of_kind(self, kind: Kind) -> Places:
        same = {h.category for h in self._habits.categories if is_known(h.category) and key_of(h.category) == kind.key}
        chosen = same & kind.names or same
        name = min(chosen or kind.names, default=self._index.name(kind.key))
        places = tuple(place for place in self._habits.places if place.category in chosen)
        return Places(name, places, self._habits.lately)

    def _loose(self, words: Sequence[Word], at: int) -> tuple[Places, int] | None:
        """A kind by a part of its name: "libraries", "fast food", "pool"."""
        names: set[str] | None = None
        length = 0
        for word in words[at:]:
            single = words_of(word.text)[:1]
            other = word.text.lower() in OTHERS
            telling = set(self._index.with_word(single[0])) if single and not other else set()
            if not telling or (names is not None and not names & telling):
                break
            names = telling if names is None else names & telling
            length += 1
        if not names:
            return None
        if at + length < len(words) and length and words[at + length].text.lower() in _GENERIC:
            length += 1
        name = " ".join(word.text for word in words[at : at + length])
        places = tuple(place for place in self._habits.places if place.category in names)
        return Places(name, places, self._habits.lately), length

    def _spoken(self, words: Sequence[Word], before: Sequence[Item]) -> Iterator[Item]:
        at = 0
        last = before[-1] if before else None
        while at < len(words):
            item, length = self._item(words, at, last)
            yield item
            last = item
            at += length

    def _item(self, words: Sequence[Word], at: int, last: Item | None) -> tuple[Item, int]:
        """What the words from one on stand for, and how many they are."""
        word = words[at]
        found, length = meanings(words, at)
        loose = self._loose(words, at)
        kind: str = UNKNOWN
        meaning: Any = None
        if _DECIMAL.fullmatch(word.text):
            kind, meaning, length = "number", float(word.text), 1
        elif word.text.isdecimal():
            kind, meaning, length = *self._number(words, at, last), 1
        elif loose and (loose[1] > length or not found or found[0][0] == "role"):
            kind, meaning, length = "kind", *loose
        elif found:
            kind, meaning = "words", found
        elif self._is_user(words, at):
            kind, meaning, length = "words", [("own", "")], 3
        elif word.text.lower() == self._habits.user_id.lower():
            kind, meaning = "words", [("person", "")]
        length = max(length, 1)
        end = words[at + length - 1].end
        return Item(kind, meaning, self._sentence.text[word.start : end], word.start, end), length

    def _is_user(self, words: Sequence[Word], at: int) -> bool:
        """Whether a word is the person's id, with an apostrophe behind it: what follows is the person's own."""
        said = [word.text.lower() for word in words[at : at + 3]]
        return said[:1] == [self._habits.user_id.lower()] and said[1:] in (["'", "s"], ["\u2019", "s"])

    def _number(self, words: Sequence[Word], at: int, last: Item | None) -> tuple[str, Places | int]:
        """A number, or the place that it names: "place 24", and, if a reading has it so, "at 24"."""
        poi = number(words[at].text)
        habit = self._own.get(poi)
        is_named = last is not None and last.text.lower().rpartition(" ")[2] in _NUMBERING
        if last is not None and any(place.end == last.start - 1 for place in self._sentence.places):
            is_named = False  # "visits to POI 4 number 10"
        if is_named or (self._bare and habit is not None and _is_bare(words, at, last)):
            return "place", Places(f"POI {poi}", (habit,) if habit else (), self._habits.lately)
        return "number", poi
