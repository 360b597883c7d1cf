"""Where one starts: somebody is chosen, added, or read from a file."""

from urllib.parse import urlencode

from fastapi import Request, Response
from nicegui import ui
from starlette.responses import RedirectResponse

from genrec.service import people
from genrec.service.errors import Refused
from genrec.service.models import NewPerson
from genrec.service.page.site import AT, LOGIN, Me, Notice, Site, box, button, head, link, me_of, named, text
from genrec.service.page.upload import UploadPanel
from genrec.service.page.writing import WritingManyPanel
from genrec.service.security import operator
from genrec.store.records import LONGEST_ID, Person, Settings

SHOWN = 100  # people of one page


def add(site: Site) -> None:
    """The page at the top."""

    @ui.page("/")
    def start(request: Request, after: str = "", search: str = "") -> Response | None:
        me = me_of(site, request)
        try:
            who = me.caller
        except Refused:
            return RedirectResponse(LOGIN)
        if who.person is not None:
            return RedirectResponse(address(who.person))
        head(me, "GenRec")
        _choose(me, *(said.replace("\0", "")[:LONGEST_ID] for said in (after, search)))
        UploadPanel(me)
        WritingManyPanel(me)
        _create(me)
        return None


def address(person: str) -> str:
    """Where somebody's page is."""
    return f"{AT}/person?{urlencode({'id': person})}"


def _choose(me: Me, after: str, search: str) -> None:
    text("h2", "People")
    page = people.list_people(me.service, operator(me.caller), after, SHOWN, search)
    if page.people or search or after:
        with box("form", "bar", method="get", action=f"{AT}/", role="search"):
            named(text("label", "A part of the id"), for_="search")
            box("input", "plain", type="search", name="search", id="search", value=search, maxlength=LONGEST_ID)
            named(text("button", "Find", "plain"), type="submit")
    with box("ul", "plain columns"):
        for person in page.people:
            with box("li"):
                link(person.id, address(person.id))
                if not person.consent:
                    text("span", " no consent", "quiet")
    if not page.people:
        nobody = "There is nobody yet. Read a file of check-ins, or add somebody."
        text("p", f"Nobody's id has “{search}” in it." if search else "Nobody else." if after else nobody)
    with box("nav", "bar", aria_label="Pages of people"):
        if after or search:
            link("All people", f"{AT}/")
        if page.next is not None:
            link("More people", f"{AT}/?{urlencode({'search': search, 'after': page.next})}")


def _create(me: Me) -> None:
    text("h2", "Add somebody")

    async def create() -> None:
        def work() -> Person:
            new = NewPerson(id=id_.value or None, settings=Settings(consent=consent.value))
            return people.create(new, Response(), me.service, operator(me.caller))

        made = await notice.attempt(work)
        if made is not None:
            ui.navigate.to(address(made.id).removeprefix(AT))

    with box("div", "bar"):
        with box("div", "grow"):
            id_ = ui.input("Their id (left empty, one is made up)")
        consent = ui.checkbox("They agree to a profile")
        button("Add", create, main=True)
    id_.on("keydown.enter", create)
    notice = Notice()
