"""Claims about the days and hours with the most visits, and with the fewest."""

from genrec.profiles.checking.claims import Talk
from genrec.profiles.checking.lexicon import Item
from genrec.profiles.checking.moments import When, circle

LEADS = ("followed by", "ahead")  # to the days that come behind others


def top_days(talk: Talk, days: Item, word: str, *, lowest: bool = False) -> None:
    """Require that the days that are named have the most visits."""
    named: frozenset[int] = days.value.days
    rest = frozenset(range(7)) - named
    group = talk.whole
    sign = -1 if lowest else 1

    def count(day: int) -> int:
        return sign * group.at(When("", days=frozenset([day]))).high

    if named == frozenset((5, 6)) or named == frozenset(range(5)):
        holds = sign * group.at(days.value).high > sign * group.visits / 2
    else:
        holds = min(map(count, named)) >= max(map(count, rest)) and (lowest or min(map(count, named)) > 0)
    counts = ", ".join(str(abs(count(day))) for day in sorted(named))
    talk.claim(f"{word} {days.value.text}", holds, f"{group.name}: {counts} of {group.visits} visits {days.value.text}")


def days_behind(talk: Talk, days: Item) -> None:
    """What comes behind the days with the most visits: "Fridays are the busiest, followed by Mondays"."""
    lead = next((item for item in talk.free("step", "compare") if item.text.lower() in LEADS), None)
    behind = next((item for item in talk.times if lead and item.start > lead.start and item.value.days), None)
    if lead is None or behind is None:
        return
    talk.take(lead, behind)
    group, named = talk.whole, behind.value.days
    counts = [group.at(When("", days=frozenset([day]))).high for day in range(7)]
    rest = [counts[day] for day in range(7) if day not in named | days.value.days]
    least = min(counts[day] for day in named)
    holds = least >= max(rest, default=0) and max(counts[day] for day in named) <= min(
        counts[day] for day in days.value.days
    )
    talk.claim(f"{lead.text} {behind.text}", holds, f"{group.name}: at least {least} visits on each of these days")


def top_part(talk: Talk, part: Item, word: str) -> None:
    """Require that hours have more visits than any others, as many in a row, that share none with them."""
    group, hours = talk.whole, part.value.hours
    each = [group.at(When("", hours=frozenset([hour]))).high for hour in range(24)]
    said = sum(each[hour] for hour in hours)
    if part.value.is_group:
        spans = (circle(hour, hour + len(hours)) for hour in range(24))
        holds = said >= max((sum(each[hour] for hour in span) for span in spans if not span & hours), default=0)
    else:
        holds = max(each[hour] for hour in hours) == max(each)
    talk.claim(
        f"{word} {part.value.text}",
        holds and said > 0,
        f"{group.name}: {said} of {group.visits} visits {part.value.text}",
    )


def nth_day(talk: Talk, mark: Item, days: Item, place: int) -> None:
    """The day with the second most visits, or the third: "Mondays come second"."""
    counts = {day: talk.whole.at(When("", days=frozenset([day]))).high for day in range(7)}
    [count] = [counts.pop(day) for day in days.value.days]
    above, level = sum(other > count for other in counts.values()), sum(other == count for other in counts.values())
    holds = count > 0 and above < place <= above + level + 1
    talk.claim(f"{mark.text} {days.value.text}", holds, f"{days.value.text}: {count} visits, rank {above + 1}")
