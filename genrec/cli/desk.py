"""Answers one user at a time: the profile from the file or written now, and the ranking."""

from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from genrec.cli.console import err
from genrec.cli.profile import check_user, make_writer
from genrec.errors import GenRecError

if TYPE_CHECKING:
    from genrec.checkins import Checkins
    from genrec.profile import Profile
    from genrec.profiler import Writer
    from genrec.recommender import Ranking, Recommender

Level = Literal["none", "routines", "attributes", "full"]
STRANGER = "(somebody new)"  # stands for the user id of a person without check-ins


class Desk:
    """What a command needs to answer: data, profiles, and models that are loaded when first used."""

    def __init__(
        self,
        checkins: "Checkins",
        profiles: "dict[str, Profile]",
        model: str | None,
        server: str | None,
        profile_model: str | None,
    ) -> None:
        self.checkins = checkins
        self.profiles = profiles
        self.users = dict.fromkeys(checkins.frame["user_id"].unique(maintain_order=True).to_list())
        self._model, self._server, self._profile_model = model, server, profile_model
        self._written: dict[tuple[str, datetime | None], Profile] = {}
        self._recommender: Recommender | None = None

    def profile(self, user: str | None, about: str | None, at: datetime | None) -> "Profile":
        """The user's profile: from the file, or written now from what is known before `at`."""
        from genrec.habits import habits_of
        from genrec.profiler import Subject

        if user in self.profiles and about is not None:
            raise GenRecError(
                f"user {user!r} has a profile; change it with `genrec profile edit`, or leave out --about"
            )
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
        name, url = self._model, self._server
        if self._profile_model is not None:
            remote = self._profile_model.startswith(("http://", "https://"))
            name, url = (None, self._profile_model) if remote else (self._profile_model, None)
        return make_writer("llm", name, url, self.checkins)

    def rank(self, profile: "Profile", at: datetime | None, k: int, level: Level) -> "Ranking":
        """Rank for a user at a time."""
        from genrec.recommender import Recommender, query

        if self._recommender is None:
            from genrec.llm.connect import connect_ranker

            with err.status("loading the model"):
                self._recommender = Recommender(connect_ranker(self._model, self._server), self.checkins)
        return self._recommender.recommend(query(self.checkins, profile, at), k=k, level=level)
