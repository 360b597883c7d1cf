"""What tests of stores put into them."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

from made import at
from made_city import town, written

from genrec.profiles.profile import Profile
from genrec.store.records import Answer, Checkin, Feedback, Place, Settings

WILLING = Settings(consent=True)
NOON = datetime(2024, 3, 5, 12, tzinfo=UTC)


@cache
def a_profile(user: str = "u0", *summary: str) -> Profile:
    """A profile by templates, with a summary of these sentences."""
    profile = written(town(), user)
    sentences = [{"text": text, "backed_by": ["visits"]} for text in summary]
    return Profile.model_validate(profile.model_dump() | {"summary": sentences})


def a_place(poi_id: str = "p", **values: Any) -> Place:
    return Place(poi_id=poi_id, **{"category": "Bar", "latitude": 51.0, "longitude": -114.0, **values})


def a_visit(person: str = "ann", id_: str = "1", poi_id: str = "p", hour: int = 8, **values: Any) -> Checkin:
    return Checkin(person=person, id=id_, poi_id=poi_id, time=at(hour=hour), **values)


def an_answer(person: str | None = "ann", id_: str = "a1", **values: Any) -> Answer:
    given = {"method": "fusion", "used": {"consent": True, "profile": 1}, "places": ["p"], "at": NOON}
    return Answer(id=id_, person=person, **given | values)


def said(person: str = "ann", id_: str = "f1", **values: Any) -> Feedback:
    return Feedback(person=person, id=id_, **{"kind": "dislike", "poi_id": "p", "at": NOON, **values})


def fill(store: Any) -> None:
    """A town of three, the first of whom has all that can be had."""
    store.import_checkins(town(), WILLING)
    first = store.save_profile(a_profile("u0", "Likes tea."), by="model", base=0)
    store.save_profile(a_profile("u0", "Likes coffee."), by="u0", base=first.number)
    store.add_answer(an_answer("u0", places=["p1", "p2"]))
    store.add_answer(an_answer(None, "a2"))
    store.add_feedback(said("u0", poi_id="p1", answer="a1"))
    store.add_places([a_place("den", name="Their den", owner="u0")])
