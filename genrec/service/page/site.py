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

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1c1c1c; background: #fff; }
.nicegui-content { max-width: 72rem; margin: auto; padding: 0 1rem 3rem; gap: .75rem; align-items: stretch; }
h1 { font-size: 1.5rem; line-height: 1.3; margin: 0; font-weight: 600; }
h2 { font-size: 1.15rem; line-height: 1.4; margin: 1rem 0 .25rem; font-weight: 600; }
h3 { font-size: 1rem; line-height: 1.4; margin: .75rem 0 .25rem; font-weight: 600; }
p { margin: 0; }
h1, h2, h3, p, li, td, th, summary { overflow-wrap: anywhere; }
.quiet { color: #555; font-size: .9rem; }
.problem { color: #a30000; }
.problem:empty, .said:empty { display: none; }
.bar { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; margin: .25rem 0; }
.bar.top { padding: .6rem 0; border-bottom: 1px solid #bbb; justify-content: space-between; margin: 0; }
.bar > .grow { flex: 1 1 16rem; min-width: 0; }
.two { display: grid; gap: 1rem 2rem; grid-template-columns: minmax(0, 1fr); }
@media (min-width: 60rem) { .two { grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); } }
@media (min-width: 60rem) { .two.even { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); } }
@media (max-width: 60rem) { .first { order: -1; } }
.beside { display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
ol.places, ul.plain { list-style: none; margin: 0; padding: 0; }
ol.places > li, ul.plain > li { border-bottom: 1px solid #ddd; padding: .5rem 0; }
ul.columns { columns: 9rem; }
.line { display: flex; justify-content: space-between; align-items: flex-start; gap: 1rem; }
.line > :last-child { white-space: nowrap; flex: none; }
summary { cursor: pointer; display: list-item; }
:is(summary, a, input[type=range], .q-btn):focus-visible { outline: 3px solid #14508c; outline-offset: 2px; }
a { color: #14508c; }
table { border-collapse: collapse; }
caption { text-align: left; font-weight: 600; padding-top: .5rem; }
th, td { padding: .15rem .5rem; text-align: left; }
table.wide { width: 100%; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.track { background: #e4e4e4; height: .7rem; min-width: 4rem; }
.track > div { background: #14508c; height: 100%; }
table.week { font-size: .85rem; }
table.week td, table.week th { text-align: center; padding: .1rem; min-width: 2.4rem; border: 1px solid #fff; }
.answers { display: grid; gap: 0 1rem; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); }
.question { border: 2px solid #a30000; padding: .5rem 1rem; max-width: 40rem; }
.scroll { overflow-x: auto; max-width: 100%; }
.map { height: 26rem; max-height: 70vh; background: #f4f4f4; border: 1px solid #bbb; z-index: 0; }
.leaflet-tooltip.rank { background: none; border: 0; box-shadow: none; color: #fff; font-weight: 600; padding: 0; }
.q-btn, .q-tab { text-transform: none; }
.q-tab { min-width: 0; padding: 0 .6rem; }
.q-field { width: 100%; }
.q-tab-panel { padding: .5rem 0; gap: .5rem; align-items: stretch; }
.q-tab-panels { background: transparent; }
#q-loading-bar { display: none; }
"""

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
    made.style("background:#14508c;color:#fff" if main else "color:#14508c;padding:0 .6rem")
    return named(made, aria_label=f"{label}: {about}") if about else made


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
