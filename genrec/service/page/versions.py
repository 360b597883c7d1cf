"""How a profile is written, and what it was before."""

from collections.abc import Awaitable, Callable
from functools import partial

from fastapi import Response
from nicegui import ui

from genrec.service import profiles
from genrec.service.models import History, Job, ProfileVersion, Revert, Writing
from genrec.service.page.profile import change_list
from genrec.service.page.site import Me, Notice, box, button, named, text

Changed = Callable[[], Awaitable[None]]
EVERY = 0.5  # seconds: how often one looks how far the writing is


class WritingPanel:
    """Lets a profile be written, and shows how far that is; `changed` is called at its end."""

    def __init__(self, me: Me, person: str, changed: Changed) -> None:
        self._me, self._person, self._changed = me, person, changed
        with box("div", "bar"):
            button("Write a profile by templates, at once", lambda: self._write("habits"))
            button("Write a profile by the language model", lambda: self._write("llm"))
            self._bar = named(box("progress"), aria_label="Writing a profile")
            self._bar.set_visibility(False)
        text("p", "Sentences that were put in by hand stay.", "quiet")
        self._notice = Notice()
        self._timer: ui.timer | None = None

    async def _write(self, by: str) -> None:
        def work() -> Job:
            how = Writing.model_validate({"by": by})
            return profiles.write(self._me.own(self._person), how, self._me.service, Response())

        job = await self._notice.attempt(work)
        if job is not None and self._timer is None:
            self._bar.set_visibility(True)
            self._notice.say("The profile is being written.")
            with self._bar.parent_slot.parent:  # type: ignore[union-attr]
                self._timer = ui.timer(EVERY, lambda: self._look(job.id))

    async def _look(self, id_: str) -> None:
        job = profiles.progress(id_, self._me.service, self._me.caller)
        if job.state in {"queued", "running"}:
            return
        if self._timer is not None:
            self._timer.deactivate()
            self._timer = None
        self._bar.set_visibility(False)
        if job.state == "failed":
            self._notice.problem(f"Not written: {job.problem}")
            return
        await self._changed()
        self._notice.say("The profile is written.")


class HistoryPanel:
    """All versions, the latest first; `changed` is called when one is brought back."""

    def __init__(self, me: Me, person: str, changed: Changed) -> None:
        self._me, self._person, self._changed = me, person, changed
        with box("details"):
            text("summary", "History")
            self._notice = Notice()
            self._list = box("ul", "plain")

    async def show(self) -> None:
        """Show what there is now."""
        me = self._me
        history = await self._notice.attempt(lambda: profiles.history(me.own(self._person), me.service))
        if history is not None:
            self._show(history)

    def _show(self, history: History) -> None:
        self._list.clear()
        if not history.versions:
            return
        latest = history.versions[-1]
        with self._list:
            for version in reversed(history.versions):
                with box("li"):
                    back = f", brings back version {version.reverts}" if version.reverts else ""
                    said = f"Version {version.number}, by {version.by}, {version.at:%Y-%m-%d %H:%M} UTC{back}"
                    with box("div", "line"):
                        text("strong", said)
                        if version is not latest:
                            button("Bring back", partial(self._revert, version.number, latest.number), said)
                    change_list(version.changes)

    async def _revert(self, number: int, base: int) -> None:
        me = self._me

        def work() -> ProfileVersion:
            return profiles.revert(
                me.own(self._person), Revert(number=number), me.service, me.caller, Response(), f'"{base}"'
            )

        if await self._notice.attempt(work) is not None:
            await self._changed()
