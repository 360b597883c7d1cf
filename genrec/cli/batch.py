"""Rankings for many users, in a file that a killed run goes on with."""

import hashlib
import json
import re
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache, partial
from io import StringIO
from itertools import compress
from pathlib import Path
from typing import Any

from genrec import __version__, jsonl
from genrec.assistant import Assistant, Models, check_user
from genrec.checkins import Checkins
from genrec.cli.console import err, out, progress_bar
from genrec.cli.placing import Placing
from genrec.cli.server_loads import ServerLoads
from genrec.cli.times import local_time
from genrec.columns import TIME, USER
from genrec.errors import GenRecError, InputError
from genrec.explaining import Ask
from genrec.files import one_writer
from genrec.fingerprint import fingerprint, places_fingerprint
from genrec.in_parts import InParts
from genrec.jobs.job import home_of, results
from genrec.jobs.parts import Item
from genrec.jobs.worker import Work
from genrec.llm.address import shown
from genrec.llm.identity import model_settings
from genrec.parted import Parted
from genrec.profiles.editing import stated
from genrec.profiles.profile import Level, Profile, read_profiles
from genrec.ranking import By, Ranking
from genrec.validation import read_text

# Rankings made side by side, and lost together if the run is killed.
BATCH = 32
_QUOTED = re.compile(r'"(?P<user>(?:[^"]|"")*)"\s*(?:,(?P<moment>.*))?')

Ranks = Assistant | InParts


@dataclass(frozen=True)
class Batches:
    """How rankings are made; pickled for workers, which open it for themselves."""

    models: Models
    profiles: Path | None
    rankers: Path | None
    beside: Path | None
    by: By
    k: int
    level: Level

    @property
    def by_parts(self) -> bool:
        """Whether check-ins alone are asked, so that a folder in parts need not be read whole."""
        return self.by != "llm" and self.profiles is None and self.beside is None

    def open(self, checkins: Checkins) -> Work:
        """Rankings of a batch as lines, opened in a worker."""
        known = read_profiles(self.profiles) if self.profiles else {}
        assistant = Assistant(checkins, known, self.models, rankers=self.rankers, beside=self.beside)
        return self.work(assistant, _origin(assistant, self))

    def open_parts(self, home: Path, order: Sequence[str], fingerprint: str, parted: Parted) -> Work:
        """The same of a folder in parts; arguments as of `InParts`."""
        ranks = InParts(parted, home, order, self.rankers, fingerprint)
        return self.work(ranks, _origin(ranks, self))

    def work(self, ranks: Ranks, origin: "_Origin") -> Work:
        """Rankings of a batch as lines."""
        return partial(_lines, ranks, origin, self)


def rank_all(ranks: Ranks, asks: Sequence[Ask], output: Path, how: Batches, placing: Placing) -> None:
    """Add rankings to `output` batch by batch; those already there are not made again.

    Batches are fixed by the list of asks, not by what is missing: after a kill, the same call gives the same file as an
    undisturbed one. Each record says what it was made from. Raises GenRecError if `output` holds records made from
    anything else, or if another process writes it.
    """
    with one_writer(output):
        origin = _origin(ranks, how)
        done = _finished(output, origin)
        missing = [ask for ask in asks if _key(*ask) not in done]
        batches = [[_item(*ask) for ask in asks[start : start + BATCH]] for start in range(0, len(asks), BATCH)]
        finished = {number for number in range(len(batches)) if done.issuperset(map(_asked, batches[number]))}
        people = [user for user, _ in asks]
        made_from = origin.of_all(people)
        if isinstance(ranks, InParts):
            opened = partial(how.open_parts, home_of(output).absolute(), people, ranks.fingerprint)
            elsewhere = placing.elsewhere(opened, ranks.parted, made_from)
        else:
            elsewhere = placing.elsewhere(how.open, ranks.checkins, made_from)
        loads = ServerLoads(how.models.server)
        with progress_bar() as bar:
            task = bar.add_task("rankings", total=len(asks), completed=len(asks) - len(missing))
            for number, made in results(
                batches, partial(how.work, ranks, origin), home_of(output), elsewhere, finished
            ):
                new = [_asked(item) not in done for item in batches[number]]
                jsonl.append(output, compress(made.lines, new), private=True)
                bar.update(task, advance=sum(new), description=loads.line("rankings"))
        loads.print()
        shutil.rmtree(home_of(output), ignore_errors=True)
    others = len(done.difference(_key(*ask) for ask in asks))
    beside = f"; {output} has {others:,} others, too" if others else ""
    before = f"{len(asks) - len(missing):,} of them from before"
    out.print(f"{len(asks):,} rankings in {output}, {before}{beside}", markup=False)
    if missing and how.by == "llm" and elsewhere is None and isinstance(ranks, Assistant):
        err.print(f"prefix cache: {ranks.reused():.0%} of the prompts' tokens were known")


def _item(user: str, at: datetime | None) -> str:
    """An ask as text."""
    return json.dumps(_key(user, at))


def _asked(item: Item) -> tuple[str, str | None]:
    """The key of an ask as text."""
    user, at = json.loads(str(item))
    return user, at


def _lines(ranks: Ranks, origin: "_Origin", how: Batches, items: Sequence[Item]) -> list[str]:
    keys = [_asked(item) for item in items]
    asks = [(user, datetime.fromisoformat(at) if at else None) for user, at in keys]
    return [jsonl.line(_record(one, origin)) for one in _ranked(ranks, asks, how)]


