"""`genrec profile`: write, show, edit and import profiles."""

import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from genrec.assistant import choose_users, guesses, make_writer
from genrec.checkins import Checkins
from genrec.cli.bundle import bundled
from genrec.cli.console import err, out, progress_bar
from genrec.cli.groups import MainCommandGroup
from genrec.cli.options import CheckinsPath, Model, Reading, Servers
from genrec.cli.placing import Placing
from genrec.cli.render import print_profile, summary_table
from genrec.cli.server_loads import ServerLoads
from genrec.cli.times import local_time
from genrec.clock import before
from genrec.columns import TIME, USER
from genrec.errors import GenRecError
from genrec.files import one_writer
from genrec.habits import HabitsByBatch, all_habits
from genrec.in_parts import HabitsInParts
from genrec.jobs.worker import Work
from genrec.llm.address import together
from genrec.parted import Parted
from genrec.plain_yaml import LARGEST_YAML
from genrec.profiles import run as profile_run
from genrec.profiles.editing import EDITOR, apply_sheet, to_sheet
from genrec.profiles.genup_import import genup_files, read_genup
from genrec.profiles.portrait.facts import facts
from genrec.profiles.profile import dumps, profile_of, read_profiles, require_there, write_profiles
from genrec.profiles.writer import Subject, Writer
from genrec.store.json_lines import JsonLines
from genrec.terminal import note
from genrec.validation import read_text

WriterKind = Literal["llm", "habits"]

app = typer.Typer(
    cls=MainCommandGroup,
    no_args_is_help=True,
    help="Write, show, edit and import profiles. `genrec profile IN ...` is short for `genrec profile run IN ...`.",
)

DEFAULT_FILE = Path("profiles.jsonl")
ProfilesFile = Annotated[
    Path, typer.Option("--profiles", metavar="FILE", help="Profiles, as `profile run` wrote them.")
]
AsOf = Annotated[
    datetime | None,
    typer.Option(
        "--as-of",
        parser=local_time,
        metavar="TIME",
        help="Use check-ins before this local time only (2024-03-05 08:00); default: all.",
        show_default=False,
    ),
]


@app.command()
@bundled
def run(
    context: typer.Context,
    path: CheckinsPath,
    output: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the profiles go (JSON Lines).")],
    *,
    users: Annotated[str | None, typer.Option(metavar="U1,U2,...", help="Only these users.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the N users with the most check-ins.")] = None,
    as_of: AsOf = None,
    writer: Annotated[WriterKind, typer.Option(help="A model, or templates without any model.")] = "llm",
    model: Model = None,
    servers: Servers = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only estimate tokens and time.")] = False,
    placing: Placing,
    reading: Reading,
) -> None:
    """Write the users' profiles to a file; run again after a kill, it goes on where it stopped."""
    if not dry_run:
        context.with_resource(one_writer(output))
    source = reading.checkins(path) if dry_run else reading.by_parts(path)
    asked = None if users is None else [user.strip() for user in users.split(",")]
    if asked is not None and not all(asked):
        raise GenRecError("--users has an empty place; write --users U1,U2")
    chosen = choose_users(source, asked, limit)
    if as_of:
        _require_any(source, chosen, as_of)
    server = together(servers or ())
    author = make_writer(writer, model, server, source, err.status)
    if writer == "llm" and not guesses(model, server):
        note("note: traits and attributes stay unknown, because the embedded model cannot tell them")
    habits = _habits_in(source, chosen, as_of)
    if dry_run:
        _estimate(author, [Subject(one) for one in habits(chosen).values()])
        return
    opened = partial(_opened, writer, model, server, as_of, chosen if isinstance(source, Parted) else ())
    made_from = {"writer": author.name, "prompt": author.prompt_version, "as of": str(as_of)}
    start = time.perf_counter()
    loads = ServerLoads(server)
    with progress_bar() as bar:
        task = bar.add_task("profiles", total=len(chosen))
        written = profile_run.run(
            author,
            habits,
            chosen,
            output,
            on_progress=lambda done: bar.update(task, completed=done, description=loads.line("profiles")),
            batch=profile_run.TEMPLATED if writer == "habits" else profile_run.BATCH,
            elsewhere=placing.elsewhere(opened, source, made_from),
        )
    summary = profile_run.summarise(profile_run.briefs(output))
    loads.print()
    out.print(summary_table(summary, time.perf_counter() - start, len(written)))
    if summary.collapsed:
        err.print(
            f"warning: {summary.largest_tuple:.0%} of the users have the same traits; these guesses tell little apart."
        )


def _opened(
    kind: WriterKind,
    model: str | None,
    server: str | None,
    as_of: datetime | None,
    order: Sequence[str],
    source: Checkins | Parted,
) -> Work:
    """The writing of profiles, opened in a worker; `order`: of all people, where they are read by parts."""
    author = make_writer(kind, model, server, source)
    return partial(profile_run.lines, author, _habits_in(source, order, as_of))


