"""Profiles: read, edited, written, and how they came about."""

import re
from typing import Annotated

from fastapi import APIRouter, Header, Response
from pydantic import AfterValidator, ValidationError

from genrec.profiles.changes import changes
from genrec.profiles.editing import Sheet, sheet_of, with_sheet
from genrec.service import jobs
from genrec.service.errors import Refused, referred
from genrec.service.guard import Caller
from genrec.service.models import Change, History, Job, ProfileVersion, Revert, Writing, WritingMany
from genrec.service.security import Anybody, Operator, Own, ServiceOf
from genrec.service.state import Service
from genrec.service.writing import By, may_be_written, write_profile
from genrec.store.protocol import MissingError
from genrec.store.records import Version
from genrec.validation import first_problem

routes = APIRouter(prefix="/v1", tags=["profiles"])

ETAG = r'^(W/)?"?[0-9]{1,18}"?$'


def _etag(text: str) -> str:
    if not re.match(ETAG, text, re.ASCII):
        raise ValueError('must be the ETag of a version of the profile, such as "3"')
    return text


IfMatch = Annotated[
    str,
    Header(
        description='The ETag of the version that the change was made from, such as "3".',
        json_schema_extra={"pattern": ETAG},
    ),
    AfterValidator(_etag),
]


@routes.get("/people/{person}/profile")
def read(person: Own, service: ServiceOf, response: Response) -> ProfileVersion:
    """A person's latest profile, with the evidence of each sentence."""
    return _shown(_latest(service, person), response)


@routes.put("/people/{person}/profile")
def edit(
    person: Own, new: Sheet, service: ServiceOf, who: Anybody, response: Response, if_match: IfMatch
) -> ProfileVersion:
    """Change sentences and guesses; 412 if somebody has changed them since the version named by If-Match."""
    base, latest = _base(if_match), _latest(service, person)
    old = latest
    if base != latest.number:  # whoever edits an older one is told so by the store
        old = next((one for one in service.store.history(person) if one.number == base), latest)
    try:
        profile = with_sheet(old.profile, new)
    except ValidationError as error:
        raise Refused(400, first_problem(error)) from None
    return _shown(service.store.save_profile(profile, by=_name(who, person), base=base), response)


@routes.delete("/people/{person}/profile", status_code=204, response_class=Response)
def drop(person: Own, service: ServiceOf) -> None:
    """Remove a profile with its history."""
    service.store.drop_profile(person)


@routes.get("/people/{person}/profile/history")
def history(person: Own, service: ServiceOf) -> History:
    """Who changed what, and when."""
    versions = service.store.history(person)
    before = [None, *(version.profile for version in versions)]
    return History(
        versions=[
            Change(
                number=version.number, at=version.at, by=version.by, reverts=version.reverts,
                changes=changes(old, version.profile),
            )
            for old, version in zip(before, versions, strict=False)
        ]
    )  # fmt: skip


@routes.get("/people/{person}/profile/history/{number}")
def read_version(person: Own, number: int, service: ServiceOf, response: Response) -> ProfileVersion:
    """One version."""
    for version in service.store.history(person):
        if version.number == number:
            return _shown(version, response)
    raise MissingError(f"the profile of {person!r} has no version {number}")


@routes.post("/people/{person}/profile/revert")
def revert(
    person: Own, wanted: Revert, service: ServiceOf, who: Anybody, response: Response, if_match: IfMatch
) -> ProfileVersion:
    """Make an earlier version the latest again."""
    service.store.person(person)
    with referred():
        made = service.store.revert(person, wanted.number, by=_name(who, person), base=_base(if_match))
    return _shown(made, response)


@routes.post("/people/{person}/profile/write", status_code=202)
def write(person: Own, how: Writing, service: ServiceOf, response: Response) -> Job:
    """Write a profile from the visits, in the background; sentences that the person has put in stay."""
    may_be_written(service.store, person)
    return _started(service, [person], how.by, response)


@routes.post("/profiles/write", status_code=202)
def write_many(how: WritingMany, service: ServiceOf, _: Operator, response: Response) -> Job:
    """Write the profiles of many people, in the background."""
    return _started(service, _wanting(service) if how.people is None else how.people, how.by, response)


@routes.get("/jobs/{job}")
def progress(job: str, service: ServiceOf, who: Anybody) -> Job:
    """How far the writing of profiles is."""
    found = service.queue.job(job)
    if who.person is not None and found.person != who.person:
        raise Refused(404, "there is no such job")
    return _job(found)


def _started(service: Service, people: list[str], by: By, response: Response) -> Job:
    def step(person: str) -> Version:
        return write_profile(service.store, service.live.counted.assistant, person, by)

    job = service.queue.start(
        [lambda person=person: step(person) for person in people],  # type: ignore[misc]
        people[0] if len(people) == 1 else None,
        by_model=by == "llm",
    )
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return _job(job)


def _wanting(service: Service) -> list[str]:
    """Who has agreed to a profile and has none."""
    have, wanting, after = {version.person for version in service.store.profiles()}, [], ""
    while page := service.store.people(after=after, limit=1000):
        wanting += [person.id for person in page if person.consent and person.id not in have]
        after = page[-1].id
    return wanting


def _job(job: jobs.Job) -> Job:
    return Job(
        id=job.id, state=job.state, total=job.total, done=job.done, failed=job.failed, problem=job.problem
    )  # fmt: skip


def _latest(service: Service, person: str) -> Version:
    version = service.store.profile(person)
    if version is None:
        raise MissingError(f"there is no profile of {person!r}: write one first")
    return version


def _base(if_match: str) -> int:
    return int(if_match.removeprefix("W/").strip('"'))


def _name(who: Caller, person: str) -> str:
    """Whom a change is by: the person, or an operator for them."""
    return person if who.person is not None else "operator"


def _shown(version: Version, response: Response) -> ProfileVersion:
    response.headers["ETag"] = f'"{version.number}"'
    profile = version.profile
    return ProfileVersion(
        number=version.number, at=version.at, by=version.by, reverts=version.reverts, profile=profile,
        sheet=sheet_of(profile),
    )  # fmt: skip
