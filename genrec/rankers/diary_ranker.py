"""The language model as a ranker of names: it goes on with a person's diary."""

from collections.abc import Sequence
from functools import cached_property, partial

from genrec.checkins import Checkins
from genrec.llm.backend import AnswerScorer, Over
from genrec.llm.decoding import Trie, telling
from genrec.profiles.profile import Level
from genrec.rankers.diary import DIARY, Diarist, DiaryPrompt, answer
from genrec.rankers.llm import Asked, ModelRanker, ProfileQuery, TopK
from genrec.rankers.place_names import place_names
from genrec.trajectories import Visit, since


class DiaryRanker(ModelRanker):
    """Ranks places by their names."""

    def __init__(self, scorer: AnswerScorer, checkins: Checkins, over: Over = "catalogue") -> None:
        """See `ModelRanker`."""
        super().__init__(scorer, checkins, DIARY, over)
        self._diarist = Diarist(checkins.pois, place_names(checkins.pois), hours=not checkins.dates_only)

    def rank(
        self, queries: Sequence[ProfileQuery], *, k: int = 10, level: Level = "full", told: bool = True
    ) -> list[TopK]:
        """Rank all POIs for each query, side by side; `told`: whether prompts tell the earlier visits.

        Raises GenRecError if a profile was written for other data.
        """
        return self._answered(queries, partial(self._prompt, level=level, told=told), k)

    def _prompt(self, query: ProfileQuery, *, level: Level, told: bool) -> Asked:
        profile = query.profile
        visits: Sequence[Visit] = ()
        if told:
            visits = [*self._as_of(profile.as_of).visits(profile.user_id), *since(query.prefix, profile.as_of)]
        prompt = self._diarist.ask(profile, visits, query.at, level)
        return Asked(diary_tokens(self._scorer, prompt), prompt.pois)

    @cached_property
    def trie(self) -> Trie:
        """See `ModelRanker`."""
        answers = self._distinct([answer(name) for name in self._diarist.names])
        return telling(answers) if self._over == "catalogue" else Trie(answers)

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


def diary_tokens(scorer: AnswerScorer, prompt: DiaryPrompt) -> list[int]:
    """The prompt as the model reads it."""
    tokens = scorer.prompt_tokens(prompt.messages)
    return tokens + [token for piece in prompt.begun for token in scorer.text_tokens(piece)]
