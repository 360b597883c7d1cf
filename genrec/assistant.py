"""What an application does for people: profiles from a file or written now, and rankings, by whoever is to rank.

The command line calls it.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from genrec.beside import Beside
from genrec.checkins import Checkins
from genrec.columns import CATEGORY, POI, USER
from genrec.errors import GenRecError
from genrec.explaining import Ask
from genrec.habits import habits_of
from genrec.llm.adapter import WRITER
from genrec.llm.backend import AnswerScorer, CacheUse, Over
from genrec.llm.connect import connect, connect_scorer, default_adapter, shipped_adapter
from genrec.llm.identity import model_settings
from genrec.parted import CHECK_INS, Parted
from genrec.profiles.named_places import NameIndex, PlaceNames
from genrec.profiles.place_kinds import place_kinds, vocabulary
from genrec.profiles.portrait.plan import PORTRAIT
from genrec.profiles.portrait.writer import LlmWriter, PortraitWriter
from genrec.profiles.profile import Level, Profile
from genrec.profiles.statements import Said, parse
from genrec.profiles.words_worth import words_worth
from genrec.profiles.writer import Subject, Writer
from genrec.prompting import prompt_version
from genrec.ranking import By, Ranking
from genrec.recommender import LlmRecommender, Recommender, query
from genrec.steering import Shift, Steering
from genrec.terminal import note

STRANGER = "(somebody new)"  # stands for the user id of a person without check-ins
READ_KEPT = 1000  # texts
ANYTHING = "I love coffee."
LONGEST_NAME = 60  # characters of a user id in a message; to look for others like a longer one would take long

Busy = Callable[[str], AbstractContextManager[object]]  # shows what takes long, as long as it does


@dataclass(frozen=True)
class Models:
    """What the user named: a model or a server, an adapter that ranks or none, and who writes missing profiles."""

    model: str | None
    server: str | None
    adapter: str | None
    plain: bool  # no adapter, not even the one that comes with the model
    profile_model: str | None
    probabilities: Over = "catalogue"  # of a model that ranks


class Assistant:
    """Data, profiles, rankers, and models that are loaded when first used.

    `rankers`: a folder whose fusion ranks, instead of the one that comes with GenRec. `beside`: a folder with a gate
    that says where the model is asked, too. `words`: who reads what people say, if somebody does already for the same
    places.
    """

    def __init__(
        self,
        checkins: Checkins,
        profiles: dict[str, Profile],
        models: Models,
        busy: Busy = nullcontext,
        rankers: Path | None = None,
        *,
        beside: Path | None = None,
        words: "WordReader | None" = None,
    ) -> None:
        self.checkins = checkins
        self.profiles = profiles
        self.models = models
        self.words = words or WordReader(models, checkins, busy)
        self.users = dict.fromkeys(checkins.frame[USER].unique(maintain_order=True).to_list())
        self._busy = busy
        self.beside: Beside | None = None
        if beside:
            named = model_settings(models.model, models.server, models.adapter)
            self.beside = Beside(beside, checkins, profiles.values(), named, lambda: self._scorer(models.adapter))
        self.recommender = Recommender(checkins, rankers, self.beside)
        self._used = CacheUse(0, 0)
        self._written: dict[tuple[str, datetime | None], Profile] = {}

    def profile(self, user: str | None, about: str | None, at: datetime | None) -> Profile:
        """The user's profile: from the file, or written now from what is known before `at`."""
        if user is not None and user in self.profiles:
            return self.profiles[user]
        if user is not None and about is None:
            check_user(user, self.users)
            if (user, at) in self._written:
                return self._written[user, at]
        habits = habits_of(self.checkins, user or STRANGER, at)
        if not habits.checkins and about is None:
            raise GenRecError(
                f"user {user!r} has no check-ins before {at}; say with --about who they are, without --user"
            )
        [profile] = self.writer.write([Subject(habits, about or "")])
        if user is not None and about is None:
            self._written[user, at] = profile
        return profile

    @cached_property
    def writer(self) -> Writer:
        """Who writes: never the adapter, which can rank only."""
        name, url, other = self.models.model, self.models.server, self.models.profile_model
        if other is not None:
            remote = other.startswith(("http://", "https://"))
            name, url = (None, other) if remote else (other, None)
        return make_writer("llm", name, url, self.checkins, self._busy)

    @cached_property
    def adapter(self) -> str | None:
        """The adapter that ranks: the one named, or the one that comes with the model unless told otherwise."""
        if self.models.adapter or self.models.plain:
            return self.models.adapter
        return default_adapter(self.models.model, self.models.server)

    @cached_property
    def llm(self) -> LlmRecommender:
        """The model that ranks."""
        return LlmRecommender(self._scorer(self.adapter), self.checkins, self.models.probabilities)

    def _scorer(self, adapter: str | None) -> AnswerScorer:
        with self._busy("loading the model"):
            return connect_scorer(self.models.model, self.models.server, adapter)

    def rank(self, asks: Sequence[Ask], by: By, k: int, level: Level) -> list[Ranking]:
        """Rank for users at times, side by side; `level` is for the LLM, for which missing profiles are written."""
        if by == "llm":
            return self.rank_profiles([(self.profile(user, None, at), at) for user, at in asks], k, level)
        for user, _ in asks:
            check_user(user, self.users)
        with self._busy("counting"):
            return self.recommender.rank(asks, by, k=k)

    def rank_profiles(self, asks: Sequence[tuple[Profile, datetime | None]], k: int, level: Level) -> list[Ranking]:
        """Rank by the LLM for people at times, side by side."""
        queries = [query(self.checkins, profile, at) for profile, at in asks]
        before = self.llm.cache_use()
        rankings = self.llm.recommend_all(queries, k=k, level=level)
        self._used += self.llm.cache_use().since(before)
        return rankings

    def rank_with_words(
        self, user: str | None, at: datetime | None, says: Sequence[str], k: int, strength: float = 1.0
    ) -> Ranking:
        """Rank by the fusion for a user, or for somebody new (None), who says something of themselves.

        The model is loaded only if some of it may count.
        """
        if user is not None:
            check_user(user, self.users)
        own = self.checkins.frame.filter(pl.col(USER) == user)[POI].unique() if user is not None else ()
        names = PlaceNames(self._places, own=set(own))
        words = self.words.shift([names.numbered(text) for text in says], at, strength).named(names)
        return self.recommender.rank([(STRANGER if user is None else user, at)], "fusion", k=k, words=words)[0]

    @cached_property
    def _places(self) -> NameIndex:
        """The names of the places, to be found in words."""
        return NameIndex(self.checkins.pois)

    def reused(self) -> float:
        """Share of the tokens of all prompts so far that the model's prefix cache held."""
        return self._used.hit_rate


