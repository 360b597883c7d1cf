"""Rankings, why a place is in one, and who may come to new places."""

import polars as pl
from fastapi import APIRouter

from genrec.audience import audience as audience_of
from genrec.columns import CATEGORY, LATITUDE, LONGITUDE, NAME, POI, POI_ID
from genrec.service.answering import answer
from genrec.service.errors import Refused, referred
from genrec.service.guard import Caller
from genrec.service.questions import Answer, Audience, AudienceAsk, ExplainAsk, Guest, RecommendAsk
from genrec.service.security import Anybody, Operator, ServiceOf
from genrec.store.protocol import MissingError
from genrec.store.records import Answer as Kept
from genrec.store.records import Id

routes = APIRouter(prefix="/v1", tags=["rankings"])


@routes.post("/recommend")
def recommend(ask: RecommendAsk, service: ServiceOf, who: Anybody) -> Answer:
    """The places where somebody may go next, with reasons, beside what their habits alone would say."""
    return answer(service, ask, ask.k, _viewer(ask.person, who))


@routes.post("/explain")
def explain(ask: ExplainAsk, service: ServiceOf, who: Anybody) -> Answer:
    """How probable one place is, and why: an answer that names this place alone, or none if it is hidden."""
    viewer = _viewer(ask.person, who)
    with referred():
        poi = service.live.catalogue.poi(ask.poi_id, viewer)
    return answer(service, ask, 1, viewer, poi)


@routes.get("/answers/{answer_id}")
def read(answer_id: Id, service: ServiceOf, who: Anybody) -> Kept:
    """An answer that was given: how it was made, what it used, and which places it named."""
    kept = service.store.answer(answer_id)
    if who.person is not None and kept.person != who.person:
        raise MissingError(f"there is no answer {answer_id!r} in the store")
    return kept


@routes.post("/audience")
def audience(ask: AudienceAsk, service: ServiceOf, _: Operator) -> Audience:
    """Who is likely to come to places that have just opened, among people who have agreed to a profile."""
    counted = service.live.counted
    rows = {
        POI_ID: [place.poi_id for place in ask.places],
        CATEGORY: [place.category for place in ask.places],
        LATITUDE: [place.latitude for place in ask.places],
        LONGITUDE: [place.longitude for place in ask.places],
        NAME: [place.name for place in ask.places],
    }
    opened = pl.DataFrame(rows, schema_overrides={NAME: pl.String}).with_row_index(POI)
    if opened[POI_ID].is_duplicated().any():
        raise Refused(400, "places: two of them have the same id")
    with service.live.audience:
        known = counted.audience
        if known is None:
            raise Refused(409, "no place has opened lately: nothing tells who comes to a new one")
        listed = audience_of(counted.assistant.recommender.evidence(), opened, known.reach, known.space)
    willing = pl.Series(_willing(service), dtype=pl.String)
    first = (
        listed.filter(pl.col("user_id").is_in(willing.implode())).group_by(POI_ID, maintain_order=True).head(ask.top)
    )
    people = [
        Guest(poi_id=place, rank=rank, person=person, probability=probability)
        for place, rank, person, probability in first.select(POI_ID, "rank", "user_id", "probability").iter_rows()
    ]
    return Audience(days=known.reach.days, people=people)


def _willing(service: ServiceOf) -> list[str]:
    """The people who have agreed to a profile."""
    willing, after = [], ""
    while page := service.store.people(after=after, limit=10_000):
        willing += [person.id for person in page if person.consent]
        after = page[-1].id
    return willing


def _viewer(person: str | None, who: Caller) -> str | None:
    """Who will see the answer."""
    who.require(person)
    return who.person if person is None else person
