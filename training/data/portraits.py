"""What a model learns writing from: paragraphs of synthetic people, each behind the notes that it is to put into words.

Nothing of a real person is in it. Cities have their kinds of places in the words of several vocabularies, in words that
are made up, or unknown, and the places' numbers are drawn anew in each example: what is learned is to copy.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import polars as pl

from genrec.checkins import Checkins
from genrec.columns import CATEGORY, TIME, UNKNOWN, USER
from genrec.habits import all_habits
from genrec.profiles.portrait.facts import Fact, FactKind, facts
from genrec.profiles.portrait.plan import Paragraph, plan_of, portrait_messages
from genrec.profiles.portrait.realise import Realiser
from training.data.conversation import TrainingExample
from training.data.diaries import in_other_words, invented_name

NAMELESS: Final = 0.25  # of the cities: nothing is known of the kinds of places
INVENTED: Final = 0.2  # of the others: kinds that no vocabulary has
MOST_NUMBERS: Final = (100, 1_000, 10_000)  # places are numbered up to one of them
CHANGES: Final[tuple[FactKind, ...]] = ("more", "less", "new", "more", "new")
CHANGING: Final = 0.15  # of the places
MONTHS: Final = pl.date_range(datetime(2009, 1, 1), datetime(2027, 12, 1), "1mo", eager=True).to_list()


@dataclass(frozen=True)
class Written:
    """A paragraph as it is to be written, sentence by sentence."""

    paragraph: Paragraph
    sentences: tuple[str, ...]

    def example(self) -> TrainingExample:
        """It as a conversation to learn from."""
        messages = (*portrait_messages(self.paragraph), {"role": "assistant", "content": " ".join(self.sentences)})
        return TrainingExample(messages, frozenset({len(messages) - 1}))


def portraits(checkins: Checkins, limit: int | None, draw: random.Random, *, relabel: bool) -> list[Written]:
    """Paragraphs of people, or a sample of them; `relabel`: kinds, numbers and months are drawn anew."""
    seen = with_drawn_kinds(checkins, draw) if relabel else checkins
    written = list(written_paragraphs(seen, draw, relabel=relabel))
    # Longer ones rather than shorter ones (Efraimidis and Spirakis 2006).
    written.sort(key=lambda one: -(draw.random() ** (1 / len(one.sentences))))
    return written[:limit]


def written_paragraphs(checkins: Checkins, draw: random.Random, *, relabel: bool) -> Iterator[Written]:
    """The paragraphs of everybody's portrait as of some moment."""
    rows = len(checkins.frame)
    moment = checkins.frame[draw.randrange(rows // 4, rows), TIME]
    for user, habits in all_habits(checkins, moment, sorted(checkins.frame[USER].unique())).items():
        found = _drawn(facts(habits), draw) if relabel else facts(habits)
        realiser = Realiser(f"{user} {draw.random()}")
        for paragraph in plan_of(found, draw):
            yield Written(paragraph, tuple(realiser.paragraph(paragraph)))


def with_drawn_kinds(checkins: Checkins, draw: random.Random) -> Checkins:
    """A synthetic city with its kinds of places in other words, or without any."""
    if draw.random() < NAMELESS:
        return replace(checkins, pois=checkins.pois.with_columns(pl.lit(UNKNOWN).alias(CATEGORY)))
    if draw.random() < INVENTED:
        kinds = {kind: invented_name(kind, draw) for kind in sorted(checkins.pois[CATEGORY].unique())}
        return replace(checkins, pois=checkins.pois.with_columns(pl.col(CATEGORY).replace(kinds)))
    return in_other_words(checkins, draw)


def _drawn(found: Sequence[Fact], draw: random.Random) -> list[Fact]:
    """The facts with other numbers of places, and a month and changes as they may come."""
    found = [*found, *_changes([fact for fact in found if fact.kind in ("place", "top")], draw)]
    pois = sorted({poi for fact in found for name in fact.names for poi in _numbers(name)})
    drawn = dict(zip(pois, draw.sample(range(draw.choice(MOST_NUMBERS)), len(pois)), strict=True))
    month = draw.choice(MONTHS)
    return [
        replace(
            fact,
            names=tuple(re.sub(r"(?<=^POI )\d+", lambda match: str(drawn[int(match[0])]), name) for name in fact.names),
            since=f"{month:%B %Y}" if fact.since else "",
        )
        for fact in found
    ]


def _changes(places: Sequence[Fact], draw: random.Random) -> Iterator[Fact]:
    """Changes of some of the places: synthetic people hardly change, and words for it must be learned."""
    for fact in places:
        if draw.random() < CHANGING:
            yield replace(fact, kind=draw.choice(CHANGES), when="", since="lately")


def _numbers(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"^POI (\d+)", name)]
