"""The language model as a method: at each profile level, with or without habit table, and the two controls."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from itertools import groupby
from typing import Any, cast, get_args

from eval.methods.method import Ranked
from eval.protocol import Cases, evidence_at
from genrec.checkins import Checkins
from genrec.errors import GenRecError
from genrec.evidence import Evidence
from genrec.llm.connect import connect_scorer, default_adapter
from genrec.llm.identity import model_settings
from genrec.profiles.profile import Level, Profile
from genrec.profiles.shelf import ProfileShelf, Show, shown
from genrec.prompting import prompt_version
from genrec.rankers.llm import PROMPTS, LlmRanker, ProfileQuery, PromptStyle, TopK

LLM_NAME = re.compile(
    rf"llm:(?P<level>{'|'.join(get_args(Level))})"
    r"(?:(?<=full)-(?P<show>swapped|emptied))?(?P<notable>-notable)?(?P<adapted>-adapted)?"
)


@dataclass(frozen=True)
class LlmSpec:
    """What the name of a method says: llm:LEVEL[-swapped|-emptied][-notable][-adapted]."""

    level: Level
    show: Show
    habit_table: bool
    adapted: bool

    @classmethod
    def parse(cls, name: str) -> "LlmSpec | None":
        """The meaning of a name; None if it has none."""
        match = LLM_NAME.fullmatch(name)
        if match is None:
            return None
        level, show = cast(Level, match["level"]), cast(Show, match["show"] or "own")
        return cls(level, show, habit_table=not match["notable"], adapted=bool(match["adapted"]))

    @property
    def name(self) -> str:
        """What `parse` reads."""
        parts = (f"llm:{self.level}", self.show if self.show != "own" else "")
        endings = ("" if self.habit_table else "notable", "adapted" if self.adapted else "")
        return "-".join(filter(None, (*parts, *endings)))

    def relatives(self) -> "list[LlmSpec]":
        """What it is compared with: the same without the profile, without the adapter, and with the habit table."""
        others = [replace(self, level="none"), replace(self, adapted=False), replace(self, habit_table=True)]
        return [other for other in others if other != self]


class Models:
    """The models that a run ranks with: one, and if there is an adapter, the same with it. Loaded when first used."""

    def __init__(self, checkins: Checkins, model: str | None, server: str | None, adapter: str | None) -> None:
        self.named = adapter
        self._checkins = checkins
        self._model, self._server = model, server

    @cached_property
    def adapter(self) -> str | None:
        """The adapter that was named, or else the one that comes with the model, if there is one."""
        return self.named or default_adapter(self._model, self._server)

    def settings(self, adapted: bool) -> dict[str, Any]:
        """Which model, in plain types."""
        return model_settings(self._model, self._server, self.adapter if adapted else None)

    @cache  # noqa: B019 - lives as long as the run
    def recommender(self, adapted: bool, prompt: PromptStyle) -> LlmRanker:
        """The model that ranks, with or without the adapter, asked in a style."""
        ranker = connect_scorer(self._model, self._server, self.adapter if adapted else None)
        return LlmRanker(ranker, self._checkins, prompt)


class LlmMethod:
    """Exact top-k of a model's own probabilities, from a prompt with the user's profile."""

    def __init__(self, name: str, spec: LlmSpec, models: Models, shelf: ProfileShelf) -> None:
        self.name = name
        self._spec = spec
        self._models = models
        self._shelf = shelf

    def settings(self, cases: Cases) -> dict[str, Any]:
        """See `Method`."""
        return {
            **asdict(self._spec),
            **self._models.settings(self._spec.adapted),
            "prompt": prompt_style(cases),
            "ranking_prompt": prompt_version(PROMPTS[prompt_style(cases)]),
            "profiles": self._shelf.coverage(cases.examples),
            "profiles_sha256": self._shelf.fingerprint,
            "swap_seed": self._shelf.seed if self._spec.show == "swapped" else None,
        }

    def rank(self, cases: Cases, examples: Sequence[int], k: int) -> Iterator[Ranked]:
        """See `Method`. Raises GenRecError if not one of several examples can be ranked: then it is not up to them."""
        answers: list[Ranked] = []
        for as_of, group in groupby(examples, key=lambda number: cases.examples[number].as_of):
            answers += self._rank(cases, list(group), evidence_at(cases, as_of), k)
        failures = [answer.failure for answer in answers if answer.failure]
        if len(failures) == len(answers) > 1:
            raise GenRecError(f"{self.name}: none of {len(answers)} examples could be ranked: {failures[0]}")
        yield from answers

    def _rank(self, cases: Cases, examples: Sequence[int], evidence: Evidence, k: int) -> Iterator[Ranked]:
        sources: dict[int, Profile | None] = {}
        for number in examples:
            try:
                sources[number] = self._source(cases.examples[number].user_id, evidence)
            except GenRecError as error:
                yield Ranked(number, evidence.fingerprint, failure=str(error))
        recommender = self._models.recommender(self._spec.adapted, prompt_style(cases))
        queries = []
        for number, source in sources.items():
            example = cases.examples[number]
            queries.append(ProfileQuery(shown(source, example.user_id, evidence), cases.at(example), example.prefix))
        for (number, source), answer in zip(sources.items(), self._ask(recommender, queries, k), strict=True):
            ranked = Ranked(
                number,
                evidence.fingerprint,
                profile_user=source.user_id if source else None,
                profile_as_of=source.as_of if source else None,
            )
            if isinstance(answer, GenRecError):
                yield replace(ranked, failure=str(answer))
            else:
                named = cases.examples[number].target in answer.prompt_pois
                yield replace(ranked, pois=answer.pois, probabilities=answer.probabilities, in_prompt=named)

    def _source(self, user_id: str, evidence: Evidence) -> Profile | None:
        if self._spec.show == "emptied":
            return None
        if self._spec.show == "swapped":
            return self._shelf.other(user_id, evidence)
        return self._shelf.source(user_id, evidence)

    def _ask(self, recommender: LlmRanker, queries: Sequence[ProfileQuery], k: int) -> list[TopK | GenRecError]:
        """Rank all at once; if that fails, one by one, so that one bad prompt costs no other its answer."""
        try:
            return list(recommender.rank(queries, k=k, level=self._spec.level, habit_table=self._spec.habit_table))
        except GenRecError as error:
            if len(queries) == 1:
                return [error]
            return [answer for query in queries for answer in self._ask(recommender, [query], k)]


def prompt_style(cases: Cases) -> PromptStyle:
    """GenUP's presets ask as GenUP did."""
    return "genup" if cases.settings["preset"] else "genrec"
