"""Problems as responses (RFC 9457), and what is wrong with a request that is not as its route describes."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from genrec.validation import what_is_wrong

MEDIA = "application/problem+json"
MOST_SHOWN = 10  # faults of one request
SHOWN = 400  # characters of what is wrong
JSON = "Content-Type: application/json"


class Fault(BaseModel):
    """One thing that is wrong with a request, and where."""

    where: str
    what: str


class Problem(BaseModel):
    """What is wrong, in one line; some problems say more."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="Of a problem that a program may want to tell from others of its status.")
    title: str
    status: int
    detail: str = Field(description="What is wrong, where, and how to mend it.")
    errors: list[Fault] | None = Field(default=None, description="All that is wrong with what was sent.")


def problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None, kind: str = "about:blank", **more: Any
) -> JSONResponse:
    """A problem as a response; `kind` names one that a program may want to tell from others of its status."""
    body = {"type": kind, "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return JSONResponse(jsonable_encoder(body), status, headers, MEDIA)


def not_understood(request: Request, error: RequestValidationError) -> JSONResponse:
    """What is wrong with a request, said of its first fault, with all of them as data."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return problem(
            400, f"the body is not JSON: {first['ctx']['error']} at {_position(error.body, first['loc'][1])}"
        )
    if first["loc"] == ("body",) and first["type"] != "missing" and not _is_json(request):
        return problem(415, f"the body must be JSON, and be sent as such, with the header {JSON}")
    if first["loc"] == ("header", "if-match") and first["type"] == "missing":
        return problem(428, "say with If-Match which version was changed: the ETag of the profile as it was read")
    faults = [_fault(fault) for fault in error.errors()[:MOST_SHOWN]]
    detail = f"{faults[0].where}: {faults[0].what}"[:SHOWN]
    others = len(error.errors()) - 1
    return problem(422, detail + f" (and {others} more, see `errors`)" * bool(others), errors=faults)


def _fault(fault: Mapping[str, Any]) -> Fault:
    source, *loc = fault["loc"]
    where = _place(loc)
    if source != "body":
        where = f"{where} (of the {source})"
    elif not loc:
        return Fault(where="the body", what=f"is missing: send JSON, with the header {JSON}"
                     if fault["type"] == "missing" else "must be a JSON object, such as {\"k\": 3}")  # fmt: skip
    return Fault(where=where[:SHOWN], what=what_is_wrong(fault))


def _place(loc: Sequence[str | int]) -> str:
    """Where in a document something is, such as `checkins[0].time`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return "".join(parts).removeprefix(".")


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _position(body: Any, offset: Any) -> str:
    """Where in a text a character is, as editors count."""
    before = str(body)[: int(offset)]
    return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"
