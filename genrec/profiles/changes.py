"""What differs between two versions of a profile."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

from genrec.profiles.profile import SECTIONS, UNKNOWN, Profile


@dataclass(frozen=True)
class Change:
    """A sentence of a section, the answer of a closed field, or the moment of the evidence; None where it is not."""

    field: str
    before: str | None
    after: str | None


def changes(before: Profile | None, after: Profile) -> list[Change]:
    """From what to what a profile was changed; of a first one, all that it says."""
    old, new = _answers(before), _answers(after)
    changed = [Change(field, old.get(field), value) for field, value in new.items() if old.get(field) != value]
    for section in SECTIONS:
        changed += _sentences(section, _texts(before, section), _texts(after, section))
    return changed


def _answers(profile: Profile | None) -> dict[str, str | None]:
    if profile is None:
        return {}
    guesses = (profile.traits | profile.attributes).items()
    return {"as_of": profile.as_of.isoformat(" ")} | {
        name: None if guess.value == UNKNOWN else guess.value for name, guess in guesses
    }


def _texts(profile: Profile | None, section: str) -> list[str]:
    return [] if profile is None else [statement.text for statement in getattr(profile, section)]


def _sentences(section: str, old: Sequence[str], new: Sequence[str]) -> Iterator[Change]:
    for kind, i, j, m, n in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            for pair in zip_longest(old[i:j], new[m:n]):
                yield Change(section, *pair)
