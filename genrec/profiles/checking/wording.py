"""What stands around a word: "about", "only", the times that nothing has taken up."""

from genrec.profiles.checking.claims import (
    Talk,
)
from genrec.profiles.checking.lexicon import Item
from genrec.profiles.checking.segments import has, value


def number_of(item: Item) -> float:
    """The number that an item stands for."""
    found: float = item.value if item.kind == "number" else int(value(item, "number"))
    return found


def percentage(number: float) -> tuple[float, float]:
    """From which share up to which one so many percent are: those with decimals are meant more closely."""
    leeway = 0.025 if number == int(number) else 0.005
    return number / 100 - leeway, number / 100 + leeway


def free_times(talk: Talk) -> list[Item]:
    """The times that no claim has taken up."""
    return [item for item in talk.times if item.start not in talk.used]


def take_only(talk: Talk, item: Item) -> None:
    """Claims such as "Only" beside a number says no more than the number."""
    at = talk.items.index(item)
    near = [*talk.items[max(at - 2, 0) : at], *talk.items[at + 1 : at + 4]]
    talk.take(*(one for one in near if one.text.lower() in ("only", "just", "exactly")))


def widened(talk: Talk, item: Item, span: tuple[float, float]) -> tuple[float, float]:
    """The span of a share behind "about", "more than" or "almost"."""
    at = talk.items.index(item)
    before = next((one for one in reversed(talk.items[:at]) if not has(one, "own")), None)
    low, high = span
    middle = (low + high) / 2
    if before is None or not has(before, "approx"):
        return span
    talk.take(before)
    name = value(before, "approx")
    if name in ("over", "least"):
        return middle, middle + 0.15
    if name in ("under", "less"):
        return middle - 0.15, middle
    return low - 0.03, high + 0.03
