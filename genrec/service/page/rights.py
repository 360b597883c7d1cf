"""What people may do with what is kept of them: agree to profiles or not, take it all along, end it."""

from collections.abc import Awaitable, Callable
from functools import partial

from nicegui import ui

from genrec.service import feedback, people, rights
from genrec.service.models import AllFeedback, ChangedSettings
from genrec.service.page.naming import Names
from genrec.service.page.site import AT, Me, Notice, box, button, entry, link, named, text
from genrec.store.records import Person

Answered = Callable[[], object]
SAID = {"visited": "was there", "dislike": "not for me", "hide": "hidden"}
KEEPS = "Everything that is kept: check-ins, the profile with its history, answers, feedback, places."


class DataPanel:
    """Consent, feedback, export, erasure; `changed` is called when answers may be others now."""

    def __init__(self, me: Me, settings: Person, names: Names, changed: Callable[[], Awaitable[None]]) -> None:
        self._me, self._person, self._names, self._changed = me, settings.id, names, changed
        text("h2", "Consent")
        self._consent = ui.switch("Profiles may be written and used", value=settings.consent, on_change=self._turn)
        text("p", "Without consent there is no profile, and rankings use nothing of this person.", "quiet")
        self._withdrawing = _Question(
            "Withdraw consent?",
            ["The profile is removed with its history. Check-ins and feedback stay."],
            "Withdraw",
            lambda: self._agree(False),
            lambda: self._consent.set_value(True),
        )
        self._notice = Notice()
        text("h2", "Feedback")
        self._list = box("ul", "plain")
        text("h2", "Export")
        text("p", f"{KEEPS} As one zip file.")
        with box("div", "bar"):
            button("Export", self._export)
        text("h2", "Erase")
        text("p", f"{KEEPS} It is removed for good.")
        with box("div", "bar"):
            button("Erase ...", lambda: erasing.open(), settings.id)  # noqa: PLW0108 - it is made below
        erasing = _Question(
            f"Erase {settings.id}?",
            [
                f"{KEEPS} All of it is removed from the database and its files, and cannot be brought back.",
                "Backups are not reached. Afterwards it is said which trained weights have seen this person.",
            ],
            "Erase for good",
            self._erase,
        )

    async def show(self) -> None:
        """Show the feedback that there is now."""
        me = self._me
        given = await self._notice.attempt(lambda: feedback.read(me.own(self._person), me.service))
        if given is not None:
            self._show(given)

    def _show(self, given: AllFeedback) -> None:
        self._list.clear()
        with self._list:
            for one in given.feedback:
                name = self._names.of(one.poi_id)
                with box("li"), entry(f"{name}: {SAID[one.kind]}, {one.at:%Y-%m-%d %H:%M} UTC", about=one.poi_id):
                    button("Take back", partial(self._take_back, one.id), name)
            if not given.feedback:
                text("li", "Nothing was said of places yet.")

    async def _take_back(self, id_: str) -> None:
        me = self._me
        await self._notice.attempt(lambda: feedback.drop(me.own(self._person), id_, me.service))
        await self._changed()

    async def _turn(self) -> None:
        if self._consent.value:
            await self._agree(True)
        else:
            self._withdrawing.open()

    async def _agree(self, consent: bool) -> None:
        me = self._me
        new = ChangedSettings(consent=consent)
        await self._notice.attempt(lambda: people.change(me.own(self._person), new, me.service))
        await self._changed()

    async def _export(self) -> None:
        me = self._me
        made = await self._notice.attempt(lambda: rights.export(me.own(self._person), me.service))
        if made is not None:
            ui.download.content(bytes(made.body), "genrec-export.zip", "application/zip")

    async def _erase(self) -> None:
        me = self._me
        page = self._list.client.content
        erased = await self._notice.attempt(lambda: rights.erase(me.own(self._person), me.service), "Erasing ...")
        if erased is None:
            return
        page.clear()
        with page:
            named(text("h1", f"{erased.person} is erased"), tabindex="-1")
            if erased.seen_by:
                text("p", "These were trained on data that may hold their visits; train them again:")
                with box("ul"):
                    for seen in erased.seen_by:
                        text("li", seen)
            else:
                text("p", "No trained weights in use here have seen them.")
            text("p", f"What stays: {erased.kept}.")
            link("Start", f"{AT}/")


class _Question:
    """A question that must be answered before something is lost; it stands where it is asked."""

    def __init__(
        self,
        title: str,
        lines: list[str],
        label: str,
        yes: Callable[[], object],
        no: Callable[[], object] | None = None,
    ) -> None:
        self._box = box("section", "question", role="alertdialog", tabindex=-1, aria_label=title)
        self._box.set_visibility(False)
        with self._box:
            text("h3", title)
            for line in lines:
                text("p", line)
            with box("div", "bar"):
                button("Cancel", lambda: self._chosen(no))
                button(label, lambda: self._chosen(yes), main=True)

    def open(self) -> None:
        """Ask."""
        self._box.set_visibility(True)
        self._box.run_method("focus")

    async def _chosen(self, what: Answered | None) -> None:
        self._box.set_visibility(False)
        done = what() if what else None
        if isinstance(done, Awaitable):
            await done
