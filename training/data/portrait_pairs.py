"""Pairs of a better and a worse paragraph behind the same notes, for DPO.

The worse one is unsupported (a number, a place's id, a day or a month is another), redundant (it says one thing twice
and another not at all) or poorer (it leaves something out): `eval.profiles.portraits.prefer` would say so, too.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from genrec.cache import cache_home
from genrec.errors import GenRecError
from genrec.files import one_writer
from genrec.llm.adapter import ANY
from genrec.llm.local import LocalModel
from genrec.phrases import WEEKDAYS
from genrec.profiles.portrait.plan import PORTRAIT
from genrec.profiles.portrait.realise import Realiser
from genrec.prompting import prompt_version
from training.data.examples import paragraphs
from training.data.portraits import MONTHS, Written
from training.data.preferences import About, Preference, TextSource, write_preferences
from training.dpo import REFERENCE, load_policy, pair_tokens
from training.progress import Progress
from training.recipe import DpoRecipe
from training.trainers.reference import reference_log_probabilities, weights_hash

SOURCES: Final[dict[TextSource, float]] = {"unsupported": 0.5, "redundant": 0.25, "poorer": 0.25}

_DAYS: Final = (*WEEKDAYS, "weekday", "weekend")
# What a worse paragraph may say otherwise: where that stands, and from what is said to what is said instead.
_SWAPS: Final[dict[str, Callable[[str, random.Random], str]]] = {
    r"(?<=\bPOI )\d+": lambda said, draw: str(draw.randrange(10 ** draw.randint(2, 4))),
    r"(?<=\bbetween )\d+|(?<=\baround )\d+": lambda said, draw: str((int(said) + draw.randint(6, 18)) % 24),
    rf"\b(?:{'|'.join(_DAYS)})(?=s\b)": lambda said, draw: draw.choice(_DAYS),
    r"(?<=\b[Ss]ince )[A-Z]\w+ \d{4}": lambda said, draw: f"{draw.choice(MONTHS):%B %Y}",
    r"\b(?:new|known|familiar)(?= places\b)": lambda said, draw: "known" if said == "new" else "new",
}


def worse(written: Written, source: TextSource, draw: random.Random) -> str:
    """A worse paragraph of a kind; unsupported where there are not two sentences to make another of."""
    said = list(written.sentences)
    if source == "unsupported" or len(said) < 2:
        return _swapped(" ".join(said), draw)
    number = draw.randrange(len(said))
    if source == "poorer":
        del said[number]
    else:
        again = draw.choice([group for i, group in enumerate(written.paragraph.groups) if i != number])
        said[number] = Realiser(str(draw.random())).sentence(again, first=not number, cued=False)
    return " ".join(said)


def _swapped(text: str, draw: random.Random) -> str:
    """The text with one thing that it says replaced by another; unchanged if there is nothing."""
    spots = [(match, other) for pattern, other in _SWAPS.items() for match in re.finditer(pattern, text)]
    if not spots:
        return text
    match, other = draw.choice(spots)
    said = match[0]
    while said.lower() == match[0].lower():
        said = other(match[0], draw)
    return f"{text[: match.start()]}{said}{text[match.end() :]}"


def portrait_pairs(written: Sequence[Written], draw: random.Random) -> Iterator[Preference]:
    """A pair of each paragraph, where a worse one can be made."""
    for one in written:
        [source] = draw.choices(list(SOURCES), list(SOURCES.values()))
        chosen, rejected = " ".join(one.sentences), worse(one, source, draw)
        if chosen != rejected:
            if len(one.sentences) < 2:
                source = "unsupported"
            yield Preference(
                prompt=one.example().messages[:-1], chosen=chosen, rejected=rejected, source=source, rule="text"
            )


def make_portrait_preferences(recipe: DpoRecipe, progress: Progress) -> About:
    """Make the pairs of a recipe whose prompt is that of portraits; errors as of `make_preferences`."""
    data, path = recipe.data, recipe.preferences
    if data is None:
        raise GenRecError("the recipe must say what to make pairs of: data")
    with one_writer(path):
        if path.exists():
            raise GenRecError(f"{path} exists already; remove it, or name another file as the recipe's preferences")
        draw = random.Random(recipe.seed)
        made = list(portrait_pairs(paragraphs(data, recipe.seed, progress), draw))
        pairs = list({(pair.prompt[-1]["content"], pair.chosen, pair.rejected): pair for pair in made}.values())
        prompt = prompt_version(PORTRAIT)
        policy = load_policy(recipe, ANY, prompt)
        weights = weights_hash(policy.model)
        scores = reference_log_probabilities(
            LocalModel(policy.model, policy.tokenizer, policy.info.name),
            weights,
            pair_tokens(recipe, policy, pairs),
            cache_home() / REFERENCE,
        )
        right = Counter(pair.source for pair, (a, b) in zip(pairs, scores, strict=True) if a > b)
        of_source = Counter(pair.source for pair in pairs)
        return write_preferences(
            path,
            pairs,
            catalogue=ANY,
            ranking_prompt=prompt,
            settings={"data": data.model_dump(mode="json"), "model": recipe.model, "weights": weights},
            left_out={"the same prompt and answers as another pair": len(made) - len(pairs)},
            reference_prefers_chosen={source: right[source] / count for source, count in of_source.items()},
        )
