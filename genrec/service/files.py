"""Check-ins from a file that somebody sends, with what its reader noted or could not read."""

import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from fastapi import APIRouter, File, Form, UploadFile

from genrec.errors import InputError
from genrec.reading.reader import read_checkins
from genrec.service.errors import Refused
from genrec.service.models import Taken
from genrec.service.security import Operator, ServiceOf
from genrec.service.state import Service
from genrec.store.records import Settings

routes = APIRouter(prefix="/v1/checkins", tags=["check-ins"])

LONGEST_NAME = 60


@routes.post("/file")
def upload(
    service: ServiceOf,
    _: Operator,
    file: Annotated[UploadFile, File(description="CSV, TSV, JSON or Parquet: who, where, when.")],
    consent: Annotated[bool, Form(description="Whether the people in it have agreed to profiles.")] = False,
) -> Taken:
    """Read a file of check-ins into the store; what is there already is not taken twice, nor who was erased.

    A fault of the file is a problem that names its row and column, and then nothing of it is taken.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder, safe_name(file.filename or ""))
        with path.open("wb") as there:
            shutil.copyfileobj(file.file, there)
        try:
            return take_file(service, path, consent=consent)
        except InputError as error:
            what = str(error).replace(f"{path.parent}/", "")
            raise Refused(400, what, row=error.row, column=error.column) from None


def safe_name(sent: str) -> str:
    """A name for a file that was sent; its ending says what it is."""
    return re.sub(r"[^\w. -]", "_", sent)[-LONGEST_NAME:].lstrip(". ") or "file.csv"


def take_file(service: Service, path: Path, *, consent: bool) -> Taken:
    """Put the check-ins of a file into the store; raises GenRecError for what cannot be read."""
    checkins = read_checkins(path)
    new = service.store.import_checkins(checkins, Settings(consent=consent))
    service.live.changed(places=True)
    notes = [*checkins.notes, *new.notes]
    return Taken(people=new.people, places=new.places, checkins=new.checkins, erased=new.erased, notes=notes)
