"""How well adapters that go on with diaries know the visits of each period: the experiment on updates with a model.

A diary is put as rankings put it: a profile, the person's earlier visits (those that a ranking would tell), and behind
them each visit that is asked about. One pass over it gives the probability of each of these among all places, exactly
the one that a ranking gives. Where the model ranks the place is not asked: that would take as long as the trainings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch

from eval.experiments.update_runs import ADAPTER
from eval.experiments.update_scores import LEAST
from eval.experiments.update_stages import Stages
from genrec.checkins import Checkins
from genrec.columns import CATEGORY, POI, TIME, USER
from genrec.habits import habits_of
from genrec.llm.adapter import read_adapter
from genrec.llm.head import Head
from genrec.llm.loading import load_model
from genrec.llm.local import LocalModel
from genrec.llm.lora import put_on
from genrec.profiles.profile import Profile
from genrec.profiles.writer import HabitsWriter, Subject
from genrec.rankers.diary import MOST_LINES, Diarist, answer
from genrec.rankers.diary_ranker import DiaryRanker
from genrec.rankers.place_names import place_names
from genrec.rankers.ranking_prompt import first_told
from genrec.trajectories import Example, Visit


@dataclass(frozen=True)
class Diary:
    """A person's visits, and which of them are asked about; the last one is."""

    profile: Profile
    visits: Sequence[Visit]
    asked: frozenset[int]


def scored_diaries(
    stages: Stages, visits: Mapping[str, Sequence[Example]], models: Mapping[tuple[str, int], Path]
) -> list[dict[str, Any]]:
    """A row for each arm, stage and period: how many visits, and the loss of a visit on average."""
    checkins = stages.checkins
    diaries = {period: diaries_of(checkins, asked) for period, asked in visits.items()}
    rows = []
    for (arm, stage), folder in models.items():
        reader = Reader(_with(folder), checkins)
        for period, own in diaries.items():
            losses = np.minimum([loss for diary in own for loss in reader.losses(diary)], -np.log(LEAST))
            loss = round(float(np.mean(losses)), 5)
            about = {"model": ADAPTER, "arm": arm, "stage": stage, "period": period}
            rows.append({**about, "visits": len(losses), "loss": loss})
    return rows


def diaries_of(checkins: Checkins, asked: Sequence[Example]) -> list[Diary]:
    """Diaries in which each visit that is asked about stands behind the same ones as in its own ranking's prompt."""
    writer = HabitsWriter(checkins.pois[CATEGORY].unique().sort().to_list())
    people = {visit.user_id for visit in asked}
    frame = checkins.frame.filter(checkins.frame[USER].is_in(people))
    told = {user: list(zip(*own, strict=True)) for user, *own in frame.group_by(USER).agg(TIME, POI).iter_rows()}

    def place(visit: Example) -> tuple[str, int, int]:
        """Whose, the first visit that its prompt tells, and which visit it is."""
        number = told[visit.user_id].index((visit.time, visit.target))
        return visit.user_id, first_told(number, MOST_LINES), number

    found = []
    placed = sorted((*place(visit), visit.as_of) for visit in asked)
    for (user, first), group in groupby(placed, key=lambda one: one[:2]):
        together = list(group)
        last = together[-1][2]
        [profile] = writer.write([Subject(habits_of(checkins, user, together[0][3]))])
        numbers = frozenset(number - first for _, _, number, _ in together)
        found.append(Diary(profile, told[user][first : last + 1], numbers))
    return found


def _with(adapter: Path) -> LocalModel:
    """The model that an adapter was trained on, with it."""
    model, tokenizer, info = load_model(read_adapter(adapter).base)
    return LocalModel(put_on(model, adapter).merge_and_unload().eval(), tokenizer, info.name)


class Reader:
    """Reads diaries about the places of a city with a model."""

    def __init__(self, model: LocalModel, checkins: Checkins) -> None:
        """`model`: without a declaration, for it may have learned before some of the places were there."""
        self._model = model
        self._trie = DiaryRanker(model, checkins).trie
        self._diarist = Diarist(checkins.pois, place_names(checkins.pois), hours=not checkins.dates_only)
        self._head = Head(model.engine.model)

    @torch.inference_mode()
    def losses(self, diary: Diary) -> list[float]:
        """Minus the log-probability of each visit's place among all places."""
        *before, (time, poi) = diary.visits
        prompt = self._diarist.ask(diary.profile, before, time)
        tokens = self._model.prompt_tokens(prompt.messages)
        steps: list[tuple[int, int, list[int], int]] = []  # visit, position, tokens that may follow, which one does
        for number, said in enumerate((*prompt.begun, answer(self._diarist.names[poi]))):
            piece = self._model.text_tokens(said)
            visit, is_answer = divmod(number, 2)
            if is_answer and visit in diary.asked:
                steps += [(visit, len(tokens) + at - 1, *choice) for at, choice in enumerate(self._choices(piece))]
            tokens += piece
        column = {token: number for number, token in enumerate(self._trie.alphabet)}
        model = self._model.engine.model
        wanted = torch.tensor([position for _, position, _, _ in steps], device=model.device)
        given = torch.tensor([tokens], device=model.device)
        logits = self._head.logits(model, wanted, self._trie.alphabet, input_ids=given, use_cache=False)
        losses = dict.fromkeys(sorted(diary.asked), 0.0)
        for row, (visit, _, following, chosen) in zip(logits.float(), steps, strict=True):
            losses[visit] -= float(row[[column[token] for token in following]].log_softmax(0)[chosen])
        return list(losses.values())

    def _choices(self, said: Sequence[int]) -> list[tuple[list[int], int]]:
        """At each token of an answer: those that lead to places, and which of them it is."""
        node, found = 0, []
        for token in said:
            if not (children := self._trie.children(node)):
                break  # no other place goes on like this
            found.append((list(children), list(children).index(token)))
            node = children[token]
        return found
