"""Somebody's profile: each sentence with its evidence, and what is changed in it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Response
from nicegui import ui

from genrec.profiles.changes import Change
from genrec.profiles.editing import EDITOR, Sheet
from genrec.profiles.profile import CLOSED_FIELDS, UNKNOWN, Guess, Statement
from genrec.service import profiles
from genrec.service.models import ProfileVersion
from genrec.service.page.naming import Names
from genrec.service.page.site import Me, Notice, box, button, text
from genrec.service.questions import Answer
from genrec.store.protocol import MissingError, StaleError

BACKING = {EDITOR: "Put in by hand; no visits back it. It counts as said in one's own words."}
FIELDS = {"as_of": "from visits up to"}
SECTIONS = {"summary": "Summary", "preferences": "Preferences", "routines": "Routines"}
Edited = Callable[[Answer | None], Awaitable[None]]


@dataclass(frozen=True)
class Edit:
    """A sentence in the place of another one of a section; `old` None where there is none, `new` empty to drop it."""

    section: str
    old: str | None
    new: str

    def applied(self, sheet: Sheet) -> Sheet:
        """A sheet with it; a sentence that is gone meanwhile is added again, as it is now."""
        lines: list[str] = list(getattr(sheet, self.section))
        if self.old in lines:
            lines[lines.index(self.old)] = self.new
        else:
            lines.append(self.new)
        return sheet.model_copy(update={self.section: lines})


@dataclass(frozen=True)
class Answered:
    """Another answer of a closed field, of a group (traits, attributes)."""

    group: str
    name: str
    value: str

    def applied(self, sheet: Sheet) -> Sheet:
        """A sheet with it."""
        return sheet.model_copy(update={self.group: getattr(sheet, self.group) | {self.name: self.value}})


class ProfilePanel:
    """The profile as one reads and edits it.

    `ask` gives a ranking; `changed` is called after an edit, with the ranking before it if there was one.
    """

    def __init__(self, me: Me, person: str, names: Names, ask: Callable[[], Answer], changed: Edited) -> None:
        self._me, self._person, self._ask, self._changed = me, person, ask, changed
        self.names = names
        self._shown: ProfileVersion | None = None
        self._notice = Notice()
        self._stale = box("div")
        self._body = box("div")

    def load(self) -> ProfileVersion | None:
        """The latest version; None if there is none."""
        try:
            return profiles.read(self._me.own(self._person), self._me.service, Response())
        except MissingError:
            return None

    async def show(self) -> None:
        """Show the latest version."""
        found = await self._notice.attempt(lambda: (self.load(),))
        if found is not None:
            self._show(found[0])

    def _show(self, version: ProfileVersion | None) -> None:
        self._shown = version
        self._stale.clear()
        self._body.clear()
        with self._body:
            if version is None:
                text("p", "There is no profile yet. Write one below: by templates at once, or by the language model, "
                     "which takes longer. It needs consent (see Data).")  # fmt: skip
                return
            profile = version.profile
            text("p", f"Version {version.number}, by {author(version.by)}, {version.at:%Y-%m-%d %H:%M} UTC, from "
                 f"{profile.habits.checkins:,} check-ins up to {profile.as_of:%Y-%m-%d %H:%M}. Open a sentence to see "
                 "the visits behind it; change one to see what that does to the ranking.", "quiet")  # fmt: skip
            for section, title in SECTIONS.items():
                text("h3", title)
                with box("ul", "plain"):
                    for statement in getattr(profile, section):
                        with box("li"):
                            _Line(self, section, statement)
                    with box("li"):
                        _Line(self, section, None)
            with box("details"):
                text("summary", "Guesses")
                text("p", "By the model, not backed by visits. They do not move a ranking by the fusion.", "quiet")
                with box("div", "answers"):
                    for group in ("traits", "attributes"):
                        for name, guess in getattr(profile, group).items():
                            self._guess(group, name, guess)

    def _guess(self, group: str, name: str, guess: Guess) -> None:
        sure = "" if guess.value == UNKNOWN else f" ({guess.confidence:.0%} sure)"
        ui.select(
            [UNKNOWN, *CLOSED_FIELDS[name]], value=guess.value, label=name.replace("_", " ") + sure,
            on_change=lambda event: self.save(Answered(group, name, event.value)),
        )  # fmt: skip

    async def save(self, edit: Edit | Answered, near: Notice | None = None) -> None:
        """Save a change of the version that is shown; `near`: where to say what is wrong with it."""
        shown = self._shown
        if shown is None:
            return

        def work() -> ProfileVersion | tuple[StaleError, list[Change]]:
            try:
                return self._put(shown, edit)
            except StaleError as stale:
                return stale, self._since(shown.number)

        before = await self._notice.attempt(self._ask, "Saving ...")
        saved = await (near or self._notice).attempt(work, "Saving ...")
        if isinstance(saved, tuple):
            self._say_stale(edit, *saved)
        if not isinstance(saved, ProfileVersion):
            return
        self._show(saved)
        self._notice.say(f"Saved as version {saved.number}. The ranking after it is being made ...")
        await self._changed(before)
        self._notice.say(f"Saved as version {saved.number}.")

    def _put(self, base: ProfileVersion, edit: Edit | Answered) -> ProfileVersion:
        me = self._me
        return profiles.edit(
            me.own(self._person), edit.applied(base.sheet), me.service, me.caller, Response(), f'"{base.number}"'
        )

    def _say_stale(self, edit: Edit | Answered, stale: StaleError, changes: list[Change]) -> None:
        """Say what others have changed meanwhile; what was typed stays where it is."""
        self._notice.problem(f"Not saved: {stale}.")
        self._stale.clear()
        with self._stale:
            text("p", "What has been changed since the version that you see:")
            change_list(changes, self.names)
            with box("div", "bar"):
                button("Save mine into the new version", lambda: self._save_onto_latest(edit), main=True)
                button("Drop mine and show the new version", self.show)
        self._stale.run_method("scrollIntoView", {"block": "center"})

    def _since(self, number: int) -> list[Change]:
        versions = profiles.history(self._me.own(self._person), self._me.service).versions
        return [change for version in versions if version.number > number for change in version.changes]

    async def _save_onto_latest(self, edit: Edit | Answered) -> None:
        found = await self._notice.attempt(lambda: (self.load(),))
        if found and found[0]:
            self._shown = found[0]
            await self.save(edit)


class _Line:
    """A sentence with its evidence, or the place for a new one; and the field in which it is edited."""

    def __init__(self, panel: ProfilePanel, section: str, statement: Statement | None) -> None:
        self._panel, self._section, self._old = panel, section, statement.text if statement else None
        places = panel.names.places
        self._shown = places.to_edit(self._old or "")
        self._about = places.plain(self._old) if self._old else SECTIONS[section]
        self._reading = box("div", "line")
        with self._reading:
            if statement is not None:
                with box("details", "grow"):
                    panel.names.write("summary", statement.text)
                    with box("ul"):
                        for note in statement.backed_by:
                            panel.names.write("li", BACKING.get(note, note), "quiet")
            else:
                box("span")
            self._opens = button("Add a sentence" if statement is None else "Edit", self._open, self._about)
        self._editing = box("div")

    def _open(self) -> None:
        self._reading.set_visibility(False)
        with self._editing:
            field = ui.textarea("Sentence" if self._old else "New sentence", value=self._shown)
            field.props("autogrow autofocus rows=1").on("keydown.esc", self._close)
            near = Notice()
            with box("div", "bar"):
                button("Save", lambda: self._save(field.value, near), main=True)
                if self._old:
                    button("Remove", lambda: self._panel.save(Edit(self._section, self._old, ""), near), self._about)
                button("Cancel", self._close)

    def _close(self) -> None:
        self._editing.clear()
        self._reading.set_visibility(True)
        ui.run_javascript(f"getHtmlElement({self._opens.id}).focus()")

    async def _save(self, typed: str, near: Notice) -> None:
        if typed == self._shown:
            self._close()
        else:
            new = self._panel.names.places.numbered(typed)
            await self._panel.save(Edit(self._section, self._old, new), near)


def author(by: str) -> str:
    """Who a version of a profile is by."""
    return "templates" if by == "habits" else by


def change_list(changes: list[Change], names: Names) -> None:
    """What was changed, from what to what."""
    with box("ul"):
        for change in changes:
            with box("li"):
                text("span", f"{FIELDS.get(change.field, change.field.replace('_', ' '))}: ", "quiet")
                if change.before is not None:
                    names.write("del", change.before)
                    text("span", " → " if change.after is not None else " (removed)")
                if change.after is not None:
                    names.write("ins", change.after)
