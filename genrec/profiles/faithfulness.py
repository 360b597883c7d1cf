"""Checks whether the evidence supports what a sentence says.

A sentence is taken apart into checkable claims: POI ids, categories, days, hours, numbers of
visits. Days, hours and numbers are held against the places and categories that the sentence
names, or against all visits if it names none. It stands if it makes at least one claim, every
claim is supported, and it speaks of the person; a sentence that claims nothing checkable
("enjoys hiking") does not.
"""

from bisect import bisect
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from genrec.habit_models import Habits, PlaceHabit
from genrec.phrases import WEEKDAYS
from genrec.profiles.kinds import Kind, KindIndex, index_of
from genrec.profiles.pattern_claims import Pattern, pattern_claims, taken_apart
from genrec.profiles.person import OTHERS, is_note
from genrec.profiles.sentence import (
    NUMBER,
    Phrase,
    Place,
    Sentence,
    number,
    readings,
    split,
)
from genrec.profiles.when import DAY, DAY_GROUPS, hours_said
from genrec.words import is_known, key_of

# Days or hours are supported if they hold this share of the visits spoken of...
MIN_SHARE = 0.25
MIN_GROUP_SHARE = 0.5  # ... or this one for several days, or a part of the day.
MIN_VISITS = 2

# What a person is said to do somewhere, and words of the categories that bear it out.
ROLE_WORDS = {
    "work": frozenset({"office", "workplace", "factory", "coworking"}),
    "live": frozenset({"home", "residential", "apartment", "housing", "dorm"}),
    "home": frozenset({"home", "residential", "apartment", "housing", "dorm"}),
    "study": frozenset({"university", "college", "school", "library", "campus"}),
    "student": frozenset({"university", "college", "school", "campus"}),
    "coffee": frozenset({"coffee", "café", "cafe", "caf"}),
    "train": frozenset({"gym", "train", "station", "rail"}),
    "gym": frozenset({"gym", "fitness"}),
}


@dataclass(frozen=True)
class Claim:
    """One checkable part of a sentence; `note` says what the evidence has to say about it."""

    text: str
    supported: bool
    note: str


@dataclass(frozen=True)
class _Subject:
    """What days, hours, numbers and other words of a sentence speak of."""

    name: str
    categories: Collection[str]
    visits: int
    hours: Mapping[int, int]
    weekdays: Mapping[int, int]


def sentences(text: str, vocabulary: Collection[str]) -> list[str]:
    """The sentences of a text, each to be checked. `vocabulary` holds every category of the catalogue."""
    return split(text, index_of(frozenset(vocabulary)))


def check(sentence: str, habits: Habits, vocabulary: Collection[str]) -> list[Claim]:
    """All claims of a sentence. `vocabulary` holds every category of the catalogue.

    Of a sentence that can be read in two ways, the claims of one that is supported, if any is.
    """
    index = index_of(frozenset(vocabulary))
    own = {place.poi: place.category for place in habits.places}
    plain, patterns = taken_apart(sentence, index, own)
    ways = [_with_patterns(patterns, reading, habits, index) for reading in readings(plain, index, own)]
    return next((claims for claims in ways if supported(claims)), ways[0])


def supported(claims: Collection[Claim]) -> bool:
    """True if there is at least one claim and all of them hold."""
    return bool(claims) and all(claim.supported for claim in claims)


def _with_patterns(patterns: Collection[Pattern], reading: Sentence, habits: Habits, index: KindIndex) -> list[Claim]:
    """The claims of what a sentence says beside patterns, and those of the patterns."""
    of_patterns = [Claim(*claim) for claim in pattern_claims(patterns, reading, habits)]
    claims = _claims(reading, habits, index)
    return [*(claims or (_person_claims(reading) if of_patterns else [])), *of_patterns]


