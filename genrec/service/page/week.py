"""When somebody is out: visits by hour and day of the week."""

from collections import Counter

from genrec.columns import TIME
from genrec.phrases import WEEKDAYS
from genrec.service.page.site import Me, Notice, box, text


class WeekPanel:
    """How many visits there were in each hour of each day of the week."""

    def __init__(self, me: Me, person: str) -> None:
        self._me, self._person = me, person
        self._notice = Notice()
        self._table = box("div", "scroll")

    async def show(self) -> None:
        """Show what there is now."""
        me = self._me
        frame = await self._notice.attempt(lambda: me.service.store.frame(me.own(self._person)))
        self._table.clear()
        if frame is None:
            return
        counts = Counter((time.hour, time.weekday()) for time in frame[TIME])
        with self._table:
            if not counts:
                text("p", "There are no visits yet.")
                return
            _grid(counts)


def _grid(counts: Counter[tuple[int, int]]) -> None:
    most, hours = max(counts.values()), [hour for hour, _ in counts]
    with box("table", "week"):
        text("caption", f"{counts.total():,} visits by hour and day of the week")
        with box("tr"):
            text("th", "Hour").props("scope=col")
            for name in WEEKDAYS:
                text("th", name[:3]).props("scope=col")
        for hour in range(min(hours), max(hours) + 1):
            with box("tr"):
                text("th", "Any" if not any(hours) else f"{hour}:00").props("scope=row")  # dates tell no hours
                for day in range(7):
                    count = counts[hour, day]
                    share = count / most
                    text("td", count or "").style(
                        f"background:rgba(20,80,140,{share:.2f});color:{'#fff' if share > 0.55 else 'var(--ink)'}"
                    )
