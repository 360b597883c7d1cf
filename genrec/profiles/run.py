"""Writing a file of profiles in batches, so that a killed run goes on where it stopped."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress, islice
from math import log2
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from genrec import jsonl
from genrec.errors import GenRecError, InputError
from genrec.files import one_writer
from genrec.habit_models import Habits, as_kept
from genrec.jobs.job import Elsewhere, home_of, results
from genrec.profiles.profile import CLOSED_FIELDS, UNKNOWN, Guess, Profile, Provenance, profile_lines
from genrec.profiles.writer import Subject, Writer
from genrec.validation import read_lines

BATCH = 4  # a kill loses no more than this, and progress shows as often
TEMPLATED = 100  # the same, of profiles that are written without a model
CHECKED = 200  # profiles of an earlier run that are held against the evidence at once
# From this share of users with the very same traits on, profiles say little about who is who.
COLLAPSED_SHARE = 0.5

EvidenceOf = Callable[[Sequence[str]], Mapping[str, Habits]]


def lines(writer: Writer, evidence_of: EvidenceOf, users: Sequence[str]) -> list[str]:
    """The users' profiles, written side by side, as lines of a file of profiles."""
    habits = evidence_of(users)
    return [profile.model_dump_json() for profile in writer.write([Subject(habits[user]) for user in users])]


def run(
    writer: Writer,
    evidence_of: EvidenceOf,
    users: Sequence[str],
    out: Path,
    on_progress: Callable[[int], None] = lambda done: None,
    *,
    batch: int = BATCH,
    elsewhere: Elsewhere | None = None,
) -> list[str]:
    """Append the users' profiles to `out`; returns the ids of the users that were missing and now are there.

    Batches are fixed by the list of users, not by what is missing, and each is added in one write: after a kill, the
    same call gives the same file as an undisturbed one, whoever writes: this process, or those of `elsewhere`.
    `evidence_of` gives the habits of users. Raises GenRecError if `out` holds profiles of another writer, prompt,
    moment or evidence, or if another process writes it.
    """
    with one_writer(out):
        done = _existing(writer, evidence_of, out)
        chunks = [users[start : start + batch] for start in range(0, len(users), batch)]
        finished = {number for number, chunk in enumerate(chunks) if done.issuperset(chunk)}
        written: list[str] = []
        seen = sum(len(chunks[number]) for number in finished)
        if seen:
            on_progress(seen)
        work = partial(lines, writer, evidence_of)
        for number, made in results(chunks, lambda: work, home_of(out), elsewhere, finished):
            missing = [user not in done for user in chunks[number]]
            jsonl.append(out, compress(made.lines, missing), private=True)
            written += compress(chunks[number], missing)
            seen += len(chunks[number])
            on_progress(seen)
    return written


def _existing(writer: Writer, evidence_of: EvidenceOf, out: Path) -> set[str]:
    """The users whose profiles are there."""
    done: set[str] = set()
    if not out.exists():
        return done
    jsonl.repair_tail(out)
    rows = profile_lines(out)
    while some := list(islice(rows, CHECKED)):
        evidence = evidence_of([profile.user_id for _, profile in some])
        for row, profile in some:
            if profile.user_id in done:
                raise InputError(f"user {profile.user_id!r} has two profiles.", file=out, row=row, fix="Keep one.")
            done.add(profile.user_id)
            made_by = (profile.provenance.writer, profile.provenance.prompt_version)
            if made_by != (writer.name, writer.prompt_version) and not profile.provenance.edited:
                raise GenRecError(
                    f"{out} holds profiles by {made_by[0]!r} (prompts {made_by[1]}), not by {writer.name!r} "
                    f"(prompts {writer.prompt_version}). Name another --out."
                )
            _require_same(profile, evidence.get(profile.user_id, profile.habits), out)
    return done


def _require_same(profile: Profile, habits: Habits, out: Path) -> None:
    """Raise GenRecError unless a profile rests on these habits."""
    habits = as_kept(habits, profile.habits)
    if profile.as_of != habits.as_of:
        other = f"as of {profile.as_of}, not {habits.as_of}"
    elif profile.habits != habits:
        counts = f"{profile.habits.checkins:,} then, {habits.checkins:,} before that time here"
        other = f"from other check-ins ({counts})"
    else:
        return
    raise GenRecError(f"{out} holds a profile of {profile.user_id!r} {other}. Name another --out.")


@dataclass(frozen=True)
class Summary:
    """What a set of profiles is worth. Shares are between 0 and 1, entropy in bits."""

    users: int
    tokens_in: int
    tokens_out: int
    asked: int  # sentences
    asked_again: int
    dropped: int
    by_template: int
    faithful: float  # share of the sentences that the evidence supports as first written
    known_fields: float  # share of closed fields that are not "unknown"
    trait_entropy: float
    trait_tuples: int
    largest_tuple: float  # share of users who have the most common trait tuple

    @property
    def collapsed(self) -> bool:
        """True if one trait tuple, not the all-unknown one, describes too many users."""
        return self.users > 1 and self.trait_tuples > 0 and self.largest_tuple > COLLAPSED_SHARE


COUNTED = ("users", "tokens_in", "tokens_out", "asked", "asked_again", "dropped", "by_template")


class Brief(BaseModel):
    """Of a profile what a summary counts: the rest, which is most of it, is not kept."""

    model_config = ConfigDict(extra="ignore")

    traits: dict[str, Guess]
    attributes: dict[str, Guess]
    provenance: Provenance


def briefs(path: Path) -> Iterator[Brief]:
    """What a summary counts of each profile of a file that was written here."""
    return (brief for _, brief in read_lines(path, Brief, "a profile"))


def summarise(profiles: Iterable[Profile | Brief]) -> Summary:
    """Faithfulness, cost and diversity of profiles; users whose traits are all unknown count in no tuple."""
    sums: Counter[str] = Counter()
    tuples: Counter[tuple[str, ...]] = Counter()
    for profile in profiles:
        made = profile.provenance
        guesses = [*profile.traits.values(), *profile.attributes.values()]
        sums.update(
            users=1,
            tokens_in=made.tokens_in,
            tokens_out=made.tokens_out,
            asked=made.asked,
            asked_again=made.asked_again,
            dropped=len(made.dropped),
            by_template=made.by_template,
            known=sum(guess.value != UNKNOWN for guess in guesses),
        )
        tuples[tuple(guess.value for guess in profile.traits.values())] += 1
    described = {traits: n for traits, n in tuples.items() if set(traits) != {UNKNOWN}}
    total = sum(described.values())
    users, asked, known = sums["users"], sums["asked"], sums.pop("known", 0)
    return Summary(
        **{name: sums[name] for name in COUNTED},
        faithful=(asked - sums["asked_again"]) / asked if asked else 0.0,
        known_fields=known / (users * len(CLOSED_FIELDS)) if users else 0.0,
        trait_entropy=sum(n / total * log2(total / n) for n in described.values()),
        trait_tuples=len(described),
        largest_tuple=max(described.values(), default=0) / max(users, 1),
    )
