"""Check-ins from a file, with what its reader noted or could not read."""

import re
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from nicegui import ui
from nicegui.events import UploadEventArguments

from genrec.errors import GenRecError
from genrec.reading.reader import read_checkins
from genrec.service.fence import LARGEST_FILE
from genrec.service.page.site import AT, Me, Notice, box, link, text
from genrec.service.security import operator
from genrec.store.protocol import Imported
from genrec.store.records import Settings

LONGEST_NAME = 60
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
        name = re.sub(r"[^\w. -]", "_", event.file.name)[-LONGEST_NAME:].lstrip(". ") or "file.csv"
        self._came.clear()
        with TemporaryDirectory() as folder:
            path = Path(folder, name)
            await event.file.save(path)
            done = await self._notice.attempt(lambda: self._read(path), "Reading and counting ...")
        self._field.reset()
        if done is None:
            return
        notes, new = done
        self._notice.say(
            f"{name} is read. New in the store: {new.people:,} people, {new.places:,} places, "
            f"{new.checkins:,} check-ins."
        )
        with self._came:
            if notes:
                text("h3", "What the reader noted")
                with box("ul"):
                    for note in notes:
                        text("li", note)
            link("Show the people", f"{AT}/")

    def _refuse(self) -> None:
        self._notice.problem(f"The file is too large: at most {LARGEST_FILE >> 20:,} MB can be taken here.")

    def _read(self, path: Path) -> tuple[list[str], Imported]:
        operator(self._me.caller)
        service = self._me.service
        try:
            checkins = read_checkins(path)
        except GenRecError as error:
            raise GenRecError(str(error).replace(f"{path.parent}/", "")) from None
        new = service.store.import_checkins(checkins, Settings(consent=self._consent.value))
        service.live.changed(places=True)
        end = time.monotonic() + PATIENCE
        while service.live.waiting and time.monotonic() < end:  # so that rankings and profiles can follow at once
            time.sleep(0.05)
        return checkins.notes, new
