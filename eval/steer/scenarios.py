"""Scripted edits: a person says one sentence about one kind of place, and the ranking is held against the one before.

After SteerEval (arXiv 2601.21105), with the exact probabilities of all places instead of a sampled list.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import rankdata

from eval.protocol import Cases, evidence_at
from eval.steer.wordings import FEWER, MORE, held_out
from genrec.columns import USER
from genrec.profiles.place_kinds import place_kinds
from genrec.profiles.statements import parse
from genrec.rankers.ranker import Ranker
from genrec.steering import Steering

Floats = NDArray[np.float64]
Direction = Literal["more", "fewer", "placebo"]
DIRECTIONS: Final[tuple[Direction, ...]] = ("more", "fewer", "placebo")

LEAST_PLACES = 2  # of a kind that is talked about
MOST_SHARE = 0.2  # of the catalogue that such a kind has
MEASURES: Final = ("auc_shift", "on_topic", "off_topic", "ranks", "difference_auc", "acc@10")


@dataclass(frozen=True)
class Scenario:
    """One example's person says something about one kind of place; `target`: a place of it, chosen at random."""

    example: int
    kind: str
    direction: Direction
    sentence: str
    is_held_out: bool
    target: int


class Topics:
    """The kinds of a catalogue that can be talked about, and their places."""

    def __init__(self, pois: pl.DataFrame) -> None:
        kinds = self.kinds = place_kinds(pois)  # of each place
        places: dict[str, list[int]] = {}
        for poi, of_place in enumerate(kinds):
            for kind in of_place:
                places.setdefault(kind, []).append(poi)
        most = max(MOST_SHARE * len(kinds), LEAST_PLACES)
        self.places = {
            kind: np.array(where) for kind, where in sorted(places.items()) if LEAST_PLACES <= len(where) <= most
        }


def scenarios(cases: Cases, topics: Topics, *, persons: int, kinds: int, seed: int) -> list[Scenario]:
    """For some persons a sentence of each direction about each of some kinds; half are of the wordings held out.

    A person's placebo is the same sentence throughout.
    """
    draw = np.random.default_rng(seed)
    latest = cases.frame.group_by(USER).agg(pl.col("example").last()).sort("example")["example"].to_numpy()
    chosen = np.sort(draw.permutation(latest)[:persons])
    about = sorted(draw.permutation(list(topics.places))[:kinds].tolist())
    kept = held_out()
    wordings = {"more": (MORE, kept.more), "fewer": (FEWER, kept.fewer)}
    made: list[Scenario] = []
    for number, example in enumerate(chosen.tolist()):
        for place, kind in enumerate(about):
            target = int(draw.choice(topics.places[kind]))
            tested = (number + place) % 2 == 0
            for direction, pair in wordings.items():
                sentence = str(draw.choice(pair[tested])).replace("{kind}", kind)
                made.append(Scenario(example, kind, direction, sentence, tested, target))  # type: ignore[arg-type]
            placebo = kept.placebo[number % len(kept.placebo)]
            made.append(Scenario(example, kind, "placebo", placebo, is_held_out=True, target=target))
    return made


def measure(
    cases: Cases,
    topics: Topics,
    made: Sequence[Scenario],
    base: Mapping[int, Floats],
    steering: Steering,
    *,
    strength: float,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> pl.DataFrame:
    """One row a scenario: user_id, kind, direction, held_out, sentence, MEASURES, and whether the sign is right.

    `base`: what `bases` says. auc_shift, on_topic (mass on the kind's places) and ranks (of the target) count in the
    wanted direction; off_topic is how much mass moved among all other places beyond what the change on topic leaves to
    them.
    """
    read = {one.sentence: steering.signed(parse(one.sentence, steering.vocabulary, {})) for one in made}
    steering.learn([clause.wording for said in read.values() for clause in said], progress)
    rows = []
    for one in made:
        example, said = cases.examples[one.example], read[one.sentence]
        before = base[one.example]
        after = steering.shift(said, cases.at(example), strength).applied(before)
        sign = {"more": 1, "fewer": -1, "placebo": 1}[one.direction]
        values = _moved(before, after, topics.places[one.kind], one.target, sign)
        values["difference_auc"] = _of_difference(steering, said[0].wording, one.kind)
        values["acc@10"] = float((after > after[example.target]).sum() < 10)
        signs = {clause.sign for clause in said if one.kind in clause.kinds}
        right = signs == ({sign} if one.direction != "placebo" else set())
        rows.append(
            {USER: example.user_id, "kind": one.kind, "direction": one.direction, "held_out": one.is_held_out,
             "sentence": one.sentence, "right": right, **values}
        )  # fmt: skip
    return pl.DataFrame(rows)


def unedited(cases: Cases, base: Mapping[int, Floats]) -> float:
    """Acc@10 of the same persons' visits when nothing is said."""
    return float(
        np.mean([(scores > scores[cases.examples[number].target]).sum() < 10 for number, scores in base.items()])
    )


def pairs(rows: pl.DataFrame) -> pl.DataFrame:
    """Whether "more" raised and "fewer" lowered a kind's mass, for each person and kind: user_id, method, joint."""
    signs = rows.filter(pl.col("direction") != "placebo")
    return signs.group_by(USER, "kind", "held_out", maintain_order=True).agg(
        joint=((pl.col("on_topic") > 0).all() & (pl.len() == 2)).cast(pl.Float64)
    )


def auc(scores: Floats, on: NDArray[np.intp]) -> float:
    """Probability that a place of the kind stands above another one; ties count half."""
    others = len(scores) - len(on)
    return float((rankdata(scores)[on].sum() - len(on) * (len(on) + 1) / 2) / (len(on) * others))


def bases(cases: Cases, made: Sequence[Scenario], ranker: Ranker) -> dict[int, Floats]:
    """The scores of all places for each example of the scenarios, nothing being said."""
    return {
        number: ranker.score([cases.query(number)], evidence_at(cases, cases.examples[number].as_of))[0]
        for number in sorted({one.example for one in made})
    }


def _moved(before: Floats, after: Floats, on: NDArray[np.intp], target: int, sign: int) -> dict[str, float]:
    p, q = np.exp(before), np.exp(after)
    off = np.ones(len(p), dtype=np.bool_)
    off[on] = False
    left = p[off] * (1 - q[on].sum()) / max(1 - p[on].sum(), 1e-12)
    return {
        "auc_shift": sign * (auc(after, on) - auc(before, on)),
        "on_topic": sign * float(q[on].sum() - p[on].sum()),
        "off_topic": float(np.abs(q[off] - left).sum() / 2),
        "ranks": sign * float((before > before[target]).sum() - (after > after[target]).sum()),
    }


def _of_difference(steering: Steering, wording: str, kind: str) -> float:
    """AUC of the model's difference alone, nothing being known of what the sentence names."""
    return auc(steering.standing_out(wording), np.array([steering.kinds.index(kind)]))
