"""Runs methods over cases, into a folder that a killed run goes on with.

RUN/config.json        what was asked, of which data, with which versions; what was left out, and why
RUN/examples.parquet   one row an example (eval.protocol.SCHEMA)
RUN/rankings.parquet   one row a method and example, in this order (SCHEMA below)
RUN/pois.parquet       the catalogue
RUN/checkins/          the check-ins that were examined, as a prepared folder, for the audit
RUN/profiles.jsonl     the profiles that were given, if any
RUN/parts/             answers of each method as they come, a JSON line each
RUN/times.json         rankings and seconds of each method; the one file that differs from run to run
"""

import json
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from itertools import compress
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError

from eval.methods.method import Method, Ranked
from eval.protocol import Cases
from eval.run_records import Answer, RunConfig, Times
from genrec import __version__, jsonl, prepared
from genrec.checkins import Checkins
from genrec.errors import GenRecError, InputError
from genrec.files import atomic_path, one_writer, require_only, write_text
from genrec.jobs.job import HERE, Placing, home_of, results
from genrec.jobs.parts import Chunk
from genrec.jobs.worker import Work
from genrec.profiles.profile import Profile, write_profiles
from genrec.validation import first_problem, read_json, shortened

K = 20
# Examples ranked and written at once. Fixed, because a model's last digits may depend on what it ranks together.
BATCH = 32
AGAIN = "Remove the file: its rankings are made again."
# What a run is told apart by: options, and what else there is; all other settings follow from these.
OPTIONS = {
    "split": "--split",
    "part": "--part",
    "preset": "--preset",
    "refresh_days": "--refresh",
    "time": "--time",
    "limit": "--limit",
    "sample_seed": "--seed",
}
CAUSES = {
    "data": "other check-ins",
    "name": "check-ins of another name",
    "versions": "other versions of GenRec, Python or packages",
}
PACKAGES = ("numpy", "polars", "torch", "transformers")

CONFIG, EXAMPLES, RANKINGS, POIS = "config.json", "examples.parquet", "rankings.parquet", "pois.parquet"
CHECKINS, PROFILES, PARTS, TIMES = "checkins", "profiles.jsonl", "parts", "times.json"

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "method": pl.String,
    "example": pl.UInt32,
    "pois": pl.List(pl.UInt32),
    "probabilities": pl.List(pl.Float32),
    "in_prompt": pl.Boolean,
    "failure": pl.String,
    "evidence": pl.String,
    "profile_user": pl.String,
    "profile_as_of": pl.Datetime("us"),
}

Progress = Callable[[str, int, int], None]  # (method, examples done, examples in all)


def run(
    cases: Cases,
    methods: Sequence[Method],
    out: Path,
    *,
    name: str,
    profiles: Sequence[Profile] = (),
    progress: Progress = lambda method, done, total: None,
    placing: Placing = HERE,
) -> None:
    """Rank every example with every method and write the run folder; what is there already is not made again.

    `name` is what the data are called. More methods may be added to a run later, on the same examples. Raises
    GenRecError if `out` holds a run of something else or is being written by another process, or if a method cannot
    work at all.
    """
    config = _config(cases, methods, name)
    with one_writer(out, folder=True):
        _require_same(out, config)
        _begin(out, config, cases, profiles)
        for method in methods:
            rank_missing(method, cases, part_of(out, method.name), out / TIMES, progress=progress, placing=placing)
        _write_parquet(_collect(out, methods, cases), out / RANKINGS)


def _begin(out: Path, config: dict[str, Any], cases: Cases, profiles: Sequence[Profile]) -> None:
    """Write what the methods work on."""
    write_text(out / CONFIG, json.dumps(config, indent=2, ensure_ascii=False) + "\n")
    _write_parquet(cases.frame, out / EXAMPLES)
    _write_parquet(cases.checkins.pois, out / POIS)
    if not (out / CHECKINS / prepared.META).exists():
        prepared.prepare(cases.checkins, out / CHECKINS)
    if profiles:
        write_profiles(out / PROFILES, profiles)


def part_of(out: Path, method: str) -> Path:
    """Where a method's answers go as they come."""
    return out / PARTS / f"{method.replace(':', '-')}.jsonl"


def rank_missing(
    method: Method, cases: Cases, part: Path, times: Path, *, progress: Progress, placing: Placing
) -> None:
    """Add the answers that are missing to a method's part, batch by batch, and their time to times.json."""
    settings = method.settings(cases)
    done = {answer.example for answer in _resume(part, settings, cases)}
    progress(method.name, len(done), len(cases.examples))
    chunks = list(batches(cases))
    finished = {number for number, batch in enumerate(chunks) if done.issuperset(batch)}
    if len(finished) == len(chunks):
        return
    first = next(batch for number, batch in enumerate(chunks) if number not in finished)[:1]
    # Without the check-ins, which workers read for themselves.
    unread = replace(cases, checkins=replace(cases.checkins, frame=cases.checkins.frame.clear()))
    elsewhere = placing.elsewhere(_Answers(method, unread, first), cases.checkins, {**settings, **cases.description()})
    opening = partial(_Answers(method, cases, first), cases.checkins)
    for number, made in results(chunks, opening, home_of(part), elsewhere, finished):
        missing = [example not in done for example in sorted(chunks[number])]
        _add_time(times, method.name, len(chunks[number]), made.seconds)
        jsonl.append(part, compress(made.lines, missing))
        done.update(chunks[number])
        progress(method.name, len(done), len(cases.examples))


