"""Rankings for many users, in a file that a killed run goes on with."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genrec.assistant import Desk, Level
from genrec.cli.console import err, out, progress_bar
from genrec.cli.profile import check_user
from genrec.cli.times import local_time
from genrec.errors import GenRecError, InputError
from genrec.files import require_regular
from genrec.profiles.profile import repair_tail

if TYPE_CHECKING:
    from genrec.recommender import Ranking

# Rankings made side by side, and lost together if the run is killed.
BATCH = 32

Ask = tuple[str, datetime | None]  # a user, and the local time of the visit


def rank_all(desk: Desk, asks: Sequence[Ask], output: Path, k: int, level: Level) -> None:
    """Add rankings to `output` batch by batch; those already there are not made again."""
    done = _finished(output, level)
    for user, _ in asks:
        check_user(user, desk.users)
    output.parent.mkdir(parents=True, exist_ok=True)
    missing = [ask for ask in asks if _key(*ask) not in done]
    with progress_bar() as bar, output.open("a", encoding="utf-8") as file:
        task = bar.add_task("rankings", total=len(asks), completed=len(asks) - len(missing))
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            rankings = desk.rank([(desk.profile(user, None, at), at) for user, at in batch], k, level)
            file.write("".join(json.dumps(to_json(ranking), ensure_ascii=False) + "\n" for ranking in rankings))
            file.flush()
            bar.advance(task, len(batch))
    out.print(f"{len(asks)} rankings in {output}, {len(asks) - len(missing)} of them from before", markup=False)
    if missing:
        err.print(f"prefix cache: {desk.reused():.0%} of the prompts' tokens were known")


def _key(user: str, at: datetime | None) -> tuple[str, str | None]:
    return user, at.isoformat() if at else None


def _finished(output: Path, level: Level) -> set[tuple[str, str | None]]:
    """Who has been ranked for, and when; raises GenRecError if the file holds something else."""
    if not output.exists():
        return set()
    repair_tail(output)
    try:
        text = output.read_text(encoding="utf-8").removesuffix("\n")
        rankings = [json.loads(line) for line in text.split("\n") if text]
        done = {(ranking["user_id"], ranking["at"]) for ranking in rankings}
        levels = {ranking["level"] for ranking in rankings}
    except (ValueError, KeyError, TypeError):
        raise GenRecError(f"{output} exists and holds no rankings; name another --out") from None
    if levels - {level}:
        raise GenRecError(f"{output} holds rankings of level {', '.join(sorted(levels))}; name another --out")
    return done


def read_asks(path: Path, at: datetime | None, known: dict[str, None]) -> list[Ask]:
    """Users to ask about, a line each, with a time of their own or `at`; `known` are the users with check-ins.

    Raises InputError that names the row of a stranger or of a time that cannot be, or says that nobody is asked about.
    """
    if path.exists():
        require_regular(path)
    asks: list[Ask] = []
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise GenRecError(f"{path}: cannot be read as a text file ({error})") from None
    for row, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        user, _, moment = (part.strip() for part in line.partition(","))
        try:
            if "," in moment:
                raise GenRecError("more than two fields; write `user` or `user,time`")
            check_user(user, known)
            asks.append((user, local_time(moment) if moment else at))
        except GenRecError as error:
            raise InputError(f"{error}.", file=path, row=row) from None
    if not asks:
        raise InputError("nobody to ask about: no line has a user.", file=path, fix="Write `user` or `user,time`.")
    return list(dict.fromkeys(asks))


def to_json(ranking: "Ranking") -> dict[str, Any]:
    """A ranking in plain types."""
    return asdict(ranking) | {"at": ranking.at.isoformat() if ranking.at else None}
