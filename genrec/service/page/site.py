"""What all parts of the page share: who looks at it, how something is asked of the service, how it looks."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request
from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement
from pydantic import ValidationError

from genrec.errors import GenRecError
from genrec.service.errors import note_failure
from genrec.service.fence import PAGE
from genrec.service.guard import Caller
from genrec.service.security import own
from genrec.service.state import Service
from genrec.store.protocol import UnavailableError
from genrec.validation import first_problem

AT, LOGIN, COOKIE = PAGE, "/login", "genrec_key"

Result = TypeVar("Result")
Named = TypeVar("Named", bound=ui.element)


@dataclass(frozen=True)
class Site:
    """The service that the page shows, and where maps get their background; None: nowhere."""

    service: Service
    tiles: str | None


@dataclass(frozen=True)
class Me:
    """Who looks at a page: what they ask is asked with their key."""

    service: Service
    key: str | None
    host: str

    @property
    def caller(self) -> Caller:
        """Whose key it is, now; raises Refused."""
        return self.service.guard.caller(self.key, self.host)

    def own(self, person: str) -> str:
        """The person, if they may ask about them; raises Refused."""
        return own(person, self.caller)


def me_of(site: Site, request: Request) -> Me:
    """Who has asked for a page."""
    return Me(site.service, request.cookies.get(COOKIE), request.client.host if request.client else "")


def text(tag: str, content: object, classes: str = "") -> TextElement:
    """Some text: what is in it is shown, never read as HTML."""
    return TextElement(tag=tag, text=str(content)).classes(classes)


def box(tag: str = "div", classes: str = "", **attributes: Any) -> ui.element:
    """An HTML element for others to be in."""
    return named(ui.element(tag).classes(classes), **attributes)


def named(element: Named, **attributes: Any) -> Named:
    """An element with HTML attributes (aria_label is aria-label); values may hold anything, and are not parsed."""
    for name, value in attributes.items():
        element.props[name.strip("_").replace("_", "-")] = value
    return element


def button(label: str, click: Callable[[], Any], about: str = "", *, main: bool = False) -> ui.button:
    """A button. `about`: what it is about, for who hears it out of its place."""
    made = ui.button(label, on_click=click, color=None).props("no-caps unelevated" if main else "no-caps outline dense")
    made.classes("main" if main else "other")
    return named(made, aria_label=f"{label}: {about}") if about else made


def entry(said: str, tag: str = "span", about: str = "") -> ui.element:
    """A line that says something; what is put into it stands at its end. `about`: seen over what it says."""
    line = box("div", "line")
    with line:
        told = text(tag, said)
    if about:
        named(told, title=about)
    return line


class Notice:
    """A place for what went wrong and what was done, which is read out as it changes."""

    def __init__(self) -> None:
        self._problem = named(text("p", "", "problem"), role="alert")
        self._said = named(text("p", "", "said"), role="status")

    def say(self, what: str) -> None:
        """What was done."""
        self._problem.set_text("")
        self._said.set_text(what)

    def problem(self, what: str) -> None:
        """What went wrong."""
        self._said.set_text("")
        self._problem.set_text(what)

    async def attempt(self, work: Callable[[], Result], busy: str = "") -> Result | None:
        """The result of work that is done beside the page; None if it failed, which is then said."""
        self.say(busy)
        try:
            result = await asyncio.to_thread(work)
        except UnavailableError as error:
            note_failure("the store", error)
            self.problem("the store cannot be used now; try again")
        except GenRecError as error:
            self.problem(str(error))
        except ValidationError as error:
            self.problem(first_problem(error))
        except Exception as error:  # a page goes on, and its log holds nothing that people wrote
            note_failure("something on the page", error)
            self.problem("something went wrong here; the log says where")
        else:
            self.say("")
            return result
        return None


def head(me: Me, title: str) -> None:
    """What stands above every page."""
    with box("nav", "bar top", aria_label="GenRec"):
        text("h1", title)
        with box("div", "bar"):
            link("Start", f"{AT}/")
            if me.key is None or me.caller.person is None:
                link("Operation", f"{AT}/operation")
            link("API", "/docs")
            if me.key is not None:
                with box("form", method="post", action="/logout"):
                    named(text("button", "Log out"), type="submit")


def link(label: str, to: str) -> None:
    """A link inside of this address."""
    named(text("a", label), href=to)
