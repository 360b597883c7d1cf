"""What is left out of an order: "apart from bars, they are most often at POI 4", "after POI 6, POI 3 is the first"."""

from collections.abc import Sequence

from genrec.habit_models import Habits
from genrec.profiles.checking.claims import Claim, visits_note
from genrec.profiles.checking.lexicon import Item
from genrec.profiles.checking.segments import TARGETS, has, is_break, value
from genrec.profiles.checking.visits import Places


def left_out(items: Sequence[Item], habits: Habits) -> tuple[Sequence[Item], Habits, list[Claim]]:
    """A sentence without the places that it leaves out of an order, the habits without them, and claims about them."""
    first = next((i for i, item in enumerate(items) if not has(item, "fill")), 0)
    at = next((i for i, item in enumerate(items) if has(item, "except") or _leaves_out(items, i, first)), None)
    if at is None:
        return items, habits, []
    end = next((i for i in range(at + 1, len(items)) if not _is_named(items[i], within=at > first)), len(items))
    while end > at + 1 and is_break(items[end - 1]):
        end -= 1
    rest = [*items[:at], *items[end:]] if at > first else list(items[end + 1 :])
    named: list[Places] = [item.value for item in items[at:end] if item.kind in TARGETS]
    parted = at > first or (end < len(items) and items[end].text == ",")
    told = any(has(item, "rank") or (has(item, "degree") and value(item, "degree") == "never") for item in rest)
    if not (named and parted and told):
        return items, habits, []
    others = _without(habits, named)
    most = max((place.visits for place in others.places), default=0)
    claims = [
        Claim(group.name, group.visits > 0 and (not _is_after(items[at]) or group.visits >= most), visits_note(group))
        for group in named
    ]
    rest = [item for i, item in enumerate(rest) if i or not is_break(item)]
    # "After POI 6, POI 3 comes second" counts POI 6 in, "POI 3 is the first" leaves it out.
    is_next = _is_after(items[at]) and any(has(item, "rank") and value(item, "rank") != "first" for item in rest)
    return rest, habits if is_next else others, claims


def _leaves_out(items: Sequence[Item], at: int, first: int) -> bool:
    """Whether "after" leaves places out of an order: at the beginning, or behind a rank ("the first after POI 6")."""
    before = items[at - 1 : at] if at else []
    return _is_after(items[at]) and (at == first or any(has(item, "places", "kinds", "rank") for item in before))


def _is_after(item: Item) -> bool:
    return item.text.lower() in ("after", "behind")


def _is_named(item: Item, *, within: bool) -> bool:
    """Whether an item goes on with a list of places; a comma ends the one that a sentence begins with."""
    words = ("and", "or", "the", "a", "an", "at", *([","] if within else []))
    return item.kind in TARGETS or has(item, "own") or item.text.lower() in words


def _without(habits: Habits, named: Sequence[Places]) -> Habits:
    pois = {poi for group in named for poi in group.pois}
    kinds = {kind for group in named if not group.is_one for kind in group.categories}
    places = [place for place in habits.places if place.poi not in pois]
    categories = [habit for habit in habits.categories if habit.category not in kinds]
    checkins = sum(place.visits for place in places)
    return habits.model_copy(update={"places": places, "categories": categories, "checkins": checkins})
