"""Where one starts: somebody is chosen, added, or read from a file."""

from urllib.parse import urlencode

from fastapi import Request, Response
from nicegui import ui
from starlette.responses import RedirectResponse

from genrec.service import people
from genrec.service.errors import Refused
from genrec.service.models import NewPerson
from genrec.service.page.site import AT, LOGIN, Me, Notice, Site, box, button, head, link, me_of, text
from genrec.service.page.upload import UploadPanel
from genrec.service.page.writing import WritingManyPanel
from genrec.service.security import operator
from genrec.store.records import Person, Settings

SHOWN = 100  # people of one page


def add(site: Site) -> None:
    """The page at the top."""

    @ui.page("/")
    def start(request: Request, after: str = "") -> Response | None:
        me = me_of(site, request)
        try:
            who = me.caller
        except Refused:
            return RedirectResponse(LOGIN)
        if who.person is not None:
            return RedirectResponse(address(who.person))
        head(me, "GenRec")
        _choose(me, after)
        UploadPanel(me)
        WritingManyPanel(me)
        _create(me)
        return None


def address(person: str) -> str:
    """Where somebody's page is."""
    return f"{AT}/person?{urlencode({'id': person})}"


def _choose(me: Me, after: str) -> None:
    text("h2", "People")
    page = people.list_people(me.service, operator(me.caller), after, SHOWN)
    with box("ul", "plain columns"):
        for person in page.people:
            with box("li"):
                link(person.id, address(person.id))
                if not person.consent:
                    text("span", " no consent", "quiet")
    if not page.people:
        text("p", "There is nobody yet. Add somebody, or a file of check-ins.")
    if page.next is not None:
        link("More people", f"{AT}/?{urlencode({'after': page.next})}")


def _create(me: Me) -> None:
    text("h2", "Add somebody")
    notice = Notice()

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
