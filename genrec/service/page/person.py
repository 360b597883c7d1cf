"""Somebody's page: where they may go next, and all that is kept of them."""

from fastapi import Request, Response
from nicegui import ui
from starlette.responses import RedirectResponse

from genrec.errors import GenRecError
from genrec.service import people
from genrec.service.errors import Refused
from genrec.service.page.ranking import RankingPanel
from genrec.service.page.site import LOGIN, Me, Site, head, me_of, text


def add(site: Site) -> None:
    """The page of one person."""

    @ui.page("/person")
    async def show(request: Request, id: str) -> Response | None:  # noqa: A002 - its name in the address
        me = me_of(site, request)
        try:
            people.read(me.own(id), me.service)
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
        await _panels(site, me, id)
        return None


async def _panels(site: Site, me: Me, person: str) -> None:
    with ui.tabs().props("no-caps align=left outside-arrows mobile-arrows") as tabs:
        places = ui.tab("Next places")
    with ui.tab_panels(tabs, value=places, animated=False).classes("full-width"), ui.tab_panel(places):
        places_panel = RankingPanel(me, person)
    await places_panel.show()
