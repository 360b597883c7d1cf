"""Checks whether the evidence supports what a sentence says.

A sentence is taken apart into checkable claims: POI ids, categories, days, hours, numbers of
visits. Days, hours and numbers are held against the places and categories that the sentence
names, or against all visits if it names none. It stands if it makes at least one claim and
every claim is supported; a sentence that claims nothing checkable ("enjoys hiking") does not.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from genrec.habits import Habits
from genrec.phrases import WEEKDAYS

# Days or hours are supported if they hold this share of the visits spoken of...
MIN_SHARE = 0.25
MIN_GROUP_SHARE = 0.5  # ... or this one for several days, or a part of the day.
MIN_VISITS = 2

# Days, and the share of the visits that they must hold to be worth a word (by chance: .71 and .29).
DAY_GROUPS = {"weekday": ((0, 1, 2, 3, 4), 0.7), "weekend": ((5, 6), 0.4)}
DAY_PARTS = {
    "early morning": (5, 9),
    "morning": (5, 12),
    "noon": (11, 14),
    "lunch": (11, 15),
    "afternoon": (12, 18),
    "evening": (17, 23),
    "night": (20, 6),
}

# Words of category names that also stand for nothing in particular.
PLAIN_WORDS = frozenset(
    ("a", "an", "and", "at", "for", "great", "in", "of", "on", "or", "other", "place", "shop", "spot", "the", "to")
)
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

# The evidence shows what a person does; not what they do not do or dislike, nor that they do it without exception.
_NEGATION = re.compile(
    r"\b(?:not|never|no|only|always|exclusively|solely|every|lacks?|avoids?|hates?|dislikes?|without|rarely|seldom)\b|n't\b",
    re.IGNORECASE,
)
_POI = re.compile(r"\bPOI(?:\s+id)?\s+(\d+)(?:\s*\(([^()]+)\))?", re.IGNORECASE)
_STEP = re.compile(r"\bfrom\s+POI\s+(\d+)\b[^.;]*?\bto\s+POI\s+(\d+)", re.IGNORECASE)
_DAY = re.compile(r"\b(" + "|".join(WEEKDAYS) + r"|weekday|weekend)s?\b", re.IGNORECASE)
_PART = re.compile(r"\b(" + "|".join(DAY_PARTS) + r")s?\b", re.IGNORECASE)
_CLOCK = r"(\d{1,2})(?::\d\d)?\s*([ap]\.?m\.?)?"
_SPAN = re.compile(rf"\b(?:between|from)\s+{_CLOCK}\s+(?:and|to|until)\s+{_CLOCK}(?![\d:])", re.IGNORECASE)
_HOUR = re.compile(rf"\b(?:around|at|about|by)\s+{_CLOCK}(?![\d:])(?!\s*(?:visits|times|%|km))", re.IGNORECASE)
_NUMBER = re.compile(r"\b(\d+)\b(?:\s+(?:of\s+\d+\s+)?(?:visits|times|check-ins)\b)?", re.IGNORECASE)
_WORDS = re.compile(r"[^\W_]+", re.UNICODE)


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


def check(sentence: str, habits: Habits, vocabulary: Collection[str]) -> list[Claim]:
    """All claims of a sentence. `vocabulary` holds every category of the catalogue."""
    claims, spoken = _place_claims(sentence, habits)
    words = list(words_of(_POI.sub(" ", sentence)))
    known = {habit.category: habit for habit in habits.categories}
    subjects = [subject for subject, _ in spoken]
    for name in _take_categories(words, vocabulary):
        habit = known.get(name)
        claims.append(Claim(name, habit is not None, f"{name}: {habit.visits if habit else 0} visits"))
        if habit and not any(name in subject.categories for subject in subjects):
            subjects.append(_Subject(name, [name], habit.visits, habit.hours, habit.weekdays))
    if not subjects:
        hours, weekdays = dict(enumerate(habits.hours)), dict(enumerate(habits.weekdays))
        subjects = [_Subject("all", list(known), habits.checkins, hours, weekdays)]
    steps = _step_claims(sentence, habits)
    claims += steps
    claims += _word_claims(words, subjects, vocabulary)
    # Days and hours belong to the place named last before them; without places, to every category.
    for subject, text in spoken or [(subject, sentence) for subject in subjects]:
        claims += _time_claims(text, subject)
    claims += _count_claims(sentence, subjects, steps)
    claims += [Claim(match[0], False, "visits do not show it") for match in _NEGATION.finditer(sentence)]
    return claims


def supported(claims: Collection[Claim]) -> bool:
    """True if there is at least one claim and all of them hold."""
    return bool(claims) and all(claim.supported for claim in claims)


def words_of(text: str) -> tuple[str, ...]:
    """Words of a sentence or a category, without case, punctuation and plural."""
    return tuple(_singular(word) for word in _WORDS.findall(text.lower()))


def _singular(word: str) -> str:
    for ending, replacement in (("ies", "y"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("s", "")):
        if word.endswith(ending) and not word.endswith("ss" if ending == "s" else "\0"):
            return word[: -len(ending)] + replacement
    return word


def _place_claims(sentence: str, habits: Habits) -> tuple[list[Claim], list[tuple[_Subject, str]]]:
    """POI ids must be places of the user's, and of the kind that stands in brackets behind them.

    Returned with each place: the text from its id to the next one (the first has what stands before it, too).
    """
    places = {place.poi: place for place in habits.places}
    matches = list(_POI.finditer(sentence))
    claims, spoken = [], []
    for i, match in enumerate(matches):
        place = places.get(int(match[1]))
        if place is None:
            claims.append(Claim(match[0], False, f"POI {match[1]}: 0 visits"))
            continue
        right = match[2] is None or words_of(match[2]) == words_of(place.category)
        claims.append(Claim(match[0], right, f"POI {place.poi} ({place.category}): {place.visits} visits"))
        end = matches[i + 1].start() if i + 1 < len(matches) else len(sentence)
        text = (sentence[: match.start()] if i == 0 else "") + " " + sentence[match.end() : end]
        subject = _Subject(f"POI {place.poi}", [place.category], place.visits, place.hours, place.weekdays)
        spoken.append((subject, text))
    return claims, spoken


def _step_claims(sentence: str, habits: Habits) -> list[Claim]:
    """Require of "from POI 4 ... to POI 7" that the user often takes this step."""
    counts = {(step.from_poi, step.to_poi): step.count for step in habits.transitions}
    claims = []
    for match in _STEP.finditer(sentence):
        step = int(match[1]), int(match[2])
        count = counts.get(step, 0)
        claims.append(Claim(match[0], count > 0, f"from POI {step[0]} to POI {step[1]}: {count} times"))
    return claims


def _take_categories(words: list[str], vocabulary: Collection[str]) -> list[str]:
    """Categories named by the words, the longest first, so that "Coffee Shop" is not also "Shop".

    Their words are taken out of `words`.
    """
    found = []
    for name in sorted(vocabulary, key=lambda name: (-len(words_of(name)), name)):
        key = words_of(name)
        starts = [i for i in range(len(words) - len(key) + 1) if key and tuple(words[i : i + len(key)]) == key]
        for start in starts:
            words[start : start + len(key)] = [""] * len(key)
        if starts:
            found.append(name)
    return found


def _word_claims(words: Collection[str], subjects: list[_Subject], vocabulary: Collection[str]) -> Iterator[Claim]:
    """A word that belongs to some kinds of places ("coffee", "train") must fit the places spoken of."""
    kinds = {word for name in vocabulary for word in words_of(name)} - PLAIN_WORDS
    fitting = {word for subject in subjects for name in subject.categories for word in words_of(name)}
    for word in dict.fromkeys(words):
        if word in kinds or word in ROLE_WORDS:
            fits = word in fitting or bool(ROLE_WORDS.get(word, frozenset()) & fitting)
            yield Claim(word, fits, f"{word}: {'a' if fits else 'no'} kind of place spoken of")


def _time_claims(sentence: str, subject: _Subject) -> Iterator[Claim]:
    days, groups = set(), set()
    for match in _DAY.finditer(sentence):
        word = match[1].lower()
        if word in DAY_GROUPS:
            groups.add(word)
        else:
            days.add(WEEKDAYS.index(word.capitalize()))
    for word in sorted(groups):
        group, least = DAY_GROUPS[word]
        yield _share(word + "s", group, subject.weekdays, subject, least)
    if days:
        named = " and ".join(WEEKDAYS[day] for day in sorted(days))
        visited = {day for day in days if subject.weekdays.get(day)}
        # Of several days, each must occur: visits on Tuesdays alone do not make "Tuesdays and Fridays".
        bins = sorted(days) if visited == days else []
        yield _share(named, bins, subject.weekdays, subject, MIN_GROUP_SHARE if len(days) > 1 else MIN_SHARE)
    spans = _SPAN.findall(sentence)
    for first, half, last, other_half in spans:
        begin, end = _hour(first, half or other_half), _hour(last, other_half)
        yield _share(f"{begin} to {end}", _circle(begin, end), subject.hours, subject, MIN_SHARE)
    for number, half in _HOUR.findall(_SPAN.sub(" ", sentence)):
        hour = _hour(number, half)
        yield _share(f"around {hour}", _circle(hour - 1, hour + 2), subject.hours, subject, MIN_SHARE)
    for part in {match[1].lower() for match in _PART.finditer(sentence)}:
        yield _share(part, _circle(*DAY_PARTS[part]), subject.hours, subject, MIN_GROUP_SHARE)


def _circle(first: int, end: int) -> tuple[int, ...]:
    """Hours from `first` up to but not including `end`, around midnight if need be."""
    return tuple((first + i) % 24 for i in range((end - first) % 24 or 24))


def _hour(number: str, half: str) -> int:
    hour = int(number)
    if half.lower().startswith("p") and hour < 12:
        hour += 12
    return (0 if half.lower().startswith("a") and hour == 12 else hour) % 24


def _share(what: str, bins: Collection[int], histogram: Mapping[int, int], subject: _Subject, least: float) -> Claim:
    count = sum(histogram.get(i, 0) for i in bins)
    enough = count >= max(MIN_VISITS, least * subject.visits)
    return Claim(what, enough, f"{subject.name}: {count} of {subject.visits} visits {what}")


def _count_claims(sentence: str, subjects: list[_Subject], steps: list[Claim]) -> Iterator[Claim]:
    """Numbers that are neither ids nor hours must be visits to a place, a category or a step that is named."""
    for pattern in (_POI, _SPAN, _HOUR):
        sentence = pattern.sub(" ", sentence)
    for match in _NUMBER.finditer(sentence):
        number = int(match[1])
        owner = next((s.name for s in subjects if s.visits == number), None)
        owner = owner or next((s.text for s in steps if s.note.endswith(f": {number} times")), None)
        yield Claim(match[0], owner is not None, f"{owner or 'nothing spoken of'}: {number} visits")
