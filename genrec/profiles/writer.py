"""From habits to a checked profile, by templates, a sentence a fact: what prompts of rankings show.

Portraits are written in `genrec.profiles.portrait`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from genrec.habit_models import Habits
from genrec.profiles.faithfulness import check, sentences, supported
from genrec.profiles.profile import (
    ATTRIBUTES,
    CLOSED_FIELDS,
    TRAITS,
    Guess,
    Profile,
    Provenance,
    Statement,
    unknown_fields,
)
from genrec.profiles.writing_prompt import Section, fact_sentence, facts
from genrec.prompting import one_line, prompt_version


@dataclass(frozen=True)
class Subject:
    """Whom to describe: the habits, and what the person says of themselves, if anything."""

    habits: Habits
    about: str = ""


class Writer(Protocol):
    """Writes profiles of a batch of users."""

    name: str
    prompt_version: str

    def write(self, subjects: Sequence[Subject]) -> list[Profile]:
        """One profile a subject, in their order."""


def statement(text: str, habits: Habits, vocabulary: Collection[str]) -> Statement | None:
    """A text with what backs it, if the evidence supports every sentence of it. `vocabulary`: every category."""
    text = " ".join(text.split())
    notes = []
    for sentence in sentences(text, vocabulary):
        claims = check(sentence, habits, vocabulary)
        if not supported(claims):
            return None
        notes += [claim.note for claim in claims]
    return Statement(text=text, backed_by=list(dict.fromkeys(notes)))


class HabitsWriter:
    """Phrases the evidence by templates, a sentence a fact: adapters that rank were taught with it."""

    name = "habits"

    def __init__(self, vocabulary: Collection[str]) -> None:
        """`vocabulary`: every category of the catalogue."""
        self.prompt_version = prompt_version(("sentence",))
        self._vocabulary = vocabulary

    def write(self, subjects: Sequence[Subject]) -> list[Profile]:
        """See `Writer`; closed fields stay unknown, because templates do not guess."""
        return [self._write(subject) for subject in subjects]

    def _write(self, subject: Subject) -> Profile:
        found = facts(subject.habits)
        texts = [fact_sentence(fact) for fact in found]
        tried = [statement(text, subject.habits, self._vocabulary) for text in texts]
        dropped = [text for text, kept in zip(texts, tried, strict=True) if kept is None]
        provenance = Provenance(
            writer=self.name,
            prompt_version=self.prompt_version,
            asked=len(found),
            asked_again=len(dropped),
            dropped=dropped,
        )
        kept = [(fact.section, one) for fact, one in zip(found, tried, strict=True) if one]
        return assembled(subject, kept, unknown_fields(CLOSED_FIELDS), provenance)


def assembled(
    subject: Subject,
    statements: Iterable[tuple[Section, Statement]],
    guesses: Mapping[str, Guess],
    provenance: Provenance,
) -> Profile:
    """The profile of what was kept, each sentence once, and of what the person says."""
    about = one_line(subject.about)
    told = [Statement(text=about, backed_by=["said by the user"])] if about else []
    kept: dict[str, tuple[Section, Statement]] = {}
    for section, one in statements:
        kept.setdefault(one.text, (section, one))
    return Profile(
        user_id=subject.habits.user_id,
        as_of=subject.habits.as_of,
        traits={name: guesses[name] for name in TRAITS},
        attributes={name: guesses[name] for name in ATTRIBUTES},
        preferences=told + [one for section, one in kept.values() if section == "preferences"],
        routines=[one for section, one in kept.values() if section == "routines"],
        summary=[one for section, one in kept.values() if section == "summary"],
        habits=subject.habits,
        provenance=provenance,
    )
