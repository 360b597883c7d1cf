"""What carried an answer: the fields that the fusion weighs."""

from genrec.service.page.site import box, text
from genrec.service.questions import Answer

LEAST = 0.005  # share that is shown
NAMES = {
    "own": "your own visits",
    "sequence": "where you just were",
    "crowd": "people like you",
    "popularity": "what is popular",
    "category": "kinds of places",
    "words": "names and kinds in words",
    "geography": "distance",
    "habits": "habits by place and hour",
    "markov": "steps from place to place",
}


def carried(answer: Answer) -> None:
    """The weight of each field in this situation, and its part in each place's probability."""
    if answer.gate is None or not answer.places:
        return
    with box("details"):
        text("summary", "What carried this answer")
        _bars("Weights in this situation", answer.gate)
        with box("div", "two even"):
            for rank, place in enumerate(answer.places, 1):
                if place.fields:
                    _bars(f"{rank}. {place.name or place.poi_id}", place.fields)
        if answer.not_looked_at is not None:
            text("p", f"All places that were not looked at, together: {answer.not_looked_at:.1%}", "quiet")


def _bars(title: str, shares: dict[str, float]) -> None:
    with box("table", "wide"):
        text("caption", title)
        for field, share in sorted(shares.items(), key=lambda item: -item[1]):
            if share >= LEAST:
                with box("tr"):
                    text("th", NAMES.get(field, field)).style("font-weight:400;width:14rem").props("scope=row")
                    with box("td"), box("div", "track"):
                        box("div").style(f"width:{100 * share:.0f}%")
                    text("td", f"{share:.0%}", "number").style("width:4rem")
