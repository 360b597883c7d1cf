"""Where somebody may go next: asked for a time and with words, before and after these, with what they say of places."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from uuid import uuid4

from nicegui import ui
from nicegui.events import GenericEventArguments

from genrec.profiles.statements import Said
from genrec.ranking import Place
from genrec.service import feedback, recommend
from genrec.service.models import GivenFeedback, NewFeedback
from genrec.service.page.fields import carried
from genrec.service.page.site import Me, Notice, box, button, named, text
from genrec.service.questions import Answer, RecommendAsk
from genrec.steering import STRONGEST
from genrec.store.records import Person
from genrec.words import is_known

SHOWN = 10
COUNT = "How much words count"
LOOKED_UP = 100  # places of the ranking before, among which those of the one after are looked up
Buttons = Callable[[Place], None]
SAYS: dict[str, str] = {"visited": "I was there", "dislike": "Not for me", "hide": "Hide"}


class RankingPanel:
    """The questions, and the answer below them."""

    def __init__(self, me: Me, settings: Person) -> None:
        self._me, self._person, self._strength = me, settings.id, settings.strength
        self.answer: Answer | None = None
        self.shown: Callable[[Answer], Awaitable[None]] | None = None  # called with every answer
        self._ask_form()
        self._notice = Notice()
        self._given = box("div", "bar")
        self._list = box("div")

    def _ask_form(self) -> None:
        with box("div", "bar"):
            with box("div", "grow"):
                self._time = ui.input("Local time (left empty, any time)").props("type=datetime-local stack-label")
            with box("div", "grow"):
                self._words = ui.textarea("In your own words").props("autogrow rows=1")
            with box("div", "grow"):
                self._steering()
            self._go = button("Show places", self.show, main=True)

    def _steering(self) -> None:
        """A slider of the browser's own, which says what it is to who does not see it."""
        label = text("label", f"{COUNT}: {self._strength:g}", "quiet")
        slider = box("input", type="range", min=0, max=STRONGEST, step=0.1, value=self._strength).style("width:100%")
        named(label, for_=slider.html_id)

        def moved_to(event: GenericEventArguments) -> None:
            self._strength = float(event.args)
            label.set_text(f"{COUNT}: {self._strength:g}")

        slider.on("input", moved_to, js_handler="(event) => emit(event.target.value)")

    async def show(self) -> Answer | None:
        """Ask, and show the answer, beside the one without words if there are some; None if there is none."""
        self._go.props("loading")
        self._go.disable()
        words = self._words.value.strip()
        busy = "The language model reads what you said ..." if words else ""
        answer = await self._notice.attempt(self.ask, busy)
        before = None
        if answer is not None and words:
            before = await self._notice.attempt(lambda: self.ask(k=LOOKED_UP, words=""))
        self._go.props(remove="loading")
        self._go.enable()
        if answer is not None:
            self._show(answer, before)
            if self.shown:
                await self.shown(answer)
        return answer

    def ask(self, *, k: int = SHOWN, words: str | None = None) -> Answer:
        """An answer to what the form asks, or to the same with other words."""
        said = (self._words.value if words is None else words).strip()
        ask = RecommendAsk(
            person=self._person, says=[said] if said else [], time=self._time.value or None, k=k, steer=self._strength
        )
        return recommend.recommend(ask, self._me.service, self._me.caller)

    def _show(self, answer: Answer, before: Answer | None) -> None:
        self.answer = answer
        self._list.clear()
        with self._list:
            comparison(answer, before, self._buttons)
            how_made(answer)
            for said in answer.said:
                text("p", read_as(said), "quiet")
            carried(answer)

    def _buttons(self, place: Place) -> None:
        with box("div", "bar"):
            for kind, label in SAYS.items():
                button(label, partial(self._say, kind, place), name_of(place))

    async def _say(self, kind: str, place: Place) -> None:
        answer = self.answer.id if self.answer else None

        def work() -> GivenFeedback:
            new = NewFeedback.model_validate(
                {"id": uuid4().hex, "kind": kind, "poi_id": place.poi_id, "answer": answer}
            )  # fmt: skip
            return feedback.add(self._me.own(self._person), new, self._me.service)

        given = await self._notice.attempt(work)
        if given is None:
            return
        await self.show()
        self._given.clear()
        with self._given:
            text("span", f"Kept: {SAYS[kind]}, {name_of(place)}.")
            button("Take it back", lambda: self._take_back(given.id), name_of(place))

    async def _take_back(self, id_: str) -> None:
        def work() -> None:
            feedback.drop(self._me.own(self._person), id_, self._me.service)

        await self._notice.attempt(work)
        self._given.clear()
        await self.show()


