"""What a person says of places."""

from fastapi import APIRouter, Response

from genrec.service.models import AllFeedback, GivenFeedback, NewFeedback
from genrec.service.security import Own, ServiceOf
from genrec.store.records import Feedback, Id

routes = APIRouter(prefix="/v1/people/{person}/feedback", tags=["feedback"])


@routes.post("", status_code=201)
def add(person: Own, new: NewFeedback, service: ServiceOf) -> GivenFeedback:
    """Keep feedback; the same id twice is one. A place that is disliked or hidden is gone from the next answer."""
    service.live.catalogue.poi(new.place, person)
    one = Feedback(person=person, id=new.id, kind=new.kind, poi_id=new.place, answer=new.answer)
    if not service.store.add_feedback(one):
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
    return GivenFeedback(id=one.id, kind=one.kind, place=one.poi_id, answer=one.answer, at=one.at)
