"""Where somebody may go next, before and after their words, with what they say of the places."""

from collections.abc import Awaitable, Callable
from functools import partial
from uuid import uuid4

from genrec.ranking import Place
from genrec.service import feedback, recommend
from genrec.service.models import GivenFeedback, NewFeedback
from genrec.service.page.asking import AskForm
from genrec.service.page.fields import carried
from genrec.service.page.lists import LOOKED_UP, how_made, in_full, in_short, name_of, read_as, what_lacks
from genrec.service.page.naming import Names
from genrec.service.page.site import Me, box, button, text
from genrec.service.questions import Answer
from genrec.store.records import Person

SAYS: dict[str, str] = {"visited": "I was there", "dislike": "Not for me", "hide": "Hide"}
ROUTE = "/app (a ranking)"  # as it is called among the times of routes


class RankingPanel:
    """The question, and the answer below it."""

    def __init__(self, me: Me, settings: Person, names: Names) -> None:
        self._me, self._person, self._names = me, settings.id, names
        self.answer: Answer | None = None
        self.shown: Callable[[Answer], Awaitable[None]] | None = None  # called with every answer
        self._form = AskForm(me, settings, names, self.show)
        self._given = box("div", "bar")
        self._list = box("div")

    async def show(self) -> Answer | None:
        """Ask, and show the answer, beside the one without words if there are some; None if there is none."""
        form = self._form
        form.wait(True)
        answer = await form.notice.attempt(self.ask, form.busy)
        before = None
        if answer is not None and form.words:
            before = await form.notice.attempt(lambda: self.ask(LOOKED_UP, words=""))
        form.wait(False)
        if answer is not None:
            self._show(answer, before)
            if self.shown:
                await self.shown(answer)
        return answer

    def ask(self, k: int | None = None, words: str | None = None) -> Answer:
        """An answer to what the form asks, or to the same with other words."""
        service = self._me.service
        self._names.load()
        answer = recommend.recommend(self._form.ask(k, words), service, self._me.caller)
        service.metrics.request("PAGE", ROUTE, 200, answer.seconds)
        return answer

    def before(self) -> Answer:
        """The answer to hold one after an edit against: with more places where this takes no longer."""
        return self.ask(None if self._form.by == "llm" else LOOKED_UP)

    def _show(self, answer: Answer, before: Answer | None) -> None:
        self.answer = answer
        self._list.clear()
        with self._list:
            what_lacks(answer)
            if before is None:
                text("h2", "Most probable next places")
                in_full(answer, self._names, None, self._buttons)
            else:
                with box("div", "two"):
                    with box("section", aria_label="After"):
                        text("h2", "With your words")
                        in_full(answer, self._names, before, self._buttons)
                    with box("section", aria_label="Before"):
                        text("h2", "Without them")
                        in_short(before, len(answer.places))
            how_made(answer)
            for said in answer.said:
                self._names.write("p", read_as(said), "quiet")
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

        given = await self._form.notice.attempt(work)
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

        await self._form.notice.attempt(work)
        self._given.clear()
        await self.show()
