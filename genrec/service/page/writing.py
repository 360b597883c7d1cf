"""Profiles being written, with how far that is."""

from collections.abc import Awaitable, Callable

from fastapi import Response
from nicegui import ui

from genrec.service import profiles
from genrec.service.models import Job, Writing, WritingMany
from genrec.service.page.site import Me, Notice, box, button, named, text
from genrec.service.security import operator

Changed = Callable[[], Awaitable[None]]
EVERY = 0.5  # seconds: how often one looks how far it is


class _Progress:
    """Starts a job and follows it; `changed` is called at its end."""

    def __init__(self, me: Me, changed: Changed) -> None:
        self._me, self._changed = me, changed
        self._bar = named(box("progress"), aria_label="Profiles written", max=1)
        self._bar.set_visibility(False)
        self._notice = Notice()
        self._timer = ui.timer(EVERY, self._look, active=False)
        self._job = ""

    async def start(self, begin: Callable[[], Job]) -> None:
        """Start a job."""
        job = await self._notice.attempt(begin)
        if job is not None:
            self._job = job.id
            self._bar.set_visibility(True)
            self._timer.activate()
            self._show(job)

    async def _look(self) -> None:
        job = await self._notice.attempt(lambda: profiles.progress(self._job, self._me.service, self._me.caller))
        if job is None or job.state in {"done", "failed"}:
            self._timer.deactivate()
            self._bar.set_visibility(False)
        if job is None:
            return
        self._show(job)
        if job.state in {"done", "failed"}:
            await self._changed()

    def _show(self, job: Job) -> None:
        named(self._bar, max=job.total or 1, value=job.done + job.failed)
        said = f"{job.done} of {job.total} profiles written"
        if job.failed:
            self._notice.problem(f"{said}, {job.failed} failed: {job.problem}")
        else:
            self._notice.say(f"{said}.")


class WritingPanel:
    """Lets somebody's profile be written."""

    def __init__(self, me: Me, person: str, changed: Changed) -> None:
        self._me, self._person = me, person
        text("h3", "Write it from the visits")
        with box("div", "bar"):
            button("Write a profile by templates, at once", lambda: self._write(Writing(by="habits")))
            button("Write a profile by the language model", lambda: self._write(Writing(by="llm")))
        text("p", "Sentences that were put in by hand stay.", "quiet")
        self._progress = _Progress(me, changed)

    async def _write(self, how: Writing) -> None:
        me = self._me
        await self._progress.start(lambda: profiles.write(me.own(self._person), how, me.service, Response()))


class WritingManyPanel:
    """Lets the profiles of all who want one be written."""

    def __init__(self, me: Me) -> None:
        self._me = me
        text("h2", "Write profiles")
        text("p", "Of everybody who has agreed to one and has none.")
        with box("div", "bar"):
            button("Write them by templates, at once", lambda: self._write(WritingMany(by="habits")))
            button("Write them by the language model", lambda: self._write(WritingMany(by="llm")))
        self._progress = _Progress(me, _nothing)

    async def _write(self, how: WritingMany) -> None:
        me = self._me
        await self._progress.start(lambda: profiles.write_many(how, me.service, operator(me.caller), Response()))


async def _nothing() -> None:
    pass
