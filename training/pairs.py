"""Makes the pairs of places that DPO learns from: for one prompt, a better and a worse answer.

The answers come from a named mix of sources: what the model itself ranks high (on-policy), what habits alone rank
high, places of the visited one's category near it, and any places. All of them are known to exist, so all a model can
learn from a pair is which place fits the person and the moment.
"""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import combinations, groupby
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from eval.evidence import fingerprint
from genrec.checkins import Checkins
from genrec.columns import CATEGORY, LATITUDE, LONGITUDE
from genrec.decoding import Trie, top_k
from genrec.errors import GenRecError
from genrec.files import write_text
from genrec.geo import haversine_km
from genrec.habit_ranker import rank_habits
from genrec.llm.backend import Message, Ranker
from genrec.prompting import prompt_version
from genrec.recommender import PROMPTS
from genrec.store import catalogue_hash
from genrec.trajectories import Example
from training.examples import Prompter, learnable, read
from training.preferences import About, Preference, Rule, Source, write_preferences
from training.recipe import Data, DpoRecipe
from training.reference import weights_hash

# Answers that a source offers for an example: its best, or the nearest, or as many drawn at random.
CANDIDATES = 5
# Examples ranked and written at once. Fixed, because a model's last digits may depend on what it ranks together.
BATCH = 32

Progress = Callable[[int, int], None]  # (examples done, examples in all)


@dataclass(frozen=True)
class Mix:
    """Which pairs to make: the share of each source, who wins, and how many pairs an example gets."""

    shares: dict[Source, float]
    rule: Rule = "truth"
    per_example: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.shares or min(self.shares.values()) <= 0:
            raise GenRecError(f"the mix {self.shares} needs sources with shares above 0")

    def sources(self, examples: int) -> list[tuple[Source, ...]]:
        """The sources of each example's pairs; over all examples, as near to the shares as whole numbers allow."""
        count, total = examples * self.per_example, sum(self.shares.values())
        exact = {source: count * share / total for source, share in self.shares.items()}
        counts = {source: int(number) for source, number in exact.items()}
        by_remainder = sorted(exact, key=lambda source: counts[source] - exact[source])
        for source in by_remainder[: count - sum(counts.values())]:
            counts[source] += 1
        drawn = [source for source, number in counts.items() for _ in range(number)]
        random.Random(self.seed).shuffle(drawn)
        return [tuple(drawn[i : i + self.per_example]) for i in range(0, count, self.per_example)]


class Places:
    """The catalogue, asked what is like a place."""

    def __init__(self, pois: pl.DataFrame) -> None:
        self._category = pois[CATEGORY].to_numpy()
        self._latitude, self._longitude = pois[LATITUDE].to_numpy(), pois[LONGITUDE].to_numpy()

    def __len__(self) -> int:
        return len(self._category)

    def distances_km(self, poi: int) -> NDArray[np.float64]:
        """To every place. Shape: (pois,)."""
        return haversine_km(self._latitude[poi], self._longitude[poi], self._latitude, self._longitude)

    def nearby(self, poi: int, count: int) -> list[int]:
        """The nearest other places of the same category."""
        order = np.argsort(self.distances_km(poi), kind="stable")
        return [int(i) for i in order if i != poi and self._category[i] == self._category[poi]][:count]

    def judge(self, a: int, b: int, truth: int) -> tuple[int, int] | None:
        """(the better, the worse): the truth wins, else the truth's category, else the nearer to it; None if equal."""
        distances = self.distances_km(truth)

        def badness(poi: int) -> tuple[bool, bool, float]:
            return poi != truth, bool(self._category[poi] != self._category[truth]), float(distances[poi])

        if badness(a) == badness(b):
            return None
        return (a, b) if badness(a) < badness(b) else (b, a)

    def pair(
        self, candidates: Sequence[int], truth: int, rule: Rule, taken: set[tuple[int, int]], draw: random.Random
    ) -> tuple[int, int] | None:
        """A (chosen, rejected) that is not yet taken, drawn from the candidates; None if there is none."""
        if rule == "truth":
            possible = [(truth, poi) for poi in candidates if poi != truth]
        else:
            judged = (self.judge(a, b, truth) for a, b in combinations(candidates, 2))
            possible = [pair for pair in judged if pair]
        new = [pair for pair in possible if pair not in taken]
        return draw.choice(new) if new else None


