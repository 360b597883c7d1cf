"""The task next-POI: demonstrations are places that people went to; pairs are places that the model proposes, judged.

A demonstration tells the true place. A judgement tells which of two proposals fits better, by a stated rule: the true
place wins, else the right category, else the nearer one. It is cheaper than a demonstration and says less.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from genrec.checkins import Checkins
from genrec.columns import TIME
from genrec.errors import GenRecError
from genrec.evidence import Evidence
from genrec.files import file_hash
from genrec.fingerprint import fingerprint
from genrec.llm.decoding import Trie, top_k
from genrec.prompting import prompt_version
from genrec.rankers.habits import rank_habits
from genrec.rankers.llm import place_trie
from genrec.trajectories import Example, llm4poi
from training.budget.spec import SHORT_PROMPTS, NextPoi
from training.budget.tasks.task import Model, Pair, Question, Questions, Scored, sample
from training.data.cities import training_city
from training.data.conversation import TrainingExample
from training.data.examples import Prompter, conversations, learnable, read
from training.data.judge import CANDIDATES, Judge
from training.prompts import LEARNED_PROMPTS
from training.recipe import Data

BATCH = 32  # prompts ranked at once; fixed, because a model's last digits may depend on what it ranks together
DEPTH = 20  # of the rankings that mrr is taken of
CITY = Data(checkins=Path("synthetic-city"), **SHORT_PROMPTS)


class PoiSource:
    """The check-ins of a task, and the prompts that they make."""

    def __init__(self, spec: NextPoi, past: float = 0) -> None:
        """`past`: share of the check-ins, the earliest, that are not asked about, as the model has read them.

        Raises GenRecError if the check-ins cannot be read.
        """
        self._spec, self._past = spec, past
        self.data = spec.data or CITY
        self.checkins: Checkins = read(self.data) if spec.city is None else training_city(spec.city)

    def facts(self) -> dict[str, Any]:
        """All that the questions depend on, but for the tokenizer."""
        return self.past_facts() | {"task": self._spec.model_dump(mode="json", exclude={"rule", "metric"})}

    def past_facts(self) -> dict[str, Any]:
        """All that the past's conversations depend on."""
        profiles = [file_hash(path) for path in self.data.profiles]
        return {
            "past": self._past,
            "data": self.data.model_dump(mode="json", exclude={"checkins", "profiles"}) | {"profiles": profiles},
            "checkins": fingerprint(self.checkins),
            "prompt": prompt_version(LEARNED_PROMPTS[self.data.prompt]),
        }

    def past_conversations(self, seed: int, count_tokens: Callable[[str], int]) -> list[TrainingExample]:
        """What training makes of the past, in an order that the seed decides."""
        seen, visits = learnable(self.checkins, self.data)
        past = [visit for visit in visits if visit.time < self._present]
        if not past:
            raise GenRecError(
                f"model.past: the first {self._past:.0%} of the check-ins end before the first moment of evidence, so "
                "there is nothing to read: raise past, or task.data.moments"
            )
        return conversations(seen, past, self.data, seed=seed, count_tokens=count_tokens)

    @property
    def _present(self) -> datetime:
        """When the past ends."""
        found: datetime = self.checkins.frame[int(len(self.checkins.frame) * self._past), TIME]
        return found

    def questions(self, count_tokens: Callable[[str], int]) -> Questions:
        """Prompts of the training visits, and of the last visits of validation and test trajectories."""
        seen, visits = learnable(self.checkins, self.data)
        visits = sample([visit for visit in visits if visit.time >= self._present], self._spec.train_limit)
        validation = sample(llm4poi(self.checkins, "validation").examples, self._spec.validation_limit)
        test = _final_visits(self._spec, self.checkins)
        if not (visits and validation and test):
            raise GenRecError("too few check-ins: no examples to train on, to validate with or to test with")
        return Questions(
            _asked(Prompter(seen, self.data, count_tokens), visits),
            _asked(Prompter(self.checkins, self.data, count_tokens), validation),
            _asked(Prompter(self.checkins, self.data, count_tokens), test),
        )


class PoiTask:
    """See `Task`."""

    shared = True
    pair_batch = BATCH

    def __init__(self, spec: NextPoi, checkins: Checkins, questions: Questions) -> None:
        self._spec, self._checkins = spec, checkins
        self._judge = Judge(checkins.pois)
        self._tries: dict[str, Trie] = {}
        self.questions = questions
        self.pair_pool = len(questions.train)

    def pairs(self, order: Sequence[int], model: Model) -> Iterator[list[Pair]]:
        """Of each prompt, two of the model's first proposals that the rule tells apart, drawn at random."""
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            asked = [self.questions.train[i] for i in batch]
            made = []
            for number, one, proposals in zip(batch, asked, self._ranked(model, asked, CANDIDATES), strict=True):
                draw = random.Random(number)
                pair = self._judge.pair(proposals, int(one.answer), self._spec.rule, set(), draw)
                if pair:
                    made.append(Pair(one.prompt, *map(str, pair)))
            yield made

    def scores(self, model: Model, questions: Sequence[Question]) -> Scored:
        """Acc@1 or the reciprocal rank (0 beyond rank 20) of the true place in the exact ranking of all places."""
        depth = 1 if self._spec.metric == "acc@1" else DEPTH
        scores = []
        for start in range(0, len(questions), BATCH):
            batch = questions[start : start + BATCH]
            ranked = self._ranked(model, batch, depth)
            scores += [_reciprocal_rank(places, int(one.answer)) for places, one in zip(ranked, batch, strict=True)]
        return Scored(scores)

    def template(self) -> Scored:
        """The same of a ranking by the person's habits, without any language model."""
        depth = 1 if self._spec.metric == "acc@1" else DEPTH
        scores = []
        evidence: Evidence | None = None
        for one in _in_order(_final_visits(self._spec, self._checkins)):
            if evidence is None or evidence.as_of != one.as_of:
                evidence = Evidence(self._checkins, one.as_of)
            habits = evidence.habits(one.user_id)
            found = rank_habits(habits, evidence.city, self._checkins.pois, at=one.time, prefix=one.prefix)
            scores.append(_reciprocal_rank([int(poi) for poi in np.argsort(-found, kind="stable")[:depth]], one.target))
        return Scored(scores)

    def _ranked(self, model: Model, questions: Sequence[Question], depth: int) -> list[list[int]]:
        if model.name not in self._tries:
            self._tries[model.name] = place_trie(model, len(self._judge))
        tries = [self._tries[model.name]] * len(questions)
        tokens = [model.prompt_tokens(one.prompt) for one in questions]
        return [[scored.answer for scored in best] for best in top_k(model.read(tokens, tries), tries, depth)]


def _asked(prompter: Prompter, examples: Sequence[Example]) -> tuple[Question, ...]:
    return tuple(
        Question(tuple(prompter.ask(one).messages), str(one.target), one.user_id) for one in _in_order(examples)
    )


def _final_visits(spec: NextPoi, checkins: Checkins) -> tuple[Example, ...]:
    """What a model is tested with."""
    return sample(llm4poi(checkins).examples, spec.test_limit)


def _in_order(examples: Sequence[Example]) -> list[Example]:
    """In the order of the moments of evidence."""
    return sorted(examples, key=lambda one: (one.as_of, one.user_id, one.time))


def _reciprocal_rank(places: Sequence[int], truth: int) -> float:
    return next((1 / rank for rank, place in zip(count(1), places, strict=False) if place == truth), 0.0)
