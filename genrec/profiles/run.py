"""Writing a file of profiles in batches, so that a killed run goes on where it stopped."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log2
from pathlib import Path

from genrec.errors import GenRecError
from genrec.files import one_writer
from genrec.habit_models import Habits
from genrec.jsonl import repair_tail
from genrec.profiles.profile import CLOSED_FIELDS, UNKNOWN, Profile, append_profiles, read_profiles
from genrec.profiles.writer import Subject, Writer

BATCH = 4  # a kill loses no more than this, and progress shows as often
# From this share of users with the very same traits on, profiles say little about who is who.
COLLAPSED_SHARE = 0.5

EvidenceOf = Callable[[Sequence[str]], Mapping[str, Habits]]


def run(
    writer: Writer,
    subjects: Sequence[Subject],
    out: Path,
    on_progress: Callable[[int], None] = lambda done: None,
    evidence_of: EvidenceOf = lambda users: {},
) -> list[str]:
    """Append the subjects' profiles to `out`; returns the ids of the users that were missing and now are there.

    Batches are fixed by the list of subjects, not by what is missing, and each is added in one
    write: after a kill, the same call gives the same file as an undisturbed one. `evidence_of` gives the
    habits of users who have a profile already and are no subjects now. Raises GenRecError if `out` holds
    profiles of another writer, prompt, moment or evidence, or if another process writes it.
    """
    with one_writer(out):
        return _run(writer, subjects, out, on_progress, _existing(writer, subjects, out, evidence_of))


def _run(
    writer: Writer,
    subjects: Sequence[Subject],
    out: Path,
    on_progress: Callable[[int], None],
    done: Mapping[str, Profile],
) -> list[str]:
    written: list[str] = []
    for start in range(0, len(subjects), BATCH):
        batch = subjects[start : start + BATCH]
        missing = [subject.habits.user_id for subject in batch if subject.habits.user_id not in done]
        if missing:
            profiles = {profile.user_id: profile for profile in writer.write(batch)}
            append_profiles(out, [profiles[user] for user in missing])
            written += missing
        on_progress(min(start + BATCH, len(subjects)))
    return written


def _existing(writer: Writer, subjects: Sequence[Subject], out: Path, evidence_of: EvidenceOf) -> dict[str, Profile]:
    if not out.exists():
        return {}
    repair_tail(out)
    done = read_profiles(out)
    evidence = {subject.habits.user_id: subject.habits for subject in subjects}
    evidence |= evidence_of([user for user in done if user not in evidence])
    for profile in done.values():
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
    if profile.habits.lately is None:  # as in profiles of before that was counted
        habits = habits.model_copy(update={"lately": None})
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


def summarise(profiles: Sequence[Profile]) -> Summary:
    """Faithfulness, cost and diversity of profiles; users whose traits are all unknown count in no tuple."""
    asked = sum(profile.provenance.asked for profile in profiles)
    asked_again = sum(profile.provenance.asked_again for profile in profiles)
    values = [[g.value for g in (profile.traits | profile.attributes).values()] for profile in profiles]
    known = sum(value != UNKNOWN for row in values for value in row)
    tuples = Counter(tuple(guess.value for guess in profile.traits.values()) for profile in profiles)
    described = {traits: n for traits, n in tuples.items() if set(traits) != {UNKNOWN}}
    total = sum(described.values())
    return Summary(
        users=len(profiles),
        tokens_in=sum(profile.provenance.tokens_in for profile in profiles),
        tokens_out=sum(profile.provenance.tokens_out for profile in profiles),
        asked=asked,
        asked_again=asked_again,
        dropped=sum(len(profile.provenance.dropped) for profile in profiles),
        by_template=sum(profile.provenance.by_template for profile in profiles),
        faithful=(asked - asked_again) / asked if asked else 0.0,
        known_fields=known / (len(profiles) * len(CLOSED_FIELDS)) if profiles else 0.0,
        trait_entropy=sum(n / total * log2(total / n) for n in described.values()),
        trait_tuples=len(described),
        largest_tuple=max(described.values(), default=0) / max(len(profiles), 1),
    )