def pair_examples(checkins: Checkins, data: Data, seed: int) -> tuple[Checkins, tuple[Example, ...]]:
    """The check-ins that training may see, with the whole catalogue, and the visits to make pairs of.

    Raises GenRecError for data whose POIs are numbered anew in every example.
    """
    if data.relabel:
        raise GenRecError("data.relabel: pairs keep the POI ids as they are; set it to false")
    seen, found = learnable(checkins, data)
    if data.limit is not None and data.limit < len(found):
        found = tuple(found[i] for i in sorted(random.Random(seed).sample(range(len(found)), data.limit)))
    return seen, found


class PairMaker:
    """Makes the pairs of examples, with one model."""

    def __init__(self, checkins: Checkins, data: Data, ranker: Ranker, mix: Mix, max_length: int) -> None:
        """`data` says how a prompt is put; none may be longer than `max_length` tokens with its answer."""
        self._pois, self._ranker, self._mix, self._max_length = checkins.pois, ranker, mix, max_length
        self._prompter = Prompter(checkins, data, ranker.count_tokens)
        self._places = Places(checkins.pois)

    def make(
        self, examples: Sequence[Example], part: Path, settings: dict[str, Any], progress: Progress
    ) -> tuple[list[Preference], dict[str, int]]:
        """Pairs, none twice, and how many were left out by reason; what `part` holds already is not made again.

        `settings` is all that the pairs depend on. Raises GenRecError if `part` was begun with other settings.
        """
        ordered = sorted(examples, key=lambda example: (example.as_of, example.user_id, example.time))
        done, finished = _resume(part, settings), 0
        for number, batch in enumerate(_batches(zip(ordered, self._mix.sources(len(ordered)), strict=True))):
            if number == len(done):
                done.append(self._batch(batch))
                with part.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(done[-1], ensure_ascii=False) + "\n")
            finished += len(batch)
            progress(finished, len(ordered))
        left_out = Counter(reason for made in done for reason in made["left_out"])
        pairs: dict[str, dict[str, Any]] = {}
        for pair in (pair for made in done for pair in made["pairs"]):
            pairs.setdefault(json.dumps([pair[key] for key in ("prompt", "chosen", "rejected")]), pair)
        repeated = sum(len(made["pairs"]) for made in done) - len(pairs)
        if repeated:
            left_out["the same prompt and answers as another pair"] = repeated
        return [Preference(**pair) for pair in pairs.values()], dict(sorted(left_out.items()))

    def _batch(self, batch: Sequence[tuple[Example, tuple[Source, ...]]]) -> dict[str, Any]:
        """The pairs of examples with one moment of evidence, in plain types."""
        prompts = [self._prompter.ask(example).messages for example, _ in batch]
        tokens = [self._tokens(prompt) for prompt in prompts]
        on_policy = self._ranked([tokens[i] for i, (_, sources) in enumerate(batch) if "on-policy" in sources])
        pairs: list[dict[str, Any]] = []
        left_out: list[str] = []
        for (example, sources), prompt in zip(batch, prompts, strict=True):
            draw = random.Random(f"{self._mix.seed} {example.user_id} {example.time} {example.target}")
            offers = {"on-policy": next(on_policy)} if "on-policy" in sources else {}
            taken: set[tuple[int, int]] = set()
            for source in sources:
                if source not in offers:
                    offers[source] = self._offer(source, example, draw)
                pair = self._places.pair(offers[source], example.target, self._mix.rule, taken, draw)
                if pair is None:
                    left_out.append(f"{source} offers no further two places of different worth")
                    continue
                taken.add(pair)
                chosen, rejected = map(str, pair)
                made = Preference(
                    prompt=tuple(prompt), chosen=chosen, rejected=rejected, source=source, rule=self._mix.rule
                )
                pairs.append(made.model_dump(mode="json"))
        return {"pairs": pairs, "left_out": left_out}

    @cached_property
    def _trie(self) -> Trie:
        return Trie(self._ranker.answer_tokens([str(poi) for poi in range(len(self._places))]))

    def _tokens(self, prompt: Sequence[Message]) -> list[int]:
        tokens = self._ranker.prompt_tokens(prompt)
        if len(tokens) + self._trie.depth > self._max_length:
            raise GenRecError(
                f"a prompt has {len(tokens)} tokens, with its answer more than max_length, {self._max_length}: raise "
                "that, or lower data.budget"
            )
        return tokens

    def _ranked(self, prompts: Sequence[Sequence[int]]) -> Iterator[list[int]]:
        """The model's own best answers to each prompt."""
        tries = [self._trie] * len(prompts)
        for best in top_k(self._ranker.read(prompts, tries), tries, CANDIDATES) if prompts else ():
            yield [scored.answer for scored in best]

    def _offer(self, source: Source, example: Example, draw: random.Random) -> list[int]:
        """The answers of a source other than the model, best first."""
        if source == "nearby":
            return self._places.nearby(example.target, CANDIDATES)
        if source == "random":
            return draw.sample(range(len(self._places)), min(CANDIDATES, len(self._places)))
        evidence = self._prompter.evidence(example)
        habits = evidence.habits(example.user_id)
        scores = rank_habits(habits, evidence.city, self._pois, at=example.time, prefix=example.prefix)
        return [int(poi) for poi in np.argsort(-scores, kind="stable")[:CANDIDATES]]