def _claims(sentence: Sentence, habits: Habits, index: KindIndex) -> list[Claim]:
    visited = {place.poi: place for place in habits.places}
    claims = [_place_claim(place, visited.get(place.poi)) for place in sentence.places]
    at_places = {place.poi: _of_place(visited[place.poi]) for place in sentence.places if place.poi in visited}
    spoken = [(place, at_places[place.poi]) for place in sentence.places if place.poi in visited]
    kinds = {(kind.key, kind.names): kind for kind in sentence.kinds}
    owned = [(kind, _own(kind, habits)) for kind in kinds.values()]
    claims += [_kind_claim(kind, own, index) for kind, own in owned]
    covered = {key_of(name) for subject in at_places.values() for name in subject.categories}
    subjects = [*at_places.values(), *(own for kind, own in owned if own and kind.key not in covered)]
    subjects = subjects or [_everything(habits)]
    steps = list(_step_claims(sentence, habits))
    claims += steps
    claims += _word_claims(sentence, subjects, index)
    claims += _time_claims(sentence.times, spoken, subjects)
    claims += _count_claims(sentence.numbers, subjects, steps)
    claims += [Claim(phrase.text, False, "visits do not show it") for phrase in sentence.negations]
    # Of what makes no claim nothing is held against the person's visits, nor need it be about the person.
    return claims + _person_claims(sentence) if claims else claims


def _person_claims(sentence: Sentence) -> list[Claim]:
    """Nothing is claimed of others, of the city, or of places for themselves."""
    words = [sentence.text[word.start : word.end] for word in sentence.words]
    claims = [Claim(word, False, "speaks of others") for word in words if word.lower() in OTHERS]
    whose = sentence.frame
    if whose is None:
        about = is_note(word.lower() for word in words)
    else:
        starts = [place.start for place in sentence.places] + [kind.start for kind in sentence.kinds]
        named = min(starts, default=None)
        # Nobody "is a pub".
        about = not whose.is_it or sentence.text[whose.end : named].strip() not in ("", "a", "an", "the")
    return claims if about else [*claims, Claim(sentence.text, False, "does not speak of the person")]


def _of_place(place: PlaceHabit) -> _Subject:
    return _Subject(f"POI {place.poi}", [place.category], place.visits, place.hours, place.weekdays)


def _everything(habits: Habits) -> _Subject:
    hours, weekdays = dict(enumerate(habits.hours)), dict(enumerate(habits.weekdays))
    names = [habit.category for habit in habits.categories if is_known(habit.category)]
    return _Subject("all", names, habits.checkins, hours, weekdays)


def _own(kind: Kind, habits: Habits) -> _Subject | None:
    """The person's visits to a kind: those of the category that is spelled so, or of all that have its words."""
    same = [habit for habit in habits.categories if is_known(habit.category) and key_of(habit.category) == kind.key]
    chosen = [habit for habit in same if habit.category in kind.names] or same
    if not chosen:
        return None
    names = [habit.category for habit in chosen]
    visits = sum(habit.visits for habit in chosen)
    return _Subject(names[0], names, visits, _sum(h.hours for h in chosen), _sum(h.weekdays for h in chosen))


def _sum(histograms: Iterable[Mapping[int, int]]) -> Mapping[int, int]:
    total: Counter[int] = Counter()
    for histogram in histograms:
        total.update(histogram)
    return total


def _kind_claim(kind: Kind, own: _Subject | None, index: KindIndex) -> Claim:
    name = own.name if own else min(kind.names, default=index.name(kind.key))
    return Claim(name, own is not None, f"{name}: {own.visits if own else 0} visits")


def _place_claim(place: Place, habit: PlaceHabit | None) -> Claim:
    """A POI id must be a place of the user's, and of the kind that stands in brackets behind it."""
    text = f"POI {place.poi}" + (f" ({place.kind})" if place.kind is not None else "")
    if habit is None:
        return Claim(text, False, f"POI {place.poi}: 0 visits")
    known = is_known(habit.category)
    right = place.kind is None or (known and key_of(place.kind) == key_of(habit.category))
    kind = f" ({habit.category})" if known else ""
    return Claim(text, right, f"POI {place.poi}{kind}: {habit.visits} visits")