def comparison(after: Answer, before: Answer | None, buttons: Buttons) -> None:
    """An answer with reasons; beside it the one of before, if there is one."""
    if before is None:
        text("h2", "Most probable next places")
        listed(after.places, buttons=buttons)
        return
    with box("div", "two"):
        with box("section", aria_label="After"):
            text("h2", "With your words")
            listed(after.places, _ranks(before), buttons)
        with box("section", aria_label="Before"):
            text("h2", "Without them")
            listed(before.places[: len(after.places)])


def beside(after: Answer, before: Answer) -> None:
    """Two answers in short, side by side."""
    with box("div", "beside"):
        with box("section", aria_label="Before"):
            text("h3", "Before")
            listed(before.places[: len(after.places)])
        with box("section", aria_label="After"):
            text("h3", "After")
            listed(after.places, _ranks(before))


def _ranks(answer: Answer) -> dict[str, int]:
    return {place.poi_id: rank for rank, place in enumerate(answer.places, 1)}


def listed(places: Sequence[Place], before: dict[str, int] | None = None, buttons: Buttons | None = None) -> None:
    """Places, best first: with where they stood before, and with reasons where something can be said of them."""
    if not places:
        text("p", "No place is left to be named.")
    with box("ol", "places"):
        for rank, place in enumerate(places, 1):
            with box("li"):
                with box("div", "line"):
                    text("strong", f"{rank}. {name_of(place) if buttons else place.name or place.poi_id}")
                    text("span", f"{place.probability:.1%}")
                if before is not None:
                    text("p", moved(rank, before.get(place.poi_id)), "quiet")
                if buttons:
                    away = [] if place.distance_km is None else [f"{place.distance_km:.1f} km away"]
                    text("p", "; ".join([*place.reasons, *away]), "quiet")
                    buttons(place)


def name_of(place: Place) -> str:
    """How a place is called, with its kind."""
    return (
        f"{place.name or place.poi_id} ({place.category})" if is_known(place.category) else place.name or place.poi_id
    )


def moved(rank: int, before: int | None) -> str:
    """Where a place stood before."""
    if before is None:
        return f"before: not among the first {LOOKED_UP}"
    if before == rank:
        return f"before: {before}, not moved"
    return f"before: {before}, moved {'up' if before > rank else 'down'} by {abs(before - rank)}"


def how_made(answer: Answer) -> None:
    """How an answer was made, in a line."""
    told = [f"By {answer.method}", f"from {answer.used['checkins']} check-ins"]
    if answer.used["profile"]:
        told.append(f"with version {answer.used['profile']} of the profile")
    told.append(f"as of {answer.evidence.as_of:%Y-%m-%d %H:%M}")
    if answer.used["excluded"]:
        told.append(f"without {answer.used['excluded']} places")
    text("p", f"{', '.join(told)}; {1000 * answer.seconds:.0f} ms.", "quiet")
    if answer.cold_start:
        text("p", f"Little is known: {answer.cold_start}.")
    if answer.evidence.waiting:
        text("p", "Something new has come, and is being counted. Ask again in a moment.", "quiet")


def read_as(said: Said) -> str:
    """How something that was said was read."""
    if not said.sign:
        return f"Unclear, so without effect: “{said.text}” ({said.note})"
    what = f", moves {', '.join(said.moves)}" if said.moves else "" if said.pois else ", moves nothing"
    return f"Read as {said.polarity}: “{said.text}”{what}"