def _batches(
    examples: Iterable[tuple[Example, tuple[Source, ...]]],
) -> Iterator[list[tuple[Example, tuple[Source, ...]]]]:
    """Runs of examples with one moment of evidence."""
    for _, group in groupby(examples, key=lambda pair: pair[0].as_of):
        same = list(group)
        yield from (same[start : start + BATCH] for start in range(0, len(same), BATCH))


def _resume(part: Path, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """The batches that a part holds, behind a line with its settings; an unfinished line goes."""
    header = json.dumps(settings, ensure_ascii=False, sort_keys=True)
    data = part.read_bytes() if part.exists() else b""
    lines = data[: data.rfind(b"\n") + 1].decode().split("\n")[:-1]
    if lines and lines[0] != header:
        raise GenRecError(f"{part} was begun with other settings ({lines[0]}); remove it, or name another --out")
    write_text(part, "".join(f"{line}\n" for line in lines or [header]))
    return [json.loads(line) for line in lines[1:]]


def make_preferences(recipe: DpoRecipe, mix: Mix, *, pairing: Progress, scoring: Progress) -> About:
    """Make the pairs of a recipe's data with its model, and write them to where the recipe looks for them.

    Raises GenRecError if they are there already, the recipe has no data for them, or the adapter does not fit.
    """
    from genrec.llm.local import LocalModel  # deferred: loads torch
    from training.dpo import load_policy, pair_tokens, reference

    data, path = recipe.data, recipe.preferences
    if data is None or data.checkins is None:
        raise GenRecError("the recipe must name check-ins to make pairs of: data.checkins")
    if path.exists():
        raise GenRecError(f"{path} exists already; remove it, or name another file as the recipe's preferences")
    seen, examples = pair_examples(read(data), data, mix.seed)
    catalogue, ranking_prompt = catalogue_hash(seen.pois), prompt_version(PROMPTS[data.prompt])
    policy = load_policy(recipe, catalogue, ranking_prompt)
    weights = weights_hash(policy.model)
    settings = {
        "checkins": fingerprint(seen),
        "data": data.model_dump(mode="json"),
        "model": recipe.model,
        "weights": weights,
        "mix": asdict(mix),
    }
    part = path.with_suffix(".part")
    maker = PairMaker(seen, data, LocalModel(policy.model, policy.tokenizer, policy.info.name), mix, recipe.max_length)
    pairs, left_out = maker.make(examples, part, settings | {"ranking_prompt": ranking_prompt}, pairing)
    scores = reference(policy, weights, pair_tokens(recipe, policy, pairs), scoring)
    right: dict[Source, list[bool]] = defaultdict(list)
    for pair, (chosen, rejected) in zip(pairs, scores, strict=True):
        right[pair.source].append(chosen > rejected)
    about = write_preferences(
        path,
        pairs,
        catalogue=catalogue,
        ranking_prompt=ranking_prompt,
        settings=settings,
        left_out=left_out,
        reference_prefers_chosen={source: sum(hits) / len(hits) for source, hits in right.items()},
    )
    part.unlink()
    return about
