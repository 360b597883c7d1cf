"""From habits to a checked portrait: a model, or phrasings, put it into words; the evidence decides what stays."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from genrec.habit_models import Habits
from genrec.llm.backend import AnswerScorer, Generation, Generator
from genrec.profiles.faithfulness import sentences
from genrec.profiles.fields import FieldGuesser
from genrec.profiles.portrait.plan import PORTRAIT, Paragraph, plan, portrait_messages, tells
from genrec.profiles.portrait.realise import Realiser, phrase_words
from genrec.profiles.profile import CLOSED_FIELDS, Guess, Profile, Provenance, Statement, unknown_fields
from genrec.profiles.writer import Subject, Writer, assembled, statement
from genrec.profiles.writing_prompt import GUESSING, Section, evidence
from genrec.prompting import prompt_version

PARAGRAPH_TOKENS = 256
# A base model goes on with notes of its own; the paragraph ends with its line.
PARAGRAPH_STOP = "\n"
SECOND_TRY_TEMPERATURE = 0.7
PHRASINGS = 4  # that are tried of a fact whose names make a sentence hard to read, with the first one


@dataclass
class _Draft:
    """A paragraph on its way to checked statements."""

    paragraph: Paragraph
    habits: Habits
    kept: dict[int, Statement] = field(default_factory=dict)  # by the group of facts that they tell, others behind
    dropped: list[str] = field(default_factory=list)
    asked: int = 0  # sentences of the first try
    asked_again: int = 0  # those of them that are not supported
    by_template: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    @property
    def untold(self) -> list[int]:
        """The groups of facts that no statement tells."""
        return [number for number in range(len(self.paragraph.groups)) if number not in self.kept]

    def propose(self, text: str, vocabulary: Collection[str]) -> None:
        """Take the supported sentences of the first try that say something new."""
        said = [_ended(one) for one in sentences(text, vocabulary)]
        failed = []
        for one in said:
            if good := statement(one, self.habits, vocabulary):
                beyond = len(self.paragraph.groups) + len(self.kept)
                told = [number for number, group in enumerate(self.paragraph.groups) if tells(group, one)]
                new = [number for number in told if number not in self.kept]
                if new or not told:  # else it repeats what is told already
                    self.kept[next(iter(new), beyond)] = good
            else:
                failed.append(one)
        self.asked, self.asked_again = len(said), len(failed)
        self.dropped = [] if self.untold else [one for one in failed if one]

    def propose_again(self, number: int, text: str, vocabulary: Collection[str]) -> None:
        """Take what is said of one group of facts at the second try."""
        if good := statement(_ended(text), self.habits, vocabulary):
            self.kept[number] = good
        elif text.strip():
            self.dropped.append(text.strip())

    def phrase(self, realiser: Realiser, vocabulary: Collection[str]) -> None:
        """Put each group of facts into words without a model."""
        for number in range(len(self.paragraph.groups)):
            if good := _phrased(self, number, realiser, vocabulary):
                self.kept[number] = good

    def count(self, generation: Generation) -> None:
        """Add a generation's cost."""
        self.tokens_in += generation.tokens_in
        self.tokens_out += generation.tokens_out


def _ended(text: str) -> str:
    """A text that ends as a sentence does."""
    text = text.strip()
    return text if text.endswith((".", "!", "?")) or not text else f"{text}."


def _phrased(draft: _Draft, number: int, realiser: Realiser, vocabulary: Collection[str]) -> Statement | None:
    """The facts of a group in a sentence that the checker reads as it is meant, whatever the places are called."""
    group, text = draft.paragraph.groups[number], ""
    for attempt in range(PHRASINGS):
        text = realiser.sentence(group, first=not number, cued=not attempt)
        if good := statement(text, draft.habits, vocabulary):
            return good
    draft.dropped.append(text)
    return None