@dataclass(frozen=True, eq=False)
class _Answers:
    """A method at its work: opened with check-ins, it answers batches of examples. Pickled for workers."""

    method: Method
    cases: Cases
    first: list[int]

    def __call__(self, checkins: Checkins) -> Work:
        """Load or train the method, which does not count as ranking."""
        cases = self.cases if checkins is self.cases.checkins else replace(self.cases, checkins=checkins)
        list(self.method.rank(cases, self.first, K))
        return partial(self._lines, cases)

    def _lines(self, cases: Cases, examples: Chunk) -> list[str]:
        answers = self.method.rank(cases, [int(example) for example in examples], K)
        return [_line(answer) for answer in sorted(answers, key=lambda answer: answer.example)]


def batches(cases: Cases) -> Iterator[list[int]]:
    """The examples by moment and user, so that neighbours share evidence and the beginning of their prompt."""
    examples = cases.examples
    order = sorted(range(len(examples)), key=lambda i: (examples[i].as_of, examples[i].user_id, i))
    for start in range(0, len(order), BATCH):
        yield order[start : start + BATCH]


def _config(cases: Cases, methods: Sequence[Method], name: str) -> dict[str, Any]:
    return {
        "name": name,
        "k": K,
        **cases.description(),
        "methods": {method.name: method.settings(cases) for method in methods},
        "versions": {"genrec": __version__, "python": platform.python_version()}
        | {package: version(package) for package in PACKAGES},
    }


def _require_same(out: Path, config: dict[str, Any]) -> None:
    """Raise GenRecError if the folder holds something else than a run on the same examples."""
    path = out / CONFIG
    if not path.exists():
        require_only(out, ())
        return
    old = read_config(out)
    differing = {key for key in config.keys() | old.keys() if key != "methods" and config.get(key) != old.get(key)}
    if differing:
        told = [f"{option} {_shown(old.get(key))}" for key, option in OPTIONS.items() if key in differing]
        told += [words for key, words in CAUSES.items() if key in differing]
        raise GenRecError(f"{out} holds a run with {' and '.join(told) or 'other settings'}; name another --out")


def _shown(value: Any) -> str:
    return "left out" if value is None else str(value)


def read_config(out: Path) -> dict[str, Any]:
    """The configuration of a run; raises InputError if the folder holds none."""
    path, fix = out / CONFIG, "Name a folder of `genrec-eval run`."
    read_json(path, RunConfig, "a configuration of a run", fix=fix)
    try:
        config: dict[str, Any] = json.loads(path.read_bytes())  # as it was written, to be compared
    except ValueError as error:  # an integer of thousands of digits
        raise InputError(f"not a configuration of a run: {shortened(str(error))}.", file=path, fix=fix) from None
    return config


def read_times(path: Path) -> dict[str, Any]:
    """Rankings and seconds of each method; none if there is no such file."""
    return read_json(path, Times, "times of a run", fix="Remove the file.").model_dump() if path.exists() else {}


def _resume(part: Path, settings: dict[str, Any], cases: Cases) -> list[Answer]:
    """The answers that a part holds, made with these settings; a line that a killed run left unfinished goes."""
    answers: dict[int, Answer] = {}
    for row, record in enumerate(jsonl.resume_part(part, settings, private=True), start=2):
        try:
            answer = Answer.model_validate(record)
        except ValidationError as error:
            raise InputError(f"not an answer: {first_problem(error)}.", file=part, row=row, fix=AGAIN) from None
        twice = f"example {answer.example} is there twice" if answer.example in answers else None
        if problem := twice or answer.problem(len(cases.examples), len(cases.checkins.pois)):
            raise InputError(f"{problem}.", file=part, row=row, fix=AGAIN)
        answers[answer.example] = answer
    return list(answers.values())


def _line(answer: Ranked) -> str:
    row = asdict(answer)
    row["profile_as_of"] = answer.profile_as_of and answer.profile_as_of.isoformat()
    return jsonl.line(row)


def _collect(out: Path, methods: Sequence[Method], cases: Cases) -> pl.DataFrame:
    """The finished parts as one table."""
    rows = [
        answer.model_dump() | {"method": method.name}
        for method in methods
        for answer in _resume(part_of(out, method.name), method.settings(cases), cases)
    ]
    return pl.DataFrame(rows, schema=SCHEMA).sort("method", "example")


def _add_time(path: Path, method: str, rankings: int, seconds: float) -> None:
    times = read_times(path)
    before = times.get(method, {"rankings": 0, "seconds": 0.0})
    times[method] = {"rankings": before["rankings"] + rankings, "seconds": before["seconds"] + seconds}
    write_text(path, json.dumps(times, indent=2, sort_keys=True) + "\n")


def _write_parquet(frame: pl.DataFrame, path: Path) -> None:
    with atomic_path(path, private=True) as temporary:
        frame.write_parquet(temporary)
