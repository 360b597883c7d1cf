"""What profiles are worth: whether visits back them, how much they say, whether they tell people apart, what they cost.

`eval.profiles.recovery` asks whether their guesses are right. Intervals are 95 % percentile bootstrap intervals over
users: a user is drawn with all of their sentences and guesses. Entropies come without one, because resampled users
repeat, which lowers an entropy.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from eval.measures.intervals import TAILS, user_draws
from eval.profiles.portraits import score
from genrec.checkins import Checkins
from genrec.columns import CATEGORY, USER
from genrec.errors import GenRecError
from genrec.habit_models import Habits
from genrec.habits import all_habits
from genrec.profiles.faithfulness import check, sentences, supported
from genrec.profiles.portrait.facts import facts
from genrec.profiles.profile import CLOSED_FIELDS, UNKNOWN, Profile, require_catalogue

RESAMPLES = 2000

Floats = NDArray[np.float64]


def evidence_of(profiles: Sequence[Profile], checkins: Checkins | None) -> dict[str, Habits]:
    """The habits to hold each user's profile against: counted again from `checkins`, or those stored with it.

    Raises GenRecError if the check-ins are not those of the profiles' users.
    """
    if checkins is None:
        return {profile.user_id: profile.habits for profile in profiles}
    visitors = set(checkins.frame[USER].unique().to_list())
    strangers = [profile.user_id for profile in profiles if profile.user_id not in visitors]
    if strangers:
        raise GenRecError(
            f"{len(strangers)} of {len(profiles)} profiles are of users without check-ins in {checkins.source}, "
            f"for instance {strangers[0]!r}. Give the check-ins that the profiles were written from."
        )
    require_catalogue(profiles, checkins.pois)
    habits: dict[str, Habits] = {}
    for moment in sorted({profile.as_of for profile in profiles}):
        users = [profile.user_id for profile in profiles if profile.as_of == moment]
        habits |= all_habits(checkins, moment, users)
    return habits


def vocabulary_of(evidence: Iterable[Habits], checkins: Checkins | None) -> list[str]:
    """Every category that a sentence may name: those of the catalogue, or else of all users' visits."""
    if checkins is not None:
        return sorted(checkins.pois[CATEGORY].unique().to_list())
    return sorted({habit.category for habits in evidence for habit in habits.categories})


def quality(profiles: Sequence[Profile], evidence: Mapping[str, Habits], vocabulary: Collection[str]) -> pl.DataFrame:
    """Means over profiles (at least one). Frame: measure, value, low, high; null where there is nothing to divide by.

    `faithful`: share of the sentences asked of the writer that the evidence supported as first written (null for
    imported profiles: nobody asked). `supported`: share of the profiles' sentences that `evidence` supports now.
    `coverage`: share of closed fields that are not unknown. `told`, `redundant`, `readability`: of their texts, as in
    `eval.profiles.portraits`; of users without facts, nothing is asked. `words`, `tokens_in`, `tokens_out`: per user.
    """
    return _frame(_measures(profiles, evidence, vocabulary))


def differences(
    profiles: Sequence[Profile], others: Sequence[Profile], evidence: Mapping[str, Habits], vocabulary: Collection[str]
) -> pl.DataFrame:
    """By how much profiles differ from those of the same people by another writer; a frame as of `quality`.

    The two profiles of a person are drawn together. Raises GenRecError if the people are not the same.
    """
    of_others = {profile.user_id: profile for profile in others}
    if set(of_others) != {profile.user_id for profile in profiles}:
        raise GenRecError("the two files of profiles are not of the same people")
    ours = _measures(profiles, evidence, vocabulary)
    theirs = _measures([of_others[profile.user_id] for profile in profiles], evidence, vocabulary)
    return _frame({name: ours[name] - theirs[name] for name in ours})


def _measures(
    profiles: Sequence[Profile], evidence: Mapping[str, Habits], vocabulary: Collection[str]
) -> dict[str, Floats]:
    """Each measure of `quality`: of the profiles, and of each of their bootstrap samples."""
    rows = pl.DataFrame([_counts(profile, evidence[profile.user_id], vocabulary) for profile in profiles])
    sums = draws(len(profiles)) @ rows.to_numpy().astype(np.float64)
    column = dict(zip(rows.columns, sums.T, strict=True))
    ratios = {
        "faithful": ("first_time", "asked"),
        "supported": ("supported", "sentences"),
        "coverage": ("known", "fields"),
    }
    ratios |= {name: (name, "known_users") for name in ("told", "redundant", "readability")}
    ratios |= {name: (name, "users") for name in ("words", "tokens_in", "tokens_out")}
    return {name: ratio(column[part], column[of]) for name, (part, of) in ratios.items()}