class PortraitWriter:
    """Phrases portraits without any model: fallback and yardstick."""

    name = "habits"

    def __init__(self, vocabulary: Collection[str]) -> None:
        """`vocabulary`: every category of the catalogue."""
        self.prompt_version = prompt_version(("portrait_phrases",))
        self._vocabulary = vocabulary

    def write(self, subjects: Sequence[Subject]) -> list[Profile]:
        """See `Writer`; closed fields stay unknown, because phrasings do not guess."""
        return [self._write(subject) for subject in subjects]

    def _write(self, subject: Subject) -> Profile:
        realiser = Realiser(subject.habits.user_id)
        drafts = [_Draft(paragraph, subject.habits) for paragraph in plan(subject.habits)]
        for draft in drafts:
            draft.phrase(realiser, self._vocabulary)
            draft.asked, draft.asked_again = len(draft.paragraph.groups), len(draft.dropped)
        guesses = unknown_fields(CLOSED_FIELDS)
        return assembled(subject, _statements(drafts), guesses, _provenance(self, drafts))


class LlmWriter:
    """Lets a model phrase and guess. Without a scorer the closed fields stay unknown."""

    def __init__(
        self, generator: Generator, scorer: AnswerScorer | None, vocabulary: Collection[str], *, taught: bool = False
    ) -> None:
        """`vocabulary`: every category of the catalogue; `taught`: whether the model has learned the phrasings only."""
        self.name = generator.name
        self.prompt_version = prompt_version((*PORTRAIT, "portrait_phrases", *(GUESSING if scorer else ())))
        self._generator, self._taught = generator, taught
        self._vocabulary = vocabulary
        self._fields = FieldGuesser(scorer) if scorer else None

    def write(self, subjects: Sequence[Subject]) -> list[Profile]:
        """See `Writer`. What no supported sentence of a paragraph tells is asked for once more, by itself.

        What is not supported is dropped; a section of which nothing is left is phrased without the model.
        """
        drafts = [[_Draft(paragraph, subject.habits) for paragraph in plan(subject.habits)] for subject in subjects]
        everything = [draft for group in drafts for draft in group]
        texts = self._ask([draft.paragraph for draft in everything], everything, temperature=0.0)
        for draft, text in zip(everything, texts, strict=True):
            draft.propose(text, self._vocabulary)
        untold = [(draft, number) for draft in everything for number in draft.untold]
        alone = [replace(draft.paragraph, groups=(draft.paragraph.groups[number],)) for draft, number in untold]
        texts = self._ask(alone, [draft for draft, _ in untold], temperature=SECOND_TRY_TEMPERATURE)
        for (draft, number), text in zip(untold, texts, strict=True):
            draft.propose_again(number, text, self._vocabulary)
        for draft in everything:
            if not draft.kept:
                draft.phrase(Realiser(draft.habits.user_id), self._vocabulary)
                draft.by_template = len(draft.kept)
        return [
            assembled(subject, _statements(group), self._guess(subject), _provenance(self, group))
            for subject, group in zip(subjects, drafts, strict=True)
        ]

    def _ask(self, paragraphs: Sequence[Paragraph], drafts: Sequence[_Draft], temperature: float) -> list[str]:
        """What the model makes of paragraphs, each of a draft that bears the cost."""
        generations = self._generator.generate(
            [portrait_messages(paragraph) for paragraph in paragraphs],
            max_tokens=PARAGRAPH_TOKENS,
            stop=PARAGRAPH_STOP,
            temperature=temperature,
            words=phrase_words() if self._taught else "",
            people=[draft.habits.user_id for draft in drafts],
        )
        for draft, generation in zip(drafts, generations, strict=True):
            draft.count(generation)
        return [generation.text for generation in generations]

    def _guess(self, subject: Subject) -> dict[str, Guess]:
        if self._fields is None:
            return unknown_fields(CLOSED_FIELDS)
        return self._fields.guess(evidence(subject.habits, subject.about), subject.habits.user_id)


def _statements(drafts: Sequence[_Draft]) -> list[tuple[Section, Statement]]:
    return [(draft.paragraph.section, draft.kept[number]) for draft in drafts for number in sorted(draft.kept)]


def _provenance(writer: Writer, drafts: Sequence[_Draft]) -> Provenance:
    return Provenance(
        writer=writer.name,
        prompt_version=writer.prompt_version,
        tokens_in=sum(draft.tokens_in for draft in drafts),
        tokens_out=sum(draft.tokens_out for draft in drafts),
        asked=sum(draft.asked for draft in drafts),
        asked_again=sum(draft.asked_again for draft in drafts),
        dropped=[text for draft in drafts for text in draft.dropped],
        by_template=sum(draft.by_template for draft in drafts),
    )
