"""What a profile was before."""

from collections.abc import Awaitable, Callable
from functools import partial

from fastapi import Response

from genrec.service import profiles
from genrec.service.models import History, ProfileVersion, Revert
from genrec.service.page.naming import Names
from genrec.service.page.profile import author, change_list
from genrec.service.page.site import Me, Notice, box, button, entry, text

Changed = Callable[[], Awaitable[None]]


class HistoryPanel:
    """All versions, the latest first; `changed` is called when one is brought back."""

    def __init__(self, me: Me, person: str, names: Names, changed: Changed) -> None:
        self._me, self._person, self._names, self._changed = me, person, names, changed
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
                back = f", brings back version {version.reverts}" if version.reverts else ""
                said = f"Version {version.number}, by {author(version.by)}, {version.at:%Y-%m-%d %H:%M} UTC{back}"
                with box("li"):
                    with entry(said, "strong"):
                        if version is not latest:
                            button("Bring back", partial(self._revert, version.number, latest.number), said)
                    change_list(version.changes, self._names)

    async def _revert(self, number: int, base: int) -> None:
        me = self._me

        def work() -> ProfileVersion:
            return profiles.revert(
                me.own(self._person), Revert(number=number), me.service, me.caller, Response(), f'"{base}"'
            )

        if await self._notice.attempt(work) is not None:
            await self._changed()
