"""Every failure as a problem in one form (RFC 9457): what is wrong, in one line, and nothing of the inside."""

import logging
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from genrec.errors import GenRecError
from genrec.store.protocol import ConflictError, ConsentError, MissingError, StaleError, UnavailableError

MEDIA = "application/problem+json"
MOST_SHOWN = 10  # faults of one request
SHOWN = 400  # characters of what is wrong
RESPONSES: dict[int | str, dict[str, Any]] = {"default": {"description": "A problem.", "content": {MEDIA: {}}}}
log = logging.getLogger("genrec.service")

_STATUS: dict[type[GenRecError], int] = {
    MissingError: 404,
    ConflictError: 409,
    ConsentError: 403,
    StaleError: 412,
    UnavailableError: 503,
}


class Refused(GenRecError):  # noqa: N818 - it is not always an error: try again later
    """A request that is not answered; `wait` is after how many seconds to try again."""

    def __init__(self, status: int, detail: str, *, wait: int | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.more = status, more
        self.headers = {} if wait is None else {"Retry-After": str(wait)}
        if status == 401:
            self.headers["WWW-Authenticate"] = "Bearer"


def problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None, kind: str = "about:blank", **more: Any
) -> JSONResponse:
    """A problem as a response; `kind` names one that a program may want to tell from others of its status."""
    body = {"type": kind, "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return JSONResponse(jsonable_encoder(body), status, headers, MEDIA)


def unforeseen(error: Exception) -> JSONResponse:
    """A failure of the program, of which the sender is told nothing."""
    note_failure("a request", error)
    return problem(500, "something went wrong here; the log says where")


def note_failure(what: str, error: BaseException) -> None:
    """Log what failed and where, but no value: one might be somebody's text."""
    if isinstance(error, GenRecError):
        log.error("%s failed: %s", what, error)
        return
    frames = reversed(traceback.extract_tb(error.__traceback__))
    where = " < ".join(f"{frame.filename}:{frame.lineno}" for frame in frames)
    log.error("%s failed: %s at %s", what, type(error).__name__, where)


def handle(app: FastAPI) -> None:
    """Let all failures of an app be problems."""

    @app.exception_handler(GenRecError)
    def of_genrec(_: Request, error: GenRecError) -> JSONResponse:
        if isinstance(error, Refused):
            return problem(error.status, str(error), error.headers, **error.more)
        status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 400)
        if isinstance(error, StaleError):
            current = error.current.number if error.current else None
            return problem(status, str(error), kind="urn:genrec:stale", current=current)
        if isinstance(error, UnavailableError):
            note_failure("the store", error)
            return problem(status, "the store cannot be used now; try again", {"Retry-After": "2"})
        return problem(status, str(error))

    @app.exception_handler(RequestValidationError)
    def of_validation(_: Request, error: RequestValidationError) -> JSONResponse:
        faults = [
            {"where": ".".join(map(str, fault["loc"]))[:SHOWN], "what": fault["msg"].removeprefix("Value error, ")}
            for fault in error.errors()[:MOST_SHOWN]
        ]
        first = f"{faults[0]['where']}: {faults[0]['what']}"[:SHOWN] if faults else "the request is not understood"
        return problem(422, first, errors=faults)

    @app.exception_handler(HTTPException)
    def of_http(_: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, str(error.detail), error.headers)
