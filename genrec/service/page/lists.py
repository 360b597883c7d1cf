"""Answers as lists of places: in full with reasons, or in short beside another one."""

from collections.abc import Callable, Mapping

from nicegui import ui

from genrec.profiles.statements import Said
from genrec.ranking import Place
from genrec.service.page.naming import Names
from genrec.service.page.site import box, entry, text
from genrec.service.questions import Answer
from genrec.words import is_known

LOOKED_UP = 100  # places of the ranking before, among which those of the one after are looked up
Stood = tuple[int, float]  # a rank and a probability
METHODS = {
    "fusion": "the fusion of all that visits tell",
    "fusion+words": "the fusion of all that visits tell and your words",
    "habits": "your habits alone",
    "llm": "the language model",
}


def in_full(answer: Answer, names: Names, before: Answer | None, buttons: Callable[[Place], None]) -> None:
    """Places with reasons and buttons, and where they stood before."""
    stood = _stood(before) if before else None
    with _places(answer.places):
        for rank, place in enumerate(answer.places, 1):
            with box("li"):
                _said(rank, place, name_of(place), stood)
                names.write("p", "; ".join([*place.reasons, *_away(place)]), "quiet")
                buttons(place)


def in_short(answer: Answer, count: int, before: Answer | None = None) -> None:
    """The first places by name, and where they stood before."""
    stood = _stood(before) if before else None
    with _places(answer.places):
        for rank, place in enumerate(answer.places[:count], 1):
            with box("li"):
                _said(rank, place, place.name or place.poi_id, stood)


def side_by_side(after: Answer, before: Answer) -> None:
    """Two answers in short."""
    with box("div", "beside"):
        with box("section", aria_label="Before"):
            text("h3", "Before")
            in_short(before, len(after.places))
        with box("section", aria_label="After"):
            text("h3", "After")
            in_short(after, len(after.places), before)


def _places(places: list[Place]) -> ui.element:
    if not places:
        text("p", "No place is left to be named.")
    return box("ol", "places")


def _away(place: Place) -> list[str]:
    """The distance, unless a reason says it."""
    if place.distance_km is None or any(reason.endswith("from the last visit") for reason in place.reasons):
        return []
    return [f"{place.distance_km:.1f} km away"]


def _said(rank: int, place: Place, name: str, before: Mapping[str, Stood] | None) -> None:
    with entry(f"{rank}. {name}", "strong", about=f"POI {place.poi}"):
        text("span", f"{place.probability:.1%}")
    if before is not None:
        text("p", moved(rank, before.get(place.poi_id), len(before)), "quiet")


def _stood(answer: Answer) -> dict[str, Stood]:
    return {place.poi_id: (rank, place.probability) for rank, place in enumerate(answer.places, 1)}


def name_of(place: Place) -> str:
    """How a place is called, with its kind."""
    called = place.name or place.poi_id
    return f"{called} ({place.category})" if is_known(place.category) else called


def moved(rank: int, before: Stood | None, looked_up: int) -> str:
    """Where a place stood before, if it was among the first that were looked up."""
    if before is None:
        return f"before: not among the first {looked_up}"
    stood, probability = before
    way = f", moved {'up' if stood > rank else 'down'} by {abs(stood - rank)}" if stood != rank else ""
    return f"before: {stood} with {probability:.1%}{way}"


def what_lacks(answer: Answer) -> None:
    """What the answer could not use, if it could use little."""
    if answer.method == "popularity":
        text("p", "No profile is wanted (see Data): nothing of this person was used. These places are popular.")
    elif answer.cold_start:
        text("p", f"Little is known: {answer.cold_start}.")


def how_made(answer: Answer) -> None:
    """How an answer was made, in a line."""
    if answer.method == "popularity":
        return
    told = [f"Made by {METHODS.get(answer.method, answer.method)}", f"from {answer.used['checkins']} check-ins"]
    if answer.used["profile"]:
        told.append(f"with version {answer.used['profile']} of the profile")
    told.append(f"up to {answer.evidence.as_of:%Y-%m-%d %H:%M}")
    if answer.used["excluded"]:
        told.append(f"without {answer.used['excluded']} places that you do not want to see")
    text("p", f"{', '.join(told)}; it took {_duration(answer.seconds)}.", "quiet")
    if answer.evidence.waiting:
        text("p", "Something new has come, and is being counted. Ask again in a moment.", "quiet")


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"


def read_as(said: Said) -> str:
    """How something that was said was read."""
    if not said.sign:
        return f"Unclear, so without effect: “{said.text}” ({said.note})"
    what = f", moves {', '.join(said.moves)}" if said.moves else "" if said.pois else ", moves nothing"
    return f"Read as {said.polarity}: “{said.text}”{what}"
