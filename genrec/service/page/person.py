"""Somebody's page: where they may go next, and all that is kept of them."""

import asyncio

from fastapi import Request, Response
from nicegui import ui
from starlette.responses import RedirectResponse

from genrec.errors import GenRecError
from genrec.service import people
from genrec.service.errors import Refused
from genrec.service.page.lists import side_by_side
from genrec.service.page.naming import Names
from genrec.service.page.place_map import MapPanel
from genrec.service.page.profile import ProfilePanel
from genrec.service.page.ranking import RankingPanel
from genrec.service.page.rights import DataPanel
from genrec.service.page.site import LOGIN, Me, Site, box, head, me_of, text
from genrec.service.page.versions import HistoryPanel
from genrec.service.page.week import WeekPanel
from genrec.service.page.writing import WritingPanel
from genrec.service.questions import Answer
from genrec.store.records import Person


def add(site: Site) -> None:
    """The page of one person."""

    @ui.page("/person")
    async def show(request: Request, id: str) -> Response | None:  # noqa: A002 - its name in the address
        me = me_of(site, request)
        try:
            settings = people.read(me.own(id), me.service)
            names = await asyncio.to_thread(Names, me, id)
        except Refused as refused:
            if refused.status == 401:
                return RedirectResponse(LOGIN)
            text("p", refused, "problem")
            return None
        except GenRecError as error:
            head(me, "GenRec")
            text("p", error, "problem")
            return None
        head(me, id)
        await _panels(site, me, settings, names)
        return None


async def _panels(site: Site, me: Me, settings: Person, names: Names) -> None:
    person = settings.id
    with ui.tabs().props("no-caps align=left") as tabs:
        places, profile, where, when, data = (
            ui.tab(name) for name in ("Next places", "Profile", "Map", "Week", "Data")
        )
    with ui.tab_panels(tabs, value=places, animated=False, keep_alive=True).classes("full-width"):
        with ui.tab_panel(places):
            ranking = RankingPanel(me, settings, names)
        with ui.tab_panel(profile):
            shown = ProfileTab(me, person, names, ranking)
        with ui.tab_panel(where):
            on_map = MapPanel(site, me, person)
        with ui.tab_panel(when):
            week = WeekPanel(me, person)

        async def changed() -> None:
            await ranking.show()
            await shown.show()

        with ui.tab_panel(data):
            kept = DataPanel(me, settings, names, changed)

    async def answered(answer: Answer) -> None:
        await on_map.show(answer)
        await kept.show()

    ranking.shown = answered
    await changed()
    await week.show()


class ProfileTab:
    """The profile, what it was, and what a change of it does to the ranking."""

    def __init__(self, me: Me, person: str, names: Names, ranking: RankingPanel) -> None:
        self._ranking = ranking
        with box("div", "two even"):
            with box("section", aria_label="Profile"):
                text("h2", "Profile")
                self._profile = ProfilePanel(me, person, names, ranking.before, self._edited)
                WritingPanel(me, person, self.show)
                self._history = HistoryPanel(me, person, names, self.show)
            self._did = box("section", "first", aria_label="Ranking before and after")

    async def show(self) -> None:
        """Show what there is now."""
        await self._profile.show()
        await self._history.show()

    async def _edited(self, before: Answer | None) -> None:
        await self._history.show()
        after = await self._ranking.show()
        self._did.clear()
        if before is None or after is None:
            return
        with self._did:
            text("h2", "What this change did to the ranking")
            side_by_side(after, before)
        self._did.run_method("scrollIntoView", {"block": "nearest"})
