"""The task profile-writing: demonstrations are paragraphs about people, pairs are comparisons of two paragraphs.

All people are synthetic, those of the test live in cities of their own. A model is asked for a paragraph of notes, and
what it writes is held against the person's visits. A pair is the paragraph of a demonstration and a worse one.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eval.profiles.portraits import Score, score
from genrec.columns import CATEGORY, TIME, USER
from genrec.habit_models import Habits
from genrec.habits import all_habits
from genrec.profiles.portrait.facts import Fact
from genrec.profiles.portrait.phrases import phrases
from genrec.profiles.portrait.plan import plan, portrait_messages
from genrec.profiles.portrait.realise import Realiser, phrase_words
from genrec.profiles.portrait.writer import PARAGRAPH_STOP
from training.budget.spec import ProfileWriting
from training.budget.tasks.task import Model, Pair, Question, Questions, Scored, sample
from training.data.cities import training_city
from training.data.examples import paragraphs
from training.data.portraits import with_drawn_kinds
from training.progress import Progress, nothing
from training.recipe import Cities, Data

BATCH = 32  # examples that pairs are made of at a time
# What a paragraph is worth: mostly that its sentences are true, and that they tell what the notes do.
WEIGHTS = {"supported": 0.4, "told": 0.4, "redundant": 0.1, "readability": 0.1}


@dataclass(frozen=True)
class _Person:
    """What a paragraph about somebody is held against."""

    habits: Habits
    vocabulary: frozenset[str]
    facts: tuple[Fact, ...]  # that the paragraph is to tell


class WritingTask:
    """See `Task`."""

    shared = True
    pair_batch = BATCH

    def __init__(self, spec: ProfileWriting, progress: Progress = nothing) -> None:
        """`progress` hears of the cities to learn from; raises GenRecError if they have too few paragraphs."""
        self._spec = spec
        self._people: dict[tuple[str, str], _Person] = {}  # by `_key`
        data = Data(prompt="portrait", cities=spec.cities, relabel=True)
        written = [one for one in paragraphs(data, 0, progress) if len(one.sentences) <= spec.sentences]
        self._written = sample(written, spec.train_limit)
        self.questions = Questions(
            tuple(
                Question(tuple(portrait_messages(one.paragraph)), " ".join(one.sentences), str(number))
                for number, one in enumerate(self._written)
            ),
            self._asked(spec.validation_cities, spec.validation_limit),
            self._asked(spec.test_cities, spec.test_limit),
        )
        self.pair_pool = len(self._written)

    def facts(self) -> dict[str, Any]:
        """All that models and their scores depend on."""
        asked = [
            [(one.prompt, one.answer, one.group) for one in part]
            for part in (self.questions.train, self.questions.validation, self.questions.test)
        ]
        return {"kind": self._spec.kind, "asked": asked, "max_tokens": self._spec.max_tokens, "weights": WEIGHTS}

    def pairs(self, order: Sequence[int], model: Model) -> Iterator[list[Pair]]:
        """Of each paragraph, it and a worse one, where one can be made."""
        from training.data.portrait_pairs import portrait_pairs  # deferred: loads TRL, which plans do without

        for start in range(0, len(order), BATCH):
            made = []
            for number in order[start : start + BATCH]:
                for one in portrait_pairs([self._written[number]], random.Random(number)):
                    made.append(Pair(tuple(one.prompt), one.chosen, one.rejected))
            yield made

    def scores(self, model: Model, questions: Sequence[Question]) -> Scored:
        """Of the paragraphs that the model writes, decoded greedily in the words of notes and phrasings."""
        written = model.generate(
            [one.prompt for one in questions],
            max_tokens=self._spec.max_tokens,
            stop=PARAGRAPH_STOP,
            words=phrase_words(),
        )
        return self._scored(questions, [one.text for one in written])

    def template(self) -> Scored:
        """Of the test's paragraphs in the phrasings that the demonstrations were made with."""
        return self._scored(self.questions.test, [one.answer for one in self.questions.test])

    def _scored(self, questions: Sequence[Question], texts: Sequence[str]) -> Scored:
        found = []
        for one, text in zip(questions, texts, strict=True):
            person = self._people[_key(one)]
            said = "" if copies_notes(text) else text
            found.append(score(said, person.habits, person.vocabulary, person.facts))
        return Scored([worth(one) for one in found], [one.supported for one in found])

    def _asked(self, cities: Cities, limit: int | None) -> tuple[Question, ...]:
        """A sample of the paragraphs of the cities' people, each with the person."""
        people = [one for number in range(cities.count) for one in self._people_of(cities.first_seed + number)]
        kept = sample(people, limit)
        self._people |= {_key(question): person for question, person in kept}
        return tuple(question for question, _ in kept)

    def _people_of(self, seed: int) -> Iterator[tuple[Question, _Person]]:
        draw = random.Random(seed)
        checkins = with_drawn_kinds(training_city(seed), draw)
        vocabulary = frozenset(checkins.pois[CATEGORY])
        moment = checkins.frame[draw.randrange(len(checkins.frame) // 4, len(checkins.frame)), TIME]
        for user, habits in all_habits(checkins, moment, sorted(checkins.frame[USER].unique())).items():
            realiser = Realiser(user)
            for paragraph in plan(habits):
                answer = " ".join(realiser.paragraph(paragraph))
                if len(paragraph.groups) <= self._spec.sentences:
                    told = [fact for group in paragraph.groups for fact in group]
                    total = sum(fact.weight for fact in told)
                    weighed = tuple(replace(fact, weight=fact.weight / total) for fact in told)
                    question = Question(tuple(portrait_messages(paragraph)), answer, f"{seed} {user}")
                    yield question, _Person(habits, vocabulary, weighed)


def _key(question: Question) -> tuple[str, str]:
    """Whose paragraph a question asks for, and which."""
    return question.group, question.prompt[-1]["content"]


def copies_notes(text: str) -> bool:
    """Whether a text is notes again, as they were given, and not a paragraph: a base model goes on like that."""
    return any(f"{phrase.cue}: " in text for alike in phrases().values() for phrase in alike)


def worth(found: Score) -> float:
    """One figure between 0 and 1 of a paragraph's score; 0 if there is nothing."""
    if not found.words:
        return 0.0
    readable = min(max(found.readability / 100, 0.0), 1.0)
    parts = {
        "supported": found.supported,
        "told": min(found.told, 1.0),
        "redundant": 1 - found.redundant,
        "readability": readable,
    }
    return sum(weight * parts[name] for name, weight in WEIGHTS.items())
