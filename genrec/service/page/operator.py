"""How the service does, for who runs it: people, queue, latency, store."""

from fastapi import Request, Response
from nicegui import ui
from starlette.responses import RedirectResponse

from genrec.service.errors import Refused
from genrec.service.page.site import LOGIN, Me, Notice, Site, box, head, me_of, text
from genrec.service.security import operator
from genrec.service.status import status_of

LATENCY = "Latest requests, in milliseconds (p95: 95 of 100 take no longer)"
CALLED = {"checkins": "check-ins"}
EVERY = 15.0  # seconds: how often it is shown anew


def add(site: Site) -> None:
    """The page."""

    @ui.page("/operation")
    async def show(request: Request) -> Response | None:
        me = me_of(site, request)
        try:
            operator(me.caller)
        except Refused as refused:
            if refused.status == 401:
                return RedirectResponse(LOGIN)
            text("p", refused, "problem")
            return None
        head(me, "Operation")
        panel = _Panel(me)
        await panel.show()
        ui.timer(EVERY, panel.show, immediate=False)
        return None


class _Panel:
    def __init__(self, me: Me) -> None:
        self._me = me
        self._notice = Notice()
        self._body = box("div", "two even")

    async def show(self) -> None:
        found = await self._notice.attempt(self._read)
        if found is None:
            return
        self._body.clear()
        with self._body:
            for title, rows in found.items():
                _table(title, rows)

    def _read(self) -> dict[str, list[tuple[str, ...]]]:
        operator(self._me.caller)
        status = status_of(self._me.service)
        return {
            "Store": [(CALLED.get(name, name), f"{count:,}") for name, count in status.store.items()],
            "Language model": [
                ("state", status.model),
                ("questions that wait", f"{status.questions_waiting:,}"),
                ("profiles that wait to be written", f"{status.profiles_waiting:,}"),
            ],
            "Count of check-ins, from which rankings come": [
                ("ready", "yes" if status.count.ready else "no"),
                ("seconds since the latest", f"{status.count.age_seconds:,.0f}"),
                ("something new waits", "yes" if status.count.waiting else "no"),
            ],
            LATENCY: [
                ("route", "count", "p50", "p95", "p99"),
                *(
                    (one.route, f"{one.requests:,}", *(f"{ms:,.1f}" for ms in (one.p50_ms, one.p95_ms, one.p99_ms)))
                    for one in status.latency
                ),
            ],
        }


def _table(title: str, rows: list[tuple[str, ...]]) -> None:
    wide = len(rows[0]) > 2  # with a head
    with box("section", "scroll" if wide else ""):
        text("h2", title)
        with box("table", "wide"):
            for number, (name, *values) in enumerate(rows):
                head = wide and number == 0
                with box("tr"):
                    text("th", name).props(f"scope={'col' if head else 'row'}").style("font-weight:400")
                    for value in values:
                        text("th" if head else "td", value, "number")
