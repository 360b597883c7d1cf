"""How often the checker of sentences is right, by sentences that were labelled by hand.

`sentences.yaml` holds sentences about people of a synthetic city, each true, false, half true or nonsense, in the words
of somebody who had not seen the checker. Those of part `dev` were looked at while its grammar was written, those of
part `test` were not. Those of part `more` are by somebody who widened the grammar with them. Those of `second` and
`aside` are by somebody who had read the grammar, in the ways of bigger models (`source`): portraits, reports, notes and
spoken; of the people of `aside` only the figures were looked at. Those of `third` are phrasings filled with counted
facts; in the false ones one number, place, day or time is another.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter
from scipy.stats import binomtest

from genrec.checkins import Checkins
from genrec.city import CityConfig, build_city
from genrec.columns import CATEGORY, NAME, POI
from genrec.habit_models import Habits
from genrec.habits import all_habits
from genrec.plain_yaml import TextLoader, load_yaml
from genrec.profiles.faithfulness import check, sentences, supported
from genrec.reading.reader import read_checkins

SENTENCES: Final = Path(__file__).with_name("sentences.yaml")
CITY: Final = CityConfig(users=40, pois=250, days=120, seed=11)
SOURCES: Final = ("portrait", "report", "notes", "spoken")
LABELS: Final = ("true", "false", "half", "nonsense")
PARTS: Final = ("dev", "more", "second", "third", "aside", "test")


class Labelled(BaseModel):
    """A sentence about a person of the city, whether it is so, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user: str
    text: str
    label: Literal["true", "false", "half", "nonsense"]
    why: str
    part: Literal["dev", "more", "second", "third", "aside", "test"]
    source: Literal["", "portrait", "report", "notes", "spoken"] = ""


@dataclass(frozen=True)
class Town:
    """What the sentences are held against."""

    habits: Mapping[str, Habits]
    kinds: Collection[str]
    names: Mapping[int, str]


def labelled_sentences(path: Path = SENTENCES) -> list[Labelled]:
    """The sentences of a file. Raises InputError for a file that cannot be read."""
    return TypeAdapter(list[Labelled]).validate_python(load_yaml(path.read_text(encoding="utf-8"), TextLoader, path))


def the_town() -> Town:
    """The synthetic city that the sentences are about, made anew."""
    with TemporaryDirectory() as folder:
        build_city(CITY).write(Path(folder) / "city")
        checkins = read_checkins(Path(folder) / "city" / "checkins.csv")
    return town_of(checkins)


def town_of(checkins: Checkins) -> Town:
    """What check-ins tell."""
    names = dict(zip(checkins.pois[POI].to_list(), checkins.pois[NAME].to_list(), strict=True))
    return Town(all_habits(checkins), sorted(checkins.pois[CATEGORY].unique().to_list()), names)


def passes(sentence: Labelled, town: Town) -> bool:
    """Whether the checker lets a text stand: each of its sentences."""
    habits = town.habits[sentence.user]
    own = {place.poi: town.names[place.poi] for place in habits.places}
    return all(supported(check(one, habits, town.kinds, own)) for one in sentences(sentence.text, town.kinds))


def figures(found: Sequence[Labelled], town: Town) -> list[dict[str, Any]]:
    """Rows of part, measure, n (sentences it is a share of), value, low, high (95 %, Wilson).

    `precision`: share of the sentences that pass which are true. `recall`: share of the true ones that pass; `false`,
    `half`, `nonsense`: share of these that pass. `change` and `small model`: share of the true ones about change over
    time, and in the style of small models, that pass; so the sources, by name.
    """
    passed = {sentence: passes(sentence, town) for sentence in found}
    rows = []
    for part in PARTS:
        mine = [sentence for sentence in found if sentence.part == part]
        standing = [sentence for sentence in mine if passed[sentence]]
        true = [sentence for sentence in mine if sentence.label == "true"]
        rows.append(_row(part, "precision", sum(one.label == "true" for one in standing), len(standing)))
        groups = {
            "recall" if label == "true" else label: [one for one in mine if one.label == label] for label in LABELS
        }
        groups |= {"change": [one for one in true if one.why.startswith("change:")]}
        groups |= {"small model": [one for one in true if one.why.startswith("slm:")]}
        groups |= {source: of for source in SOURCES if (of := [one for one in true if one.source == source])}
        rows += [_row(part, name, sum(passed[one] for one in group), len(group)) for name, group in groups.items()]
    return rows


def _row(part: str, measure: str, hits: int, n: int) -> dict[str, Any]:
    if not n:
        return {"part": part, "measure": measure, "n": 0, "value": None, "low": None, "high": None}
    span = binomtest(hits, n).proportion_ci(method="wilson")
    values = {"value": hits / n, "low": float(span.low), "high": float(span.high)}
    return {"part": part, "measure": measure, "n": n} | {name: round(value, 4) for name, value in values.items()}