def _step_claims(sentence: Sentence, habits: Habits) -> Iterator[Claim]:
    """Require of "from POI 4 ... to POI 7" that the user often takes this step."""
    counts = {(step.from_poi, step.to_poi): step.count for step in habits.transitions}
    text = sentence.text
    start: Place | None = None
    behind = 0
    for place in sentence.places:
        if any(mark in text[behind : place.start] for mark in ".;"):
            start = None
        behind = place.end
        lead = text[max(place.start - len("from "), 0) : place.start].lower()
        if lead == "from ":
            start = place
        elif start and lead.endswith(" to "):
            count = counts.get((start.poi, place.poi), 0)
            said = text[start.start - len("from ") : place.id_end]
            yield Claim(said, count > 0, f"from POI {start.poi} to POI {place.poi}: {count} times")
            start = None


def _word_claims(sentence: Sentence, subjects: list[_Subject], index: KindIndex) -> Iterator[Claim]:
    """A word that belongs to some kinds of places ("coffee", "train") must fit the places spoken of."""
    fitting = {word for subject in subjects for name in subject.categories if is_known(name) for word in key_of(name)}
    for word in dict.fromkeys(token.word for token in sentence.words):
        if word in index.words or word in ROLE_WORDS:
            fits = word in fitting or bool(ROLE_WORDS.get(word, frozenset()) & fitting)
            yield Claim(word, fits, f"{word}: {'a' if fits else 'no'} kind of place spoken of")


def _time_claims(
    times: list[Phrase], spoken: list[tuple[Place, _Subject]], subjects: list[_Subject]
) -> Iterator[Claim]:
    """Days and hours belong to the place named last before them (or first); without places, to every category."""
    if not spoken:
        for subject in subjects:
            yield from _shares([phrase.text for phrase in times], subject)
    begins = [place.start for place, _ in spoken[1:]]
    of_each: dict[int, list[str]] = {}
    for phrase in times:
        of_each.setdefault(bisect(begins, phrase.start), []).append(phrase.text)
    for i in of_each if spoken else ():
        yield from _shares(of_each[i], spoken[i][1])


def _shares(times: list[str], subject: _Subject) -> Iterator[Claim]:
    named = [match[1].lower() for time in times for match in DAY.finditer(time)]
    for word in sorted(set(named).intersection(DAY_GROUPS)):
        group, least = DAY_GROUPS[word]
        yield _share(word + "s", group, subject.weekdays, subject, least)
    days = {WEEKDAYS.index(word.capitalize()) for word in named if word not in DAY_GROUPS}
    if days:
        visited = {day for day in days if subject.weekdays.get(day)}
        # Of several days, each must occur: visits on Tuesdays alone do not make "Tuesdays and Fridays".
        bins = sorted(days) if visited == days else []
        least = MIN_GROUP_SHARE if len(days) > 1 else MIN_SHARE
        yield _share(" and ".join(WEEKDAYS[day] for day in sorted(days)), bins, subject.weekdays, subject, least)
    for what, hours, is_part in hours_said(times):
        yield _share(what, hours, subject.hours, subject, MIN_GROUP_SHARE if is_part else MIN_SHARE)


def _share(what: str, bins: Collection[int], histogram: Mapping[int, int], subject: _Subject, least: float) -> Claim:
    count = sum(histogram.get(i, 0) for i in bins)
    enough = count >= max(MIN_VISITS, least * subject.visits)
    return Claim(what, enough, f"{subject.name}: {count} of {subject.visits} visits {what}")


def _count_claims(numbers: list[Phrase], subjects: list[_Subject], steps: list[Claim]) -> Iterator[Claim]:
    """Numbers that are neither ids nor hours must be visits to a place, a category or a step that is named."""
    owners = {step.note.removesuffix(" times").rpartition(": ")[2]: step.text for step in steps if step.supported}
    owners |= {str(subject.visits): subject.name for subject in reversed(subjects)}
    for match in (match for phrase in numbers for match in NUMBER.finditer(phrase.text)):
        count = str(number(match[1]))
        yield Claim(match[0], count in owners, f"{owners.get(count, 'nothing spoken of')}: {count} visits")
