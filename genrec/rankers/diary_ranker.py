"""The language model as a ranker of names: it goes on with a person's diary."""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

from genrec.checkins import Checkins
from genrec.evidence import Evidence
from genrec.habits import CityHabits
from genrec.llm.backend import AnswerScorer, CacheUse, Over
from genrec.llm.decoding import Trie, telling
from genrec.prepared import catalogue_hash
from genrec.profiles.profile import Level, require_catalogue
from genrec.prompting import prompt_version
from genrec.rankers.diary import DIARY, Diarist, DiaryPrompt, answer
from genrec.rankers.llm import Asked, ProfileQuery, TopK, answered
from genrec.rankers.place_names import place_names
from genrec.trajectories import Visit, since


class DiaryRanker:
    """Ranks the places of one catalogue by their names.

    `over`: of what probabilities are shares (see `Over`): of the places, unless all that the model might say is asked
    for.
    """

    def __init__(self, scorer: AnswerScorer, checkins: Checkins, over: Over = "catalogue") -> None:
        """Raises GenRecError if the model's adapter was trained for another catalogue or prompt."""
        if scorer.adapter:
            scorer.adapter.require(catalogue_hash(checkins.pois), prompt_version(DIARY))
        self.name = scorer.name
        self._scorer, self._checkins = scorer, checkins
        self._over = over
        self._diarist = Diarist(checkins.pois, place_names(checkins.pois), hours=not checkins.dates_only)
        self._evidence: Evidence | None = None

    def cache_use(self) -> CacheUse:
        """How much of the prompts the model's prefix cache has spared so far."""
        return self._scorer.cache_use()

    def rank(
        self, queries: Sequence[ProfileQuery], *, k: int = 10, level: Level = "full", told: bool = True
    ) -> list[TopK]:
        """Rank all POIs for each query, side by side; `told`: whether prompts tell the earlier visits.

        Raises GenRecError if a profile was written for other data.
        """
        require_catalogue((query.profile for query in queries), self._checkins.pois)
        prompts = [self._prompt(query, level, told=told) for query in queries]
        read = [Asked(diary_tokens(self._scorer, prompt), prompt.pois) for prompt in prompts]
        return answered(self._scorer, read, self._trie, self._over, k)

    def _prompt(self, query: ProfileQuery, level: Level, *, told: bool) -> DiaryPrompt:
        profile = query.profile
        visits: Sequence[Visit] = ()
        if told:
            visits = [*self._as_of(profile.as_of).visits(profile.user_id), *since(query.prefix, profile.as_of)]
        return self._diarist.ask(profile, visits, query.at, level)

    @cached_property
    def _trie(self) -> Trie:
        answers = self._distinct([answer(name) for name in self._diarist.names])
        return Trie(telling(answers) if self._over == "catalogue" else answers)

    def _distinct(self, answers: Sequence[str]) -> list[list[int]]:
        """Tokens of answers, each once: names that differ only by what no prompt may hold get a number."""
        taken: set[tuple[int, ...]] = set()
        found = []
        for text in answers:
            tokens, number = self._scorer.text_tokens(text), 1
            while tuple(tokens) in taken:
                number += 1
                tokens = self._scorer.text_tokens(answer(f"{text.strip()} {number}"))
            taken.add(tuple(tokens))
            found.append(tokens)
        return found

    def city(self, as_of: datetime) -> CityHabits:
        """Everybody's habits as of a moment."""
        return self._as_of(as_of).city

    def _as_of(self, moment: datetime) -> Evidence:
        """What is known as of a moment; that of the last one is kept."""
        if self._evidence is None or self._evidence.as_of != moment:
            self._evidence = Evidence(self._checkins, moment)
        return self._evidence


def diary_tokens(scorer: AnswerScorer, prompt: DiaryPrompt) -> list[int]:
    """The prompt as the model reads it."""
    tokens = scorer.prompt_tokens(prompt.messages)
    return tokens + [token for piece in prompt.begun for token in scorer.text_tokens(piece)]