def _frame(measures: Mapping[str, Floats]) -> pl.DataFrame:
    return pl.DataFrame(
        [{"measure": name, **interval(statistic)} for name, statistic in measures.items()],
        schema={"measure": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64},
    )


def _counts(profile: Profile, habits: Habits, vocabulary: Collection[str]) -> dict[str, float]:
    """What one user adds to the sums that `quality` divides."""
    texts = [statement.text for statement in profile.statements()]
    made = profile.provenance
    found = facts(habits)
    text = score(" ".join(texts), habits, vocabulary, found)
    return {
        "users": 1,
        "asked": made.asked,
        "first_time": made.asked - made.asked_again,
        "sentences": len(texts),
        "supported": sum(_stands(text, habits, vocabulary) for text in texts),
        "fields": len(CLOSED_FIELDS),
        "known": sum(guess.value != UNKNOWN for guess in (profile.traits | profile.attributes).values()),
        "known_users": bool(found),
        "told": text.told if found else 0,
        "redundant": text.redundant if found else 0,
        "readability": text.readability if found else 0,
        "words": sum(len(text.split()) for text in texts),
        "tokens_in": made.tokens_in,
        "tokens_out": made.tokens_out,
    }


def _stands(text: str, habits: Habits, vocabulary: Collection[str]) -> bool:
    """Whether the evidence supports each sentence of a statement, as the writer of profiles requires."""
    return all(supported(check(sentence, habits, vocabulary)) for sentence in sentences(text, vocabulary))


def diversity(profiles: Sequence[Profile]) -> pl.DataFrame:
    """What each closed field tells apart. Frame, one row a field: field, coverage, entropy, commonest, share.

    `entropy` (bits) is that of the answers that are not unknown, `share` the part of these that give the commonest
    answer: a field that says the same of everybody has 0 bits. `genrec.profiles.run.summarise` has the same for whole
    tuples of traits.
    """
    rows = []
    for field in CLOSED_FIELDS:
        values = ((profile.traits | profile.attributes)[field].value for profile in profiles)
        answers = Counter(value for value in values if value != UNKNOWN)
        total = answers.total()
        shares = np.array(list(answers.values())) / max(total, 1)
        commonest = max(answers, key=lambda value: (answers[value], value), default=None)
        row = {"field": field, "coverage": total / len(profiles), "entropy": float((shares * -np.log2(shares)).sum())}
        rows.append(row | {"commonest": commonest, "share": answers[commonest] / total if commonest else None})
    return pl.DataFrame(rows, schema_overrides={"commonest": pl.String, "share": pl.Float64})


def largest_alike(profiles: Sequence[Profile]) -> float:
    """Share of the profiles with text that have the commonest one, the places' numbers left out."""
    texts = [" ".join(one.text for one in profile.statements()) for profile in profiles]
    alike = Counter(re.sub(r"\bPOI \d+", "POI", text) for text in texts if text)
    return max(alike.values(), default=0) / max(alike.total(), 1)


def draws(users: int) -> Floats:
    """How often each user occurs: once in row 0 (the data as they are), then in bootstrap samples. Seeded.

    Shape: (1 + RESAMPLES, users). Its product with a column of per-user counts is the sum and its bootstrap.
    """
    return np.vstack([np.ones(users), *user_draws(users, RESAMPLES, seed=0)])


def ratio(part: Floats, whole: Floats) -> Floats:
    """Quotient of two sums; nan where there is nothing to divide by."""
    quotient: Floats = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole != 0)
    return quotient


def interval(statistic: Floats) -> dict[str, float | None]:
    """Value (of row 0 of `draws`) and percentile interval of a statistic; all None if it has no value."""
    if np.isnan(statistic[0]):
        return {"value": None, "low": None, "high": None}
    low, high = np.nanquantile(statistic[1:], TAILS)
    return {"value": float(statistic[0]), "low": float(low), "high": float(high)}
