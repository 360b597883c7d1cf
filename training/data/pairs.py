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
from functools import cached_property, partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from genrec import jsonl
from genrec.cache import cache_home
from genrec.checkins import Checkins
from genrec.errors import GenRecError
from genrec.files import one_writer
from genrec.fingerprint import fingerprint
from genrec.llm.backend import AnswerScorer, Message
from genrec.llm.decoding import Trie, top_k
from genrec.llm.local import LocalModel
from genrec.prepared import catalogue_hash
from genrec.prompting import prompt_version
from genrec.rankers.habits import rank_habits
from genrec.rankers.llm import place_trie
from genrec.trajectories import Example
from training.data.examples import Prompter, learnable, read
from training.data.judge import CANDIDATES, Judge
from training.data.preferences import About, PlaceRule, PlaceSource, Preference, Source, write_preferences
from training.dpo import REFERENCE, load_policy
from training.progress import Progress
from training.prompts import LEARNED_PROMPTS
from training.recipe import Data, DpoRecipe
from training.trainers.reference import PairTokens, reference_log_probabilities, weights_hash

# Examples ranked and written at once. Fixed, because a model's last digits may depend on what it ranks together.
BATCH = 32

Score = Callable[[Sequence[PairTokens]], Sequence[tuple[float, float]]]


@dataclass(frozen=True)
class Made:
    """Pairs, whether the model prefers the chosen answer of each already, and how many were left out by reason."""

    pairs: list[Preference]
    right: list[bool]
    left_out: dict[str, int]

    def right_by_source(self) -> dict[Source, float]:
        """Share of the pairs that the model ranks right already."""
        hits: dict[Source, list[bool]] = defaultdict(list)
        for pair, right in zip(self.pairs, self.right, strict=True):
            hits[pair.source].append(right)
        return {source: sum(own) / len(own) for source, own in hits.items()}


@dataclass(frozen=True)
class Mix:
    """Which pairs to make: the share of each source, who wins, and how many pairs an example gets."""

    shares: dict[PlaceSource, float]
    rule: PlaceRule = "truth"
    per_example: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.shares or min(self.shares.values()) <= 0:
            mix = ",".join(f"{source}={share:g}" for source, share in self.shares.items())
            raise GenRecError(f"--mix {mix}: each source needs a share above 0")

    def sources(self, examples: int) -> list[tuple[PlaceSource, ...]]:
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

    def __init__(
        self, checkins: Checkins, data: Data, ranker: AnswerScorer, mix: Mix, *, max_length: int, score: Score
    ) -> None:
        """`data` says how a prompt is put; none may be longer than `max_length` tokens with its answer.

        `score` gives the ranker's log-probabilities of (chosen, rejected); it is called while the ranker still has
        in memory what it read of the prompts.
        """
        self._pois, self._ranker, self._mix, self._max_length = checkins.pois, ranker, mix, max_length
        self._score = score
        self._prompter = Prompter(checkins, data, ranker.count_tokens)
        self._judge = Judge(checkins.pois)

    def make(self, examples: Sequence[Example], part: Path, settings: dict[str, Any], progress: Progress) -> Made:
        """Pairs of the examples, none twice; what `part` holds already is not made again.

        `settings` is all that the pairs depend on. Raises GenRecError if `part` was begun with other settings.
        """
        ordered = sorted(examples, key=lambda example: (example.as_of, example.user_id, example.time))
        done, finished = jsonl.resume_part(part, settings, private=True), 0
        for number, batch in enumerate(_batches(zip(ordered, self._mix.sources(len(ordered)), strict=True))):
            if number == len(done):
                done.append(self._batch(batch))
                jsonl.append(part, [jsonl.line(done[-1])])
            finished += len(batch)
            progress(finished, len(ordered))
        left_out = Counter(reason for made in done for reason in made["left_out"])
        distinct: dict[str, tuple[Preference, bool]] = {}
        for made in done:
            for pair, right in zip(made["pairs"], made["right"], strict=True):
                key = json.dumps([pair[part] for part in ("prompt", "chosen", "rejected")])
                distinct.setdefault(key, (Preference(**pair), right))
        repeated = sum(len(made["pairs"]) for made in done) - len(distinct)
        if repeated:
            left_out["the same prompt and answers as another pair"] = repeated
        return Made(
            [pair for pair, _ in distinct.values()],
            [right for _, right in distinct.values()],
            dict(sorted(left_out.items())),
        )

    def _batch(self, batch: Sequence[tuple[Example, tuple[PlaceSource, ...]]]) -> dict[str, Any]:
        """The pairs of examples with one moment of evidence, in plain types."""
        prompts = [self._prompter.ask(example).messages for example, _ in batch]
        tokens = [self._tokens(prompt) for prompt in prompts]
        on_policy = self._ranked([tokens[i] for i, (_, sources) in enumerate(batch) if "on-policy" in sources])
        pairs: list[Preference] = []
        in_tokens: list[PairTokens] = []
        left_out: list[str] = []
        for (example, sources), prompt, read_as in zip(batch, prompts, tokens, strict=True):
            draw = random.Random(f"{self._mix.seed} {example.user_id} {example.time} {example.target}")
            offers = {"on-policy": next(on_policy)} if "on-policy" in sources else {}
            taken: set[tuple[int, int]] = set()
            for source in sources:
                if source not in offers:
                    offers[source] = self._offer(source, example, draw)
                pair = self._judge.pair(offers[source], example.target, self._mix.rule, taken, draw)
                if pair is None:
                    left_out.append(f"{source} offers no further two places of different worth")
                    continue
                taken.add(pair)
                chosen, rejected = pair
                pairs.append(
                    Preference(
                        prompt=tuple(prompt),
                        chosen=str(chosen),
                        rejected=str(rejected),
                        source=source,
                        rule=self._mix.rule,
                    )
                )
                answers = self._ranker.answer_tokens([str(chosen), str(rejected)])
                in_tokens.append(PairTokens(tuple(read_as), *map(tuple, answers)))
        return {
            "pairs": [pair.model_dump(mode="json") for pair in pairs],
            "right": [chosen > rejected for chosen, rejected in self._score(in_tokens)],
            "left_out": left_out,
        }

    @cached_property
    def _trie(self) -> Trie:
        return place_trie(self._ranker, len(self._judge))

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

    def _offer(self, source: PlaceSource, example: Example, draw: random.Random) -> list[int]:
        """The answers of a source other than the model, best first."""
        if source == "nearby":
            return self._judge.nearby(example.target, CANDIDATES)
        if source == "random":
            return draw.sample(range(len(self._judge)), min(CANDIDATES, len(self._judge)))
        evidence = self._prompter.evidence(example)
        habits = evidence.habits(example.user_id)
        scores = rank_habits(habits, evidence.city, self._pois, at=example.time, prefix=example.prefix)
        return [int(poi) for poi in np.argsort(-scores, kind="stable")[:CANDIDATES]]


