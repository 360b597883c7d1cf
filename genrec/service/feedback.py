"""What a person says of places."""

from fastapi import APIRouter, Response

from genrec.service.errors import referred
from genrec.service.models import AllFeedback, GivenFeedback, NewFeedback
from genrec.service.security import Own, ServiceOf
from genrec.store.records import Feedback, Id

routes = APIRouter(prefix="/v1/people/{person}/feedback", tags=["feedback"])


@routes.post("", status_code=201)
def add(person: Own, new: NewFeedback, service: ServiceOf) -> GivenFeedback:
    """Keep feedback; the same id twice is one. A place that is disliked or hidden is gone from the next answer."""
    service.store.person(person)
    one = Feedback(person=person, **new.model_dump())
    with referred():
        service.live.catalogue.poi(new.poi_id, person)
        kept = service.store.add_feedback(one)
    if not kept:
        one = next(kept for kept in service.store.feedback(person) if kept.id == one.id)
    return _shown(one)


@routes.get("")
def read(person: Own, service: ServiceOf) -> AllFeedback:
    """All that a person has said, in order."""
    return AllFeedback(feedback=[_shown(one) for one in service.store.feedback(person)])


@routes.delete("/{feedback_id:path}", status_code=204, response_class=Response)
def drop(person: Own, feedback_id: Id, service: ServiceOf) -> None:
    """Take feedback back."""
    service.store.drop_feedback(person, feedback_id)


def _shown(one: Feedback) -> GivenFeedback:
    return GivenFeedback(id=one.id, kind=one.kind, poi_id=one.poi_id, answer=one.answer, at=one.at)