class WordReader:
    """Reads what people say of themselves, for the places of some check-ins; it keeps what it has read lately.

    The model is loaded only if something counts; it reads words as it is: the adapter can rank only.
    """

    def __init__(self, models: Models, checkins: Checkins, busy: Busy = nullcontext) -> None:
        self._models, self._checkins, self._busy = models, checkins, busy
        self._pois = checkins.pois
        self._parsed = lru_cache(READ_KEPT)(self._parse)
        self._signed: dict[str, list[Said]] = {}

    def load(self) -> None:
        """Load the model and ask it for once, so that who says something first need not wait for it."""
        self.shift([ANYTHING], None)

    def needs_model(self, says: Sequence[str]) -> bool:
        """Whether a model is needed to tell what these texts change, if they change anything."""
        return any(clause.sign or clause.asked for text in says for clause in self._parsed(text))

    def shift(self, says: Sequence[str], at: datetime | None, strength: float = 1.0) -> Shift:
        """What all that is said adds at a local time; places are named by their numbers."""
        if not strength or not self.needs_model(says):
            said = [clause for text in says for clause in self._parsed(text)]
            return Shift(tuple(said), np.zeros((len(said), len(self._pois))))
        with self._busy("reading what was said"):
            if len(self._signed) >= READ_KEPT:
                self._signed.clear()
                self.__dict__.pop("_steering", None)
            for text in says:
                if text not in self._signed:
                    self._signed[text] = self._steering.signed(self._parsed(text))
            return self._steering.shift([clause for text in says for clause in self._signed[text]], at, strength)

    def _parse(self, text: str) -> list[Said]:
        return parse(text, self._kinds, self._own)

    @cached_property
    def _own(self) -> dict[int, str]:
        return dict(enumerate(self._pois[CATEGORY].to_list()))

    @cached_property
    def _kinds(self) -> list[str]:
        return vocabulary(place_kinds(self._pois))

    @cached_property
    def _steering(self) -> Steering:
        model, server = self._models.model, self._models.server
        scorer, worth = connect_scorer(model, server), words_worth(self._checkins)
        return Steering(scorer, self._pois, model_settings(model, server, None), worth=worth)


def make_writer(
    kind: Literal["llm", "habits"],
    model: str | None,
    server: str | None,
    checkins: Checkins | Parted,
    busy: Busy = nullcontext,
) -> Writer:
    """The templates, or a model in this process or behind a server."""
    vocabulary = checkins.pois[CATEGORY].unique(maintain_order=True).to_list()
    if kind == "habits":
        return PortraitWriter(vocabulary)
    with busy("loading the model"):
        asked = connect(model, server) if guesses(model, server) else None
        adapter = shipped_adapter(WRITER, model, server, prompt_version(PORTRAIT))
        writing = connect(model, server, adapter) if adapter else asked or connect(model, server)
    if asked and asked.scorer is None:
        note("note: this server gives no scores of given tokens, so traits and attributes stay unknown")
    return LlmWriter(writing.generator, asked.scorer if asked else None, vocabulary, taught=adapter is not None)


def guesses(model: str | None, server: str | None) -> bool:
    """Whether a model is asked who somebody is: not the embedded one, which cannot tell (eval/results/README.md)."""
    return server is not None or model not in (None, "embedded")


def choose_users(checkins: Checkins | Parted, users: list[str] | None, limit: int | None) -> list[str]:
    """The users asked for, or the most active, or all; raises GenRecError that names a stranger."""
    if isinstance(checkins, Parted):
        counts = checkins.people.select(USER, CHECK_INS)
    else:
        counts = checkins.frame[USER].value_counts(sort=True)
    known = dict.fromkeys(sorted(counts[USER].to_list()))
    if users:
        for user in users:
            check_user(user, known)
        return list(dict.fromkeys(users))
    ranked = sorted(counts.iter_rows(), key=lambda row: (-row[1], row[0]))
    return [user for user, _ in ranked[:limit]] if limit else list(known)


def check_user(user: str, known: dict[str, None]) -> None:
    """Raise GenRecError for a user who is not in the check-ins, with the nearest ids."""
    if user not in known:
        names = [name for name in known if len(name) <= LONGEST_NAME] if len(user) <= LONGEST_NAME else []
        near = get_close_matches(user, names, 3, 0) or [name[:LONGEST_NAME] for name in islice(known, 3)]
        shown = repr(user[:LONGEST_NAME]) + "..." * (len(user) > LONGEST_NAME)
        raise GenRecError(f"user {shown} has no check-ins in this data; there are for instance {', '.join(near)}")
