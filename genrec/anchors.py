"""Places that look like a user's home, work or school, by rules that anyone can check.

The category decides. The hours are asked only where neither the category nor the name says what a place is: an
evening in the pub does not make it a home, nor a daily coffee the café an office.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from genrec.habit_models import Anchor, AnchorKind, PlaceHabit

MIN_VISITS = 3  # of a place whose category says what it is
MIN_TIMES = 5  # at the hours that speak for it, where the category is silent; not fewer than MIN_VISITS
MIN_SHARE = 0.5  # of all visits to it

# Foursquare's names and plain words; "Post Office", "Doctor's Office" or "Home Store" must not match.
_HOME = r"^home$|\bhome \(private\)|\bresiden|\bapartment|\bcondo\b|\bhousing\b|\bdorm"
_WORK = r"^(corporate )?office$|^work(place)?$|\bco-?working\b|\bfactory\b"
_STUDY = r"\buniversity\b|\bcollege\b|\bschool\b|\bcampus\b|\bstudent\b"
# The same as whole names in other languages.
_HOME_ABROAD = (
    "zuhause|wohnung|domicile|maison|chez moi|casa|hogar|domicilio|thuis|mieszkanie|ev|evim|дом|自宅|家|住宅|집|자택"
    "|المنزل|منزل|البيت|hjem|hemma|koti"
)
_WORK_ABROAD = (
    "büro|arbeit|arbeitsplatz|bureau|travail|oficina|trabajo|escritório|trabalho|ufficio|lavoro|kantoor|biuro"
    "|ofis|iş|iş yeri|işyeri|офис|работа|オフィス|職場|会社|办公室|公司|辦公室|사무실|회사|직장|مكتب|العمل"
    "|kontor|arbete|toimisto|työ"
)
_STUDY_ABROAD = (
    "universität|hochschule|schule|université|école|lycée|collège|universidad|escuela|colegio|universidade"
    "|escola|università|scuola|universiteit|uniwersytet|szkoła|üniversite|okul|университет|школа|大学|学校|大學|學校"
    "|대학교|학교|جامعة|مدرسة|universitet|skola|skole|yliopisto|koulu"
)
_CATEGORY_SAYS: dict[AnchorKind, re.Pattern[str]] = {
    "home-like": re.compile(rf"{_HOME}|^(?:{_HOME_ABROAD})$", re.I),
    "work-like": re.compile(rf"{_WORK}|^(?:{_WORK_ABROAD})$", re.I),
    "study-like": re.compile(rf"{_STUDY}|^(?:{_STUDY_ABROAD})$", re.I),
}
_CATEGORY_IS_SILENT = re.compile(r"^(|unknown|other|place|building|neighborhood)$", re.I)
# Words of names that say that somebody comes by as others do.
_NAME_SAYS_PUBLIC = re.compile(
    r"\b(?:airport|bagels?|bakery|bank|bars?|bbq|beach|bistro|bodega|boulangerie|brasserie|bridge|burgers?|caf[eé]s?"
    r"|cathedral|cemetery|church|cinemas?|clinic|club|cocktails?|coffee|college|court|crossfit|deli|delicatessen|diner"
    r"|dog run|donuts?|espresso|field|fitness|galler(?:y|ies)|garage|gardens?|grill|gym|hospital|hostel|hotel|house of"
    r"|inn|junction|karaoke|kitchen|laundromat|library|lounge|mall|market|monument|mosque|motel|museum|noodles?|park"
    r"|parking|pharmacy|piano|pier|pizza|pizzeria|playground|plaza|pubs?|ramen|restaurant|saloon|salon|school|shop"
    r"|spa|square|stadium|starbucks|station|steakhouse|stop|store|subway|supermarket|sushi|synagogue|tavern|temple"
    r"|terminal|theat(?:er|re)|university|yoga|zoo|tunnel|ferry|highway|metro|train|bus|academy"
    r"|arena|international)\b",
    re.IGNORECASE,
)

_KINDS = 10_000  # whose reading is remembered

NIGHT = frozenset({20, 21, 22, 23, 0, 1, 2, 3, 4, 5, 6})
OFFICE_HOURS = frozenset(range(8, 17))


def find_anchors(places: Sequence[PlaceHabit], at_work: Mapping[int, int]) -> list[Anchor]:
    """At most one anchor of each kind and of each place.

    `places` come most visited first; `at_work` has the visits of each on weekdays at `OFFICE_HOURS`.
    """
    places = [place for place in places if place.visits >= MIN_VISITS]
    at_night = {place.poi: sum(place.hours.get(hour, 0) for hour in NIGHT) for place in places}
    by_hours = {"home-like": (at_night, "between 20 and 7"), "work-like": (at_work, "on weekdays between 8 and 17")}
    anchors: list[Anchor] = []
    for kind in _CATEGORY_SAYS:
        free = [place for place in places if all(place.poi != anchor.poi for anchor in anchors)]
        named = [place for place in free if _says(place.category, kind)]
        if named:
            why = f"category {named[0].category}, {named[0].visits} visits"
            anchors.append(Anchor(kind=kind, poi=named[0].poi, why=why))
        elif kind in by_hours:
            anchors += _by_hours(kind, free, *by_hours[kind])
    return anchors


@lru_cache(_KINDS)
def _says(category: str, kind: AnchorKind) -> bool:
    return _CATEGORY_SAYS[kind].search(category) is not None


@lru_cache(_KINDS)
def _is_silent(category: str) -> bool:
    return _CATEGORY_IS_SILENT.match(category) is not None


@lru_cache(_KINDS)
def _is_public(name: str) -> bool:
    return _NAME_SAYS_PUBLIC.search(name) is not None


def _by_hours(kind: AnchorKind, places: Sequence[PlaceHabit], times: Mapping[int, int], span: str) -> list[Anchor]:
    """The place of a silent category with most visits at the hours that speak for `kind`, if it may be that.

    No other takes its turn: who is at an airport more than anywhere else at night lives where we do not see it.
    """
    best = max((p for p in places if _is_silent(p.category)), key=lambda place: times[place.poi], default=None)
    if best is None or times[best.poi] < max(MIN_TIMES, MIN_SHARE * best.visits) or _is_public(best.name or ""):
        return []
    return [Anchor(kind=kind, poi=best.poi, why=f"{times[best.poi]} of its {best.visits} visits {span}")]
