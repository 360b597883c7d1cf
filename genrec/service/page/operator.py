"""How the service does, for who runs it: people, queue, latency, store."""

from collections import defaultdict

from fastapi import Request, Response
from nicegui import ui
from starlette.responses import RedirectResponse

from genrec.service.errors import Refused
from genrec.service.page.site import LOGIN, Me, Notice, Site, box, head, me_of, text
from genrec.service.security import operator
from genrec.service.state import Service

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
        service = self._me.service
        waiting, live = service.queue.waiting(), service.live
        return {
            "Store": [(name.replace("_", " "), f"{count:,}") for name, count in service.store.counts().items()],
            "Language model": [
                ("questions that wait", f"{waiting['questions']:,}"),
                ("profiles that wait to be written", f"{waiting['profiles']:,}"),
            ],
            "Count of check-ins": [
                ("ready", "yes" if live.ready else "no"),
                ("seconds since the latest", f"{live.age():,.0f}"),
                ("something new waits", "yes" if live.waiting else "no"),
            ],
            "Requests": _latency(service),
        }


def _latency(service: Service) -> list[tuple[str, ...]]:
    """Of each route: how many requests, and the mean time."""
    parts: dict[str, dict[str, float]] = defaultdict(dict)
    for metric in service.metrics.registry.collect():
        if metric.name == "genrec_request_seconds":
            for sample in metric.samples:
                parts[sample.labels["route"]][sample.name.rpartition("_")[2]] = sample.value
    return [
        (route, f"{said['count']:,.0f}", f"{1000 * said['sum'] / said['count']:,.1f} ms on average")
        for route, said in sorted(parts.items())
        if said.get("count")
    ]


def _table(title: str, rows: list[tuple[str, ...]]) -> None:
    with box("section"):
        text("h2", title)
        with box("table", "wide"):
            for name, *values in rows:
                with box("tr"):
                    text("th", name).style("font-weight:400").props("scope=row")
                    for value in values:
                        text("td", value, "number")
        if not rows:
            text("p", "None yet.", "quiet")