def _ranked(ranks: Ranks, asks: Sequence[Ask], how: Batches) -> list[Ranking]:
    """Rankings side by side; with the fusion, those of people who have put sentences into their profiles one by one."""
    by, k = how.by, how.k
    if isinstance(ranks, InParts):
        assert by != "llm"  # noqa: S101 - narrows the type: see `by_parts`
        return ranks.rank(asks, by, k=k)
    known = ranks.profiles
    said = {user: stated(known[user]) for user, _ in asks if by == "fusion" and user in known}
    others = iter(ranks.rank([ask for ask in asks if not said.get(ask[0])], by, k, how.level))
    return [ranks.rank_with_words(*ask, said[ask[0]], k) if said.get(ask[0]) else next(others) for ask in asks]


class _Origin:
    """What rankings are made from: `of` gives it for a user, in plain types.

    `common`: what is the same for all; `writer`: who writes profiles that are missing, None if none are read.
    """

    def __init__(self, common: dict[str, Any], profiles: Mapping[str, Profile], writer: str | None) -> None:
        self._common, self._profiles, self._writer = common, profiles, writer
        self.of = cache(self._of)

    def of_all(self, users: Sequence[str]) -> dict[str, str]:
        """The same of all users, as a hash."""
        digest = hashlib.sha256()
        for user in users:
            digest.update(jsonl.line(self.of(user)).encode())
        return {"of all": digest.hexdigest()}

    def _of(self, user: str) -> dict[str, Any]:
        if self._writer is None:
            return self._common
        profile = self._profiles.get(user)
        text = profile and profile.model_dump_json()
        return self._common | {"profile": hashlib.sha256(text.encode()).hexdigest() if text else self._writer}


def _origin(ranks: Ranks, how: Batches) -> _Origin:
    """What rankings are made from, whoever ranks."""
    common = {"by": how.by, "k": how.k, "genrec": __version__}
    if isinstance(ranks, InParts):
        common |= {"check-ins": ranks.fingerprint, "places": places_fingerprint(ranks.parted.pois)}
        return _Origin(common | ranks.identity(how.by), {}, None)
    checkins = ranks.checkins
    common |= {"check-ins": fingerprint(checkins), "places": places_fingerprint(checkins.pois)}
    if how.by != "llm":
        writer = "written now by habits" if ranks.beside else None
        return _Origin(common | ranks.recommender.identity(how.by), ranks.profiles, writer)
    named = ranks.models
    common |= model_settings(named.model, named.server, ranks.adapter)
    common |= {"level": how.level, "prompt": ranks.llm.prompt, "probabilities": named.probabilities}
    author = named.profile_model or named.model or named.server or "embedded"
    return _Origin(common, ranks.profiles, f"written now by {shown(author)}")


def _key(user: str, at: datetime | None) -> tuple[str, str | None]:
    return user, at.isoformat() if at else None


def _finished(output: Path, origin: _Origin) -> set[tuple[str, str | None]]:
    """Who has been ranked for, and when; raises GenRecError if the file holds something else."""
    if not output.exists():
        return set()
    jsonl.repair_tail(output)
    others: set[str] = set()
    done = set()
    try:
        for record in jsonl.read(output, whole=True):
            done.add((record["user_id"], record["at"]))
            others.update(jsonl.differing(record["made_from"], origin.of(record["user_id"])))
    except (InputError, KeyError, TypeError, AttributeError):
        raise GenRecError(
            f"{output} exists and holds no rankings, or none that say what they were made from; name another --out"
        ) from None
    if others:
        raise GenRecError(f"{output} holds rankings made with another {', '.join(sorted(others))}; name another --out")
    return done


def read_asks(path: Path, at: datetime | None, known: dict[str, None]) -> list[Ask]:
    """Users to ask about, a line each, with a time of their own or `at`, perhaps below a header.

    `known` are the users with check-ins.

    Raises InputError that names the row of a stranger or of a time that cannot be, or says that nobody is asked about.
    """
    asks: list[Ask] = []
    lines = StringIO(read_text(path).removeprefix("\ufeff"), newline=None)  # whatever ends them
    for row, line in enumerate(lines, start=1):
        user, moment = _parted(line)
        if not line.strip() or (row == 1 and _is_header(user, moment, known)):
            continue
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


def _parted(line: str) -> tuple[str, str]:
    """The user, who is in quotes if there is a comma in the id, and the time."""
    if quoted := _QUOTED.fullmatch(line.strip()):
        return quoted["user"].replace('""', '"').strip(), (quoted["moment"] or "").strip()
    user, _, moment = line.partition(",")
    return user.strip(), moment.strip()


def _is_header(user: str, moment: str, known: Collection[str]) -> bool:
    """Whether a first line names the columns; a user may be called `user`."""
    return user.lower() in {"user", USER} and (moment.lower() == TIME or (not moment and user not in known))


def to_json(ranking: Ranking) -> dict[str, Any]:
    """A ranking in plain types."""
    record = asdict(ranking)
    how = record.pop("how") or {}
    return record | how | {"at": ranking.at.isoformat() if ranking.at else None, "as_of": ranking.as_of.isoformat()}


def _record(ranking: Ranking, origin: _Origin) -> dict[str, Any]:
    """A ranking in plain types with its origin, and without the time it took, which differs from run to run."""
    record = to_json(ranking)
    del record["seconds"]
    return record | {"made_from": origin.of(ranking.user_id)}