def _batches(
    examples: Iterable[tuple[Example, tuple[PlaceSource, ...]]],
) -> Iterator[list[tuple[Example, tuple[PlaceSource, ...]]]]:
    """Runs of examples with one moment of evidence."""
    for _, group in groupby(examples, key=lambda pair: pair[0].as_of):
        same = list(group)
        yield from (same[start : start + BATCH] for start in range(0, len(same), BATCH))


def make_preferences(recipe: DpoRecipe, mix: Mix, progress: Progress) -> About:
    """Make the pairs of a recipe's data with its model, and write them to where the recipe looks for them.

    Raises GenRecError if they are there already or being made by another process, the recipe has no data for them, or
    the adapter does not fit.
    """
    with one_writer(recipe.preferences):
        return _make_preferences(recipe, mix, progress)


def _make_preferences(recipe: DpoRecipe, mix: Mix, progress: Progress) -> About:
    data, path = recipe.data, recipe.preferences
    if data is None or data.checkins is None:
        raise GenRecError("the recipe must name check-ins to make pairs of: data.checkins")
    if path.exists():
        raise GenRecError(f"{path} exists already; remove it, or name another file as the recipe's preferences")
    seen, examples = pair_examples(read(data), data, mix.seed)
    catalogue, ranking_prompt = catalogue_hash(seen.pois), prompt_version(LEARNED_PROMPTS[data.prompt])
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
    ranker = LocalModel(policy.model, policy.tokenizer, policy.info.name)
    score = partial(reference_log_probabilities, ranker, weights, cache=cache_home() / REFERENCE)
    maker = PairMaker(seen, data, ranker, mix, max_length=recipe.max_length, score=score)
    made = maker.make(examples, part, settings | {"ranking_prompt": ranking_prompt}, progress)
    about = write_preferences(
        path,
        made.pairs,
        catalogue=catalogue,
        ranking_prompt=ranking_prompt,
        settings=settings,
        left_out=made.left_out,
        reference_prefers_chosen=made.right_by_source(),
    )
    part.unlink()
    return about
