"""From habits to a checked profile: a model (or templates) phrases the evidence, the evidence decides what stays."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from genrec.habit_models import Habits
from genrec.llm.backend import AnswerScorer, Generation, Generator
from genrec.profiles.faithfulness import check, sentences, supported
from genrec.profiles.fields import FieldGuesser
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
from genrec.profiles.writing_prompt import WRITING, Fact, Section, evidence, fact_messages, fact_sentence, facts
from genrec.prompting import one_line, prompt_version

SENTENCE_TOKENS = 48
# A base model goes on with another note of its own; the sentence ends with its line.
SENTENCE_STOP = "\n"
SECOND_TRY_TEMPERATURE = 0.7


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


@dataclass
class _Draft:
    """A fact on its way to a checked statement."""

    fact: Fact
    habits: Habits
    statement: Statement | None = None
    failed: list[str] = field(default_factory=list)
    by_template: bool = False
    tokens_in: int = 0
    tokens_out: int = 0

    def propose(self, text: str, vocabulary: Collection[str]) -> None:
        """Take the text as the statement if the evidence supports every sentence of it."""
        text = " ".join(text.split())
        notes = []
        for sentence in sentences(text, vocabulary):
            claims = check(sentence, self.habits, vocabulary)
            if not supported(claims):
                self.failed.append(text)
                return
            notes += [claim.note for claim in claims]
        self.statement = Statement(text=text, backed_by=list(dict.fromkeys(notes)))

    def count(self, generation: Generation) -> None:
        """Add a generation's cost."""
        self.tokens_in += generation.tokens_in
        self.tokens_out += generation.tokens_out


class HabitsWriter:
    """Phrases the evidence by templates, without any model: baseline, fallback and yardstick."""

    name = "habits"

    def __init__(self, vocabulary: Collection[str]) -> None:
        """`vocabulary`: every category of the catalogue."""
        self.prompt_version = prompt_version(("sentence",))
        self._vocabulary = vocabulary

    def write(self, subjects: Sequence[Subject]) -> list[Profile]:
        """See `Writer`; closed fields stay unknown, because templates do not guess."""
        profiles = []
        for subject in subjects:
            drafts = [_Draft(fact, subject.habits) for fact in facts(subject.habits)]
            for draft in drafts:
                draft.propose(fact_sentence(draft.fact), self._vocabulary)
            profiles.append(_assemble(subject, drafts, unknown_fields(CLOSED_FIELDS), self))
        return profiles


class LlmWriter:
    """Lets a model phrase and guess. Without a scorer the closed fields stay unknown."""

    def __init__(self, generator: Generator, scorer: AnswerScorer | None, vocabulary: Collection[str]) -> None:
        """`vocabulary`: every category of the catalogue."""
        self.name = generator.name
        self.prompt_version = prompt_version(WRITING)
        self._generator = generator
        self._vocabulary = vocabulary
        self._fields = FieldGuesser(scorer) if scorer else None

    def write(self, subjects: Sequence[Subject]) -> list[Profile]:
        """See `Writer`. A sentence that fails the check is asked for once more, then dropped."""
        drafts = [[_Draft(fact, subject.habits) for fact in facts(subject.habits)] for subject in subjects]
        everything = [draft for group in drafts for draft in group]
        self._ask(everything, temperature=0.0)
        self._ask([draft for draft in everything if draft.failed], temperature=SECOND_TRY_TEMPERATURE)
        for group in drafts:
            self._fill_empty_sections(group)
        return [
            _assemble(subject, group, self._guess(subject), self)
            for subject, group in zip(subjects, drafts, strict=True)
        ]

    def _ask(self, drafts: Sequence[_Draft], temperature: float) -> None:
        # Drafts of a section share its instructions; side by side they share the work, too.
        ordered = sorted(drafts, key=lambda draft: draft.fact.section)
        generations = self._generator.generate(
            [fact_messages(draft.fact, draft.habits) for draft in ordered],
            max_tokens=SENTENCE_TOKENS,
            stop=SENTENCE_STOP,
            temperature=temperature,
        )
        for draft, generation in zip(ordered, generations, strict=True):
            draft.count(generation)
            draft.propose(generation.text, self._vocabulary)

    def _fill_empty_sections(self, drafts: Sequence[_Draft]) -> None:
        """Phrase the first fact of a section by template where the model got none of them right."""
        for section in dict.fromkeys(draft.fact.section for draft in drafts):
            mine = [draft for draft in drafts if draft.fact.section == section]
            if not any(draft.statement for draft in mine):
                mine[0].by_template = True
                mine[0].propose(fact_sentence(mine[0].fact), self._vocabulary)

    def _guess(self, subject: Subject) -> dict[str, Guess]:
        if self._fields is None:
            return unknown_fields(CLOSED_FIELDS)
        return self._fields.guess(evidence(subject.habits, subject.about))


def _assemble(subject: Subject, drafts: Sequence[_Draft], guesses: dict[str, Guess], writer: Writer) -> Profile:
    """The profile of what was kept, each sentence once, with an account of the rest."""
    about = one_line(subject.about)
    told = [Statement(text=about, backed_by=["said by the user"])] if about else []
    kept: dict[str, tuple[Section, Statement]] = {}
    for draft in drafts:
        if draft.statement:
            kept.setdefault(draft.statement.text, (draft.fact.section, draft.statement))
    return Profile(
        user_id=subject.habits.user_id,
        as_of=subject.habits.as_of,
        traits={name: guesses[name] for name in TRAITS},
        attributes={name: guesses[name] for name in ATTRIBUTES},
        preferences=told + [statement for section, statement in kept.values() if section == "preferences"],
        routines=[statement for section, statement in kept.values() if section == "routines"],
        summary=[statement for section, statement in kept.values() if section == "summary"],
        habits=subject.habits,
        provenance=Provenance(
            writer=writer.name,
            prompt_version=writer.prompt_version,
            tokens_in=sum(draft.tokens_in for draft in drafts),
            tokens_out=sum(draft.tokens_out for draft in drafts),
            asked=len(drafts),
            asked_again=sum(bool(draft.failed) for draft in drafts),
            dropped=[draft.failed[-1] for draft in drafts if draft.statement is None or draft.by_template],
            by_template=sum(draft.by_template for draft in drafts),
        ),
    )
