"""What somebody asks: for which time, in which words, ranked by whom, and how much the words count."""

from collections.abc import Callable
from typing import Literal, cast

from nicegui import ui
from nicegui.events import GenericEventArguments

from genrec.profiles.profile import Level
from genrec.ranking import By
from genrec.service import people
from genrec.service.models import ChangedSettings
from genrec.service.page.naming import Names
from genrec.service.page.site import Me, Notice, box, button, named, text
from genrec.service.questions import MOST_K, RecommendAsk
from genrec.steering import STRONGEST
from genrec.store.records import Person

SHOWN = 10
COUNT = "How much words count"
BY: dict[By, str] = {
    "fusion": "All that visits tell, and your words (fusion)",
    "habits": "Your own habits alone",
    "llm": "The language model, from the profile",
}
LEVELS: dict[Level, str] = {
    "full": "All of it",
    "attributes": "Guesses and routines, no sentences of preference",
    "routines": "Routines alone",
    "none": "Nothing but recent visits",
}


class AskForm:
    """The fields of a question. `go` is called to answer it."""

    def __init__(self, me: Me, settings: Person, names: Names, go: Callable[[], object]) -> None:
        self._me, self._person, self._names, self._strength = me, settings.id, names, settings.strength
        with box("div", "bar"):
            with box("div", "grow"):
                self._time = ui.input("Local time (left empty, any time)").props("type=datetime-local stack-label")
            with box("div", "grow"):
                self._words = ui.textarea("In your own words").props("autogrow rows=1")
            with box("div", "grow"):
                self._steering()
            self._go = button("Show places", go, main=True)
        self._options()
        self.notice = Notice()

    def _steering(self) -> None:
        """A slider of the browser's own, which says what it is to who does not see it; where it is left, it is kept."""
        label = text("label", f"{COUNT}: {self._strength:g}", "quiet")
        self._slider = box("input", type="range", min=0, max=STRONGEST, step=0.1, value=self._strength)
        named(label, for_=self._slider.style("width:100%").html_id)
        kept = Notice()

        def moved_to(event: GenericEventArguments) -> None:
            self._strength = float(event.args)
            label.set_text(f"{COUNT}: {self._strength:g}")

        async def left_at() -> None:
            new = ChangedSettings(strength=self._strength)
            saved = await kept.attempt(lambda: people.change(self._me.own(self._person), new, self._me.service))
            if saved is not None:
                kept.say("Kept as this person's setting.")

        self._slider.on("input", moved_to, js_handler="(event) => emit(event.target.value)")
        self._slider.on("change", left_at, js_handler="() => emit()")

    def _options(self) -> None:
        with box("details"):
            text("summary", "More options")
            with box("div", "bar"):
                with box("div", "grow"):
                    is_there = self._me.service.queue.model != "cannot be loaded"
                    ways = {by: label for by, label in BY.items() if by != "llm" or is_there}
                    self._by = ui.select(ways, value="fusion", label="Ranked by", on_change=self._fits)
                with box("div", "grow"):
                    self._level = ui.select(dict(LEVELS), value="full", label="What the model sees of the profile")
                with box("div", "grow"):
                    self._k = ui.number("Places to show", value=SHOWN, min=1, max=MOST_K, precision=0)
            self._about = text("p", "", "quiet")
        self._fits()

    def _fits(self) -> None:
        """Only what has an effect can be filled in."""
        fusion = self.by == "fusion"
        self._words.set_enabled(fusion)
        named(self._slider, disabled=not fusion)
        self._slider.update()
        self._level.set_enabled(self.by == "llm")
        self._about.set_text("" if fusion else "Your words and their slider count by the fusion only.")

    @property
    def by(self) -> By:
        """Who is to rank."""
        return cast(By, self._by.value)

    @property
    def words(self) -> str:
        """What is said, with places by their numbers; empty where it would have no effect."""
        return self._names.places.numbered(self._words.value) if self.by == "fusion" else ""

    @property
    def busy(self) -> str:
        """What takes long."""
        if self.by == "llm":
            return "The language model ranks ..."
        return "The language model reads what you said ..." if self.words else "The places are being ranked ..."

    def ask(self, k: int | None = None, words: str | None = None) -> RecommendAsk:
        """What the fields ask, or the same for more places or with other words; without consent, nothing of them."""
        said = self.words if words is None else words
        consent = people.read(self._me.own(self._person), self._me.service).consent
        by: Literal["fusion", "habits", "llm"] = self.by if consent else "fusion"
        return RecommendAsk(
            person=self._person,
            says=[said] if said and consent else [],
            time=self._time.value or None,
            k=k or self._k.value or SHOWN,
            by=by,
            level=cast(Level, self._level.value) if by == "llm" else "full",
            steer=self._strength if by == "fusion" else None,
        )

    def wait(self, waiting: bool) -> None:
        """Show that an answer is being made, or that it is there."""
        self._go.props("loading") if waiting else self._go.props(remove="loading")
        self._go.set_enabled(not waiting)
