"""Check-ins from a file, with what its reader noted or could not read."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from nicegui import ui
from nicegui.events import UploadEventArguments

from genrec.errors import GenRecError
from genrec.service.fence import LARGEST_FILE
from genrec.service.files import safe_name, take_file
from genrec.service.models import Taken
from genrec.service.page.site import AT, Me, Notice, box, link, text
from genrec.service.security import operator

PATIENCE = 60.0  # seconds


class UploadPanel:
    """Takes a file, and says what came of it."""

    def __init__(self, me: Me) -> None:
        self._me = me
        text("h2", "Read a file of check-ins")
        text("p", "CSV, TSV, JSON or Parquet: who, where, when. What is in the store already is not taken twice.")
        self._consent = ui.checkbox("The people in it have agreed to profiles")
        text("p", "Without that, nothing of new people is used: everybody gets the most popular places.", "quiet")
        self._field = ui.upload(
            auto_upload=True, max_file_size=LARGEST_FILE, on_upload=self._take,
            on_rejected=self._refuse,
        ).style("display:none")  # fmt: skip
        with box("div", "bar"):  # its own look has parts that cannot be named to who does not see them
            choose = ui.button("Choose a file ...", color=None).props("no-caps outline").classes("other")
            choose.on("click", js_handler=f"() => getElement({self._field.id}).$refs.qRef.pickFiles()")
        self._notice = Notice()
        self._came = box("div")

    async def _take(self, event: UploadEventArguments) -> None:
        name = safe_name(event.file.name)
        self._came.clear()
        with TemporaryDirectory() as folder:
            path = Path(folder, name)
            await event.file.save(path)
            done = await self._notice.attempt(lambda: self._read(path), "Reading and counting ...")
        self._field.reset()
        if done is None:
            return
        self._notice.say(
            f"{name} is read. New in the store: {done.people:,} people, {done.places:,} places, "
            f"{done.checkins:,} check-ins."
        )
        with self._came:
            if done.erased:
                text("p", f"Left out: {done.erased:,} people who were erased here.")
            if done.notes:
                text("h3", "What the reader noted")
                with box("ul"):
                    for note in done.notes:
                        text("li", note)
            link("Show the people", f"{AT}/")

    def _refuse(self) -> None:
        self._notice.problem(f"The file is too large: at most {LARGEST_FILE >> 20:,} MB can be taken here.")

    def _read(self, path: Path) -> Taken:
        operator(self._me.caller)
        service = self._me.service
        try:
            taken = take_file(service, path, consent=self._consent.value)
        except GenRecError as error:
            raise GenRecError(str(error).replace(f"{path.parent}/", "")) from None
        end = time.monotonic() + PATIENCE
        while service.live.waiting and time.monotonic() < end:  # so that rankings and profiles can follow at once
            time.sleep(0.05)
        return taken
