"""GenUP's ranking prompt (arXiv 2410.20643, section 3): the profile, the trajectory as sentences, one question.

For comparison with that paper. It has no habit table and no places that the user has not been to, and it is not cut:
GenUP gives its models 16,384 tokens.
"""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from genrec.columns import CATEGORY, CATEGORY_ID
from genrec.llm.backend import Message
from genrec.profiles.profile import Level, Profile
from genrec.prompting import name_in_prompt, render
from genrec.rankers.ranking_prompt import RankingPrompt, named_pois, profile_lines
from genrec.trajectories import Visit

GENUP = ("genup_system", "genup_user")


def genup_messages(
    profile: Profile, pois: pl.DataFrame, *, at: datetime | None, prefix: Sequence[Visit], level: Level
) -> RankingPrompt:
    """Ask for the next POI of a user at a time (None: unknown), after the visits of `prefix`.

    Where the data have no category ids, a category stands for its own.
    """
    lines = [line.text for line in profile_lines(profile, level)]
    user = name_in_prompt(profile.user_id)
    hours = any(profile.habits.hours) or not profile.habits.checkins
    messages: list[Message] = [
        {"role": "system", "content": render("genup_system", user_id=user, lines=lines)},
        {
            "role": "user",
            "content": render(
                "genup_user",
                user_id=user,
                visits=[_visit(visit, pois, hours) for visit in prefix],
                time=at and _moment(at, hours),
            ),
        },
    ]
    return RankingPrompt(messages, dropped=0, pois=named_pois(lines) | {poi for _, poi in prefix}, answered=0)


def _visit(visit: Visit, pois: pl.DataFrame, hours: bool) -> dict[str, object]:
    time, poi = visit
    row = pois.row(poi, named=True)
    category = name_in_prompt(row[CATEGORY])
    return {
        "time": _moment(time, hours),
        "poi": poi,
        "category": category,
        "category_id": row.get(CATEGORY_ID) or category,
    }


def _moment(time: datetime, hours: bool) -> str:
    """The hour is left out where the data have dates only."""
    return time.isoformat(sep=" ", timespec="seconds") if hours else f"{time:%Y-%m-%d}"
