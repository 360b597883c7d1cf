"""What people may ask of their data: all of it, and its end."""

import csv
import io
import json
import zipfile
from pathlib import Path

from fastapi import APIRouter, Response

from genrec.llm.adapter import read_adapter
from genrec.prepared import catalogue_hash
from genrec.rankers.trained import ANY
from genrec.service.models import Erased
from genrec.service.security import Own, ServiceOf
from genrec.service.state import Service
from genrec.store.records import Checkin, Record

routes = APIRouter(prefix="/v1/people/{person}", tags=["rights"])

KEPT = (
    "a salted hash of the id alone, so that a file which still holds the person does not bring them back; who adds the "
    "person again lifts that"
)
COLUMNS = ("id", "poi_id", "time", "utc_time")
FILES = {"person": "person", "place": "places", "profile": "profile_history", "answer": "answers",
         "feedback": "feedback"}  # fmt: skip


@routes.get("/export", response_class=Response, responses={200: {"content": {"application/zip": {}}}})
def export(person: Own, service: ServiceOf) -> Response:
    """Everything that is kept of a person, as one zip: check-ins, profile with history, feedback, answers, places."""
    records = list(service.store.records(person))
    latest = service.store.profile(person)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("checkins.csv", _csv([record for record in records if isinstance(record, Checkin)]))
        for kind, name in FILES.items():
            archive.writestr(f"{name}.jsonl", _lines([record for record in records if record.record == kind]))
        if latest is not None:
            archive.writestr("profile.json", json.dumps(json.loads(latest.text), indent=2, ensure_ascii=False))
    headers = {"Content-Disposition": 'attachment; filename="genrec-export.zip"'}
    return Response(content.getvalue(), media_type="application/zip", headers=headers)


@routes.delete("")
def erase(person: Own, service: ServiceOf) -> Erased:
    """Remove everything that is kept of a person; says which trained weights have seen them."""
    seen = _seen_by(service, person)
    try:
        service.store.erase(person)
    finally:  # it may be done, and only the files not be rewritten yet
        service.live.forget()
    return Erased(person=person, seen_by=seen, kept=KEPT)


def _csv(checkins: list[Checkin]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for visit in checkins:
        rows.writerow([visit.id, visit.poi_id, visit.time, visit.utc_time or ""])
    return text.getvalue()


def _lines(records: list[Record]) -> str:
    return "".join(record.model_dump_json() + "\n" for record in records)


def _seen_by(service: Service, person: str) -> list[str]:
    """The rankers and the adapter in use that were trained on data which may hold the person's visits."""
    visits = service.store.visits(person)
    counted = service.live.latest
    if not visits or counted is None:
        return []
    fusion, ours = counted.assistant.recommender.fusion, catalogue_hash(counted.assistant.checkins.pois)
    first, seen = visits[0].time, []
    settings = {} if fusion.ships else {"fusion": fusion.settings()} | fusion.settings()["rankers"]
    for name, said in settings.items():
        until = said.get("trained_on", {}).get("last")
        if until is not None and said["catalogue"] in {ANY, ours} and first.isoformat() <= until:
            seen.append(f"ranker {name} in {counted.rankers}, which has seen check-ins up to {until}")
    adapter = service.models.adapter
    if adapter is not None and Path(adapter).is_dir() and read_adapter(Path(adapter)).catalogue in {ANY, ours}:
        seen.append(f"adapter {Path(adapter).name}, if it was trained on these check-ins")
    return seen