def _habits_in(source: Checkins | Parted, order: Sequence[str], as_of: datetime | None) -> profile_run.EvidenceOf:
    """What gives the habits of some people."""
    if isinstance(source, Parted):
        return HabitsInParts(source, order, as_of)
    return HabitsByBatch(source, as_of)


def _require_any(source: Checkins | Parted, chosen: Sequence[str], as_of: datetime) -> None:
    """Raise GenRecError if none of the people has check-ins before a moment."""
    if isinstance(source, Parted):
        there, first = source.any_before(as_of, chosen), source.first()
    else:
        there, first = before(source.frame, as_of)[USER].is_in(chosen).any(), source.frame[0, TIME]
    if not there:
        raise GenRecError(f"nobody has check-ins before {as_of}; the data begin on {first}")


def _estimate(writer: Writer, subjects: list[Subject]) -> None:
    """Write one user's profile for real, keep nothing, and scale its cost up to all."""
    sizes = [len(facts(subject.habits)) for subject in subjects]
    probe = max(range(len(subjects)), key=lambda i: sizes[i])
    start = time.perf_counter()
    [profile] = writer.write(subjects[probe : probe + 1])
    seconds = time.perf_counter() - start
    scale = sum(sizes) / max(sizes[probe], 1)
    made = profile.provenance
    out.print(
        f"{len(subjects)} users, {sum(sizes)} facts: about {scale * made.tokens_in:,.0f} tokens in, "
        f"{scale * made.tokens_out:,.0f} out, at most {scale * seconds:,.0f} s (batches are faster). "
        f"Measured on user {profile.user_id}; nothing was written."
    )


@app.command()
def show(
    user: Annotated[str, typer.Argument(help="The user's id.")],
    profiles: ProfilesFile = DEFAULT_FILE,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a user's profile with the evidence behind each sentence."""
    profile = profile_of(read_profiles(profiles), user, profiles)
    if as_json:
        out.print(dumps(profile), markup=False, emoji=False)
    else:
        print_profile(out, profile)


@app.command()
def edit(
    context: typer.Context,
    user: Annotated[str, typer.Argument(help="The user's id.")],
    profiles: ProfilesFile = DEFAULT_FILE,
    changes: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Take the changed sheet from here, open no editor.")
    ] = None,
) -> None:
    """Change a profile in $EDITOR; it is checked before it is saved."""
    require_there(profiles)
    context.with_resource(one_writer(profiles))
    kept = JsonLines(profiles)
    version = profile_of({version.person: version for version in kept.profiles()}, user, profiles)
    profile = version.profile
    sheet = changes or _open_editor(to_sheet(profile))
    try:
        edited = apply_sheet(profile, read_text(sheet, most=LARGEST_YAML), sheet)
    except GenRecError as error:
        again = shlex.join(["genrec", "profile", "edit", user, "--profiles", str(profiles), "--from", str(sheet)])
        raise GenRecError(f"{error} Nothing was changed. Mend it there, then: {again}") from None
    changed = edited.model_copy(update={"provenance": profile.provenance}) != profile
    if changed:
        kept.save_profile(edited, by="", base=version.number)
    if changes is None:
        sheet.unlink()
    if not changed:
        err.print("nothing was changed")
    for statement in edited.statements():
        if statement.backed_by == [EDITOR]:
            err.print(f"note: kept on your word, no evidence for it: {statement.text}")
    print_profile(out, edited if changed else profile)


def _open_editor(text: str) -> Path:
    """The file that the user saved; it stays until the changes are accepted."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise GenRecError("set EDITOR to the editor of your choice (export EDITOR=nano), or use --from FILE")
    handle, name = tempfile.mkstemp(prefix="genrec-profile-", suffix=".yaml")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    try:
        subprocess.run([*shlex.split(editor), name], check=True)  # noqa: S603 - the user's own editor
    except subprocess.CalledProcessError as error:
        raise GenRecError(
            f"the editor {editor!r} failed with exit code {error.returncode}; your text is in {name}"
        ) from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "its quotes do not match"
        raise GenRecError(f"the editor {editor!r} failed to start ({why}); your text is in {name}") from None
    return Path(name)


@app.command("import")
@bundled
def import_(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(help="GenUP's JSON file of a user, or a folder of them.")],
    path: Annotated[Path, typer.Option("--checkins", metavar="IN", help="The users' check-ins, for the evidence.")],
    output: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the profiles go (JSON Lines).")],
    *,
    as_of: AsOf = None,
    reading: Reading,
) -> None:
    """Take over profiles that GenUP wrote, and hold them against the evidence."""
    files = genup_files(source)
    checkins = reading.checkins(path)
    chosen = choose_users(checkins, list(files), None)
    context.with_resource(one_writer(output))
    if output.exists():
        raise GenRecError(f"{output} exists; name another --out")
    profiles = [read_genup(files[user], habits) for user, habits in all_habits(checkins, as_of, chosen).items()]
    write_profiles(output, profiles)
    statements = [statement for profile in profiles for statement in profile.statements()]
    backed = sum(bool(statement.backed_by) for statement in statements)
    out.print(f"{len(profiles)} profiles; the evidence supports {backed} of their {len(statements)} sentences")
