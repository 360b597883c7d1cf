"""The evidence in notes, in sentences of a fact each, and in questions for closed fields."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from genrec.habit_models import CategoryHabit, Habits, PlaceHabit, Transition
from genrec.llm.backend import Message
from genrec.prompting import one_line, render
from genrec.words import is_known

EVIDENCE_PLACES = 8
EVIDENCE_CATEGORIES = 6
EVIDENCE_TRANSITIONS = 3

FACT_CATEGORIES = 3
FACT_PLACES = 4
FACT_STEPS = 1
MIN_VISITS = 2

Section = Literal["preferences", "routines", "summary"]
GUESSING = ("evidence", "field_system", "field_user", "field_reference")  # the prompts of closed fields
NO_EVIDENCE = "No visits are known."


def evidence(habits: Habits, about: str = "") -> str:
    """The notes that the profile writer reads; `about` is what the user says of themselves."""
    if habits.checkins == 0:
        return f"The person says: {one_line(about)}" if about else NO_EVIDENCE
    notes = render(
        "evidence",
        habits=habits,
        exploration=round(100 * habits.exploration_rate),
        categories=[habit for habit in habits.categories if is_known(habit.category)][:EVIDENCE_CATEGORIES],
        places=habits.places[:EVIDENCE_PLACES],
        transitions=habits.transitions[:EVIDENCE_TRANSITIONS],
    )
    return f"{notes}\nThe person says: {one_line(about)}" if about else notes


@dataclass(frozen=True)
class Fact:
    """One thing the evidence says, to be put into a sentence."""

    section: Section
    kind: Literal["category", "place", "step", "summary"]
    habit: CategoryHabit | PlaceHabit | Transition | None = None
    places: tuple[PlaceHabit, ...] = ()


def facts(habits: Habits) -> list[Fact]:
    """What a profile should speak of: the main kinds of places, the main places and steps, and a summary."""
    regular = [habit for habit in habits.categories if habit.visits >= MIN_VISITS and is_known(habit.category)]
    places = [place for place in habits.places if place.visits >= MIN_VISITS]
    chosen = [Fact("preferences", "category", habit) for habit in regular[:FACT_CATEGORIES]]
    chosen += [Fact("routines", "place", place) for place in places[:FACT_PLACES]]
    steps = [step for step in habits.transitions if step.from_poi != step.to_poi]
    chosen += [Fact("routines", "step", step) for step in steps[:FACT_STEPS]]
    if places:
        chosen.append(Fact("summary", "summary", places=tuple(places[:2])))
    return chosen


def fact_sentence(fact: Fact) -> str:
    """The fact in a sentence of a template's."""
    return render("sentence", fact=fact)


def reference_notes() -> list[str]:
    """The notes of invented people that guesses are calibrated on."""
    return render("field_reference").split("\n\n")


def field_messages(notes: str, field: str, options: Sequence[str]) -> list[Message]:
    """Ask for one closed field of a profile."""
    return [
        {"role": "system", "content": render("field_system")},
        {
            "role": "user",
            "content": render("field_user", evidence=notes.split("\n"), field=field.replace("_", " "), options=options),
        },
    ]
