"""Claims that nothing has more visits: "no place has more than nine visits", "no other day exceeds five"."""

from collections.abc import Sequence

from genrec.profiles.checking.claims import Talk
from genrec.profiles.checking.lexicon import Item
from genrec.profiles.checking.moments import When
from genrec.profiles.checking.segments import has, value
from genrec.profiles.checking.visits import everywhere
from genrec.profiles.checking.wording import number_of


def nothing_more(talk: Talk) -> None:
    """A claim that no place, or no day, has more visits than a number, if there is one."""
    for i, mark in enumerate(talk.items):
        if not (has(mark, "degree") and value(mark, "degree") == "never"):
            continue
        behind = talk.items[i + 1 :]
        noun = next((item for item in behind[:3] if has(item, "places", "day", "days")), None)
        over = next((item for item in behind if _is_over(item)), None)
        number = next((item for item in behind if over and item.start > over.start and has(item, "number")), None)
        if noun is None or over is None or number is None or not _is_short(behind, over, number):
            continue
        others = [item for item in behind[:2] if has(item, "det_else") or item.text.lower() == "other"]
        talk.take(mark, over, number, *others, *(item for item in behind[:2] if has(item, "number")))
        counts = _of_places(talk, others) if has(noun, "places") else _of_days(talk, others)
        said = number_of(number)
        talk.claim(
            f"{mark.text} {noun.text}", max(counts, default=0) <= said, f"at most {max(counts, default=0)} visits"
        )
        return


def _is_over(item: Item) -> bool:
    text = item.text.lower()
    return (has(item, "approx") and value(item, "approx") == "over") or text.startswith("exceed")


def _is_short(behind: Sequence[Item], over: Item, number: Item) -> bool:
    """Whether only a verb stands before the bound, and nothing but its number behind: no places, no times."""
    before = [item for item in behind if item.start < over.start]
    between = [item for item in behind if over.start < item.start < number.start]
    allowed = ("places", "day", "days", "det_else", "fill", "have", "hold", "go", "be", "number", "who", "visits")
    return not between and all(has(item, *allowed) or item.text.lower() == "other" for item in before)


def _of_places(talk: Talk, others: Sequence[Item]) -> list[int]:
    left_out = {poi for group in talk.focus for poi in group.pois} if others else set()
    return [place.visits for place in everywhere(talk.habits).habits if place.poi not in left_out]


def _of_days(talk: Talk, others: Sequence[Item]) -> list[int]:
    said = {day for item in talk.said if item.kind == "time" for day in item.value.days or ()} if others else set()
    return [talk.whole.at(When("", days=frozenset([day]))).high for day in range(7) if day not in said]
