"""The language model as a method: at each profile level, with or without habit table, and the two controls."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from itertools import groupby
from typing import Any, Literal, cast, get_args

from eval.methods.method import Ranked
from eval.protocol import Cases, evidence_at
from genrec.checkins import Checkins
from genrec.errors import GenRecError
from genrec.evidence import Evidence
from genrec.llm.backend import AnswerScorer
from genrec.llm.connect import connect_scorer, default_adapter
from genrec.llm.identity import model_settings
from genrec.profiles.profile import Level, Profile
from genrec.profiles.shelf import ProfileShelf, Show, shown
from genrec.prompting import prompt_version
from genrec.rankers.diary_ranker import DiaryRanker
from genrec.rankers.llm import PROMPTS, LlmRanker, ProfileQuery, PromptStyle, TopK

LEVELS = "|".join(get_args(Level))
LLM_NAME = re.compile(
    rf"llm:(?P<level>{LEVELS})(?:(?<=full)-(?P<show>swapped|emptied))?(?P<notable>-notable)?(?P<adapted>-adapted)?"
)
DIARY_NAME = re.compile(
    r"llm:(?P<shows>diary-only|profile-only|diary|neither)"
    r"(?:(?<!diary-only)(?<!neither)-(?P<show>swapped|emptied))?(?P<adapted>-adapted)?"
)
Shows = Literal["diary", "diary-only", "profile-only", "neither"]
UNREAD: dict[Shows, Shows] = {"diary": "diary-only", "profile-only": "neither"}  # the same without the profile
TOLD: tuple[Shows, ...] = ("diary", "diary-only")  # with the earlier visits


@dataclass(frozen=True)
class LlmSpec:
    """What the name of a method says.

    llm:LEVEL[-swapped|-emptied][-notable][-adapted]: answers are numbers; a habit table stands in the prompt.
    llm:SHOWS[-swapped|-emptied][-adapted]: answers are names; the prompt is a diary, a profile, both or neither.
    """

    level: Level
    show: Show
    habit_table: bool
    adapted: bool
    shows: Shows | None = None

    @classmethod
    def parse(cls, name: str) -> "LlmSpec | None":
        """The meaning of a name; None if it has none."""
        if match := DIARY_NAME.fullmatch(name):
            shows = cast(Shows, match["shows"])
            level: Level = "full" if shows in UNREAD else "none"
            return cls(level, cast(Show, match["show"] or "own"), False, bool(match["adapted"]), shows)
        match = LLM_NAME.fullmatch(name)
        if match is None:
            return None
        level, show = cast(Level, match["level"]), cast(Show, match["show"] or "own")
        return cls(level, show, habit_table=not match["notable"], adapted=bool(match["adapted"]))

    @property
    def name(self) -> str:
        """What `parse` reads."""
        parts = (f"llm:{self.shows or self.level}", self.show if self.show != "own" else "")
        endings = ("" if self.habit_table or self.shows else "notable", "adapted" if self.adapted else "")
        return "-".join(filter(None, (*parts, *endings)))

    def relatives(self) -> "list[LlmSpec]":
        """What it is compared with: the same without the profile, without the adapter, and with the habit table."""
        if self.shows is None:
            others = [replace(self, level="none"), replace(self, adapted=False), replace(self, habit_table=True)]
        else:
            unread = replace(self, level="none", show="own", shows=UNREAD.get(self.shows, self.shows))
            others = [unread, replace(self, adapted=False)]
        return [other for other in others if other != self]


class Models:
    """The models that a run ranks with: one, and if there is an adapter, the same with it. Loaded when first used."""

    def __init__(self, checkins: Checkins, model: str | None, server: str | None, adapter: str | None) -> None:
        self.named = adapter
        self._checkins = checkins
        self._model, self._server = model, server

    @cache  # noqa: B019 - lives as long as the run
    def adapter(self, prompt: PromptStyle) -> str | None:
        """The adapter that was named, or else the one that comes with the model, if there is one for the prompt."""
        return self.named or (None if prompt == "diary" else default_adapter(self._model, self._server))

    def settings(self, adapted: bool, prompt: PromptStyle) -> dict[str, Any]:
        """Which model, in plain types."""
        return model_settings(self._model, self._server, self.adapter(prompt) if adapted else None)

    @cache  # noqa: B019 - lives as long as the run
    def recommender(self, adapted: bool, prompt: PromptStyle) -> LlmRanker:
        """The model that answers with numbers, with or without the adapter, asked in a style."""
        return LlmRanker(self._scorer(adapted, prompt), self._checkins, prompt)

    @cache  # noqa: B019 - lives as long as the run
    def diary_ranker(self, adapted: bool) -> DiaryRanker:
        """The model that answers with names, with or without the adapter."""
        return DiaryRanker(self._scorer(adapted, "diary"), self._checkins)

    def _scorer(self, adapted: bool, prompt: PromptStyle) -> AnswerScorer:
        return connect_scorer(self._model, self._server, self.adapter(prompt) if adapted else None)


class LlmMethod:
    """Exact top-k of a model's own probabilities, from a prompt with the user's profile."""

    def __init__(self, name: str, spec: LlmSpec, models: Models, shelf: ProfileShelf) -> None:
        self.name = name
        self._spec = spec
        self._models = models
        self._shelf = shelf

    def settings(self, cases: Cases) -> dict[str, Any]:
        """See `Method`."""
        prompt = self._prompt(cases)
        return {
            **{key: value for key, value in asdict(self._spec).items() if value is not None},
            **self._models.settings(self._spec.adapted, prompt),
            "prompt": prompt,
            "ranking_prompt": prompt_version(PROMPTS[prompt]),
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
        queries = []
        for number, source in sources.items():
            example = cases.examples[number]
            queries.append(ProfileQuery(shown(source, example.user_id, evidence), cases.at(example), example.prefix))
        for (number, source), answer in zip(sources.items(), self._ask(self._ranking(cases, k), queries), strict=True):
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

    def _prompt(self, cases: Cases) -> PromptStyle:
        return "diary" if self._spec.shows else prompt_style(cases)

    def _ranking(self, cases: Cases, k: int) -> Callable[[Sequence[ProfileQuery]], list[TopK]]:
        """What ranks all places for queries."""
        spec = self._spec
        if spec.shows:
            ranker = self._models.diary_ranker(spec.adapted)
            return partial(ranker.rank, k=k, level=spec.level, told=spec.shows in TOLD)
        numbers = self._models.recommender(spec.adapted, prompt_style(cases))
        return partial(numbers.rank, k=k, level=spec.level, habit_table=spec.habit_table)

    def _ask(
        self, rank: Callable[[Sequence[ProfileQuery]], list[TopK]], queries: Sequence[ProfileQuery]
    ) -> list[TopK | GenRecError]:
        """Rank all at once; if that fails, one by one, so that one bad prompt costs no other its answer."""
        try:
            return list(rank(queries))
        except GenRecError as error:
            if len(queries) == 1:
                return [error]
            return [answer for query in queries for answer in self._ask(rank, [query])]


def prompt_style(cases: Cases) -> PromptStyle:
    """GenUP's presets ask as GenUP did."""
    return "genup" if cases.settings["preset"] else "genrec"
