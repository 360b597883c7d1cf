"""Histograms of visits in a few words, and no more than the numbers support."""

from collections.abc import Mapping

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

# A phrase stands only if it covers this share of the visits, and at least this many of them.
MIN_SHARE = 0.5
MIN_VISITS = 2


def usual_hours(hours: Mapping[int, int]) -> tuple[int, int] | None:
    """The shortest span (first hour, last hour; may pass midnight) with most of the visits.

    None if no span of up to five hours holds MIN_SHARE of them.
    """
    total = sum(hours.values())
    if total < MIN_VISITS:
        return None
    for length in range(1, 6):
        spans = [(sum(hours.get((start + i) % 24, 0) for i in range(length)), -start) for start in range(24)]
        count, negative_start = max(spans)
        if count >= max(MIN_SHARE * total, MIN_VISITS):
            return -negative_start, (-negative_start + length - 1) % 24
    return None


def usual_days(weekdays: Mapping[int, int]) -> tuple[int, ...] | None:
    """The days (0 = Monday) that stand out: weekdays, the weekend, or one to three days; else None."""
    total = sum(weekdays.values())
    if total < MIN_VISITS:
        return None
    working = sum(weekdays.get(day, 0) for day in range(5))
    ranked = sorted(range(7), key=lambda day: (-weekdays.get(day, 0), day))
    for length in (1, 2):
        days = ranked[:length]
        if sum(weekdays.get(day, 0) for day in days) >= max((0.6 + 0.1 * length) * total, MIN_VISITS):
            return tuple(sorted(days))
    if total - working >= max(MIN_SHARE * total, MIN_VISITS):
        return (5, 6)
    if working >= 0.85 * total:
        return (0, 1, 2, 3, 4)
    return None


def hours_phrase(span: tuple[int, int]) -> str:
    """Such as "around 8", or "between 8 and 11" (the end of the last hour), on the 24-hour clock."""
    first, last = span
    return f"around {first}" if first == last else f"between {first} and {(last + 1) % 24}"


def days_phrase(days: tuple[int, ...]) -> str:
    """Such as "weekdays", "weekends" or "Tuesdays and Thursdays"."""
    if days == (0, 1, 2, 3, 4):
        return "weekdays"
    if days == (5, 6):
        return "weekends"
    return " and ".join(f"{WEEKDAYS[day]}s" for day in days)


def when_phrase(hours: Mapping[int, int], weekdays: Mapping[int, int]) -> str:
    """Days and hours together, such as "on weekdays around 8"; empty if neither stands out."""
    days, span = usual_days(weekdays), usual_hours(hours)
    parts = [f"on {days_phrase(days)}"] if days else []
    if span:
        parts.append(hours_phrase(span))
    return " ".join(parts)


def so_many(count: int, one: str, more: str = "") -> str:
    """Such as "1 visit" or "1,200 people"; `more` where it is not `one` with an s."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"
