"""Answers one user at a time: the profile from the file or written now, and the ranking."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from genrec.bounds import LONGEST_TEXT
from genrec.cli.console import err
from genrec.cli.profile import check_user, make_writer
from genrec.errors import GenRecError
from genrec.llm.backend import CacheUse

if TYPE_CHECKING:
    from genrec.checkins import Checkins
    from genrec.profiles.profile import Profile
    from genrec.profiles.writer import Writer
    from genrec.recommender import Ranking, Recommender

Level = Literal["none", "routines", "attributes", "full"]
STRANGER = "(somebody new)"  # stands for the user id of a person without check-ins


@dataclass(frozen=True)
class Models:
    """What the user named: a model or a server, an adapter that ranks or none, and who writes missing profiles."""

    model: str | None
    server: str | None
    adapter: str | None
    plain: bool  # no adapter, not even the one that comes with the model
    profile_model: str | None


class Desk:
    """What a command needs to answer: data, profiles, and models that are loaded when first used."""

    def __init__(self, checkins: "Checkins", profiles: "dict[str, Profile]", models: Models) -> None:
        self.checkins = checkins
        self.profiles = profiles
        self.models = models
        self.users = dict.fromkeys(checkins.frame["user_id"].unique(maintain_order=True).to_list())
        self._used = CacheUse(0, 0)
        self._written: dict[tuple[str, datetime | None], Profile] = {}

    def profile(self, user: str | None, about: str | None, at: datetime | None) -> "Profile":
        """The user's profile: from the file, or written now from what is known before `at`."""
        from genrec.habits import habits_of
        from genrec.profiles.writer import Subject

        if user in self.profiles and about is not None:
            raise GenRecError(
                f"user {user!r} has a profile; change it with `genrec profile edit`, or leave out --about"
            )
        if len(about or "") > LONGEST_TEXT:
            raise GenRecError(f"--about has more than {LONGEST_TEXT:,} letters; say less")
        if user is not None and user in self.profiles:
            return self.profiles[user]
        if user is not None and about is None:
            check_user(user, self.users)
            if (user, at) in self._written:
                return self._written[user, at]
        habits = habits_of(self.checkins, user or STRANGER, at)
        if not habits.checkins and about is None:
            raise GenRecError(f"user {user!r} has no check-ins before {at}; say with --about who they are")
        [profile] = self._writer.write([Subject(habits, about or "")])
        if user is not None and about is None:
            self._written[user, at] = profile
        return profile

    @cached_property
    def _writer(self) -> "Writer":
        """Who writes: never the adapter, which can rank only."""
        name, url, other = self.models.model, self.models.server, self.models.profile_model
        if other is not None:
            remote = other.startswith(("http://", "https://"))
            name, url = (None, other) if remote else (other, None)
        return make_writer("llm", name, url, self.checkins)

    @cached_property
    def adapter(self) -> str | None:
        """The adapter that ranks: the one named, or the one that comes with the model unless told otherwise."""
        from genrec.llm.connect import default_adapter

        if self.models.adapter or self.models.plain:
            return self.models.adapter
        return default_adapter(self.models.model, self.models.server)

    @cached_property
    def _recommender(self) -> "Recommender":
        from genrec.llm.connect import connect_ranker
        from genrec.recommender import Recommender

        with err.status("loading the model"):
            ranker = connect_ranker(self.models.model, self.models.server, self.adapter)
            return Recommender(ranker, self.checkins)

    def rank(self, asks: "Sequence[tuple[Profile, datetime | None]]", k: int, level: Level) -> "list[Ranking]":
        """Rank for users at times, side by side."""
        from genrec.recommender import query

        queries = [query(self.checkins, profile, at) for profile, at in asks]
        before = self._recommender.cache_use()
        rankings = self._recommender.recommend_all(queries, k=k, level=level)
        self._used += self._recommender.cache_use().since(before)
        return rankings

    def reused(self) -> float:
        """Share of the tokens of all prompts so far that the model's prefix cache held."""
        return self._used.hit_rate
