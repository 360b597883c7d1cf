"""An adapter of a language model goes on learning from feedback by DPO or GRPO, a round at a time.

    ADAPTER/                       the adapter, with versions as `genrec.versions` keeps them
    ADAPTER/online/N.jsonl         the pairs of the round after N feedbacks, if it was by DPO
    ADAPTER/online/N/              its training run (by GRPO: N-grpo/); a killed one is resumed

A pair is a place that was visited and one that was named beside it. The last pairs of a round are not learned: by them
the new version is judged, and is put in use only if it is not worse.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from genrec.cache import cache_home
from genrec.errors import GenRecError
from genrec.files import write_text
from genrec.llm.adapter import Adapter
from genrec.llm.local import LocalModel
from genrec.prepared import catalogue_hash
from genrec.prompting import prompt_version
from genrec.validation import read_json
from genrec.versions import current_version, discard_next, settled
from training.data.examples import read
from training.data.preferences import Preference
from training.dpo import REFERENCE, load_policy, pair_tokens
from training.online.adoption import adopt, not_worse
from training.online.estimates import Estimate, mean_of
from training.online.feedback import Feedback, hash_of, require_goes_on
from training.online.lessons import Lesson, names_of, pairs_of, teach
from training.online.policy import Floats
from training.online.worth import weight_of
from training.progress import Progress
from training.prompts import LEARNED_PROMPTS
from training.recipe import Data, DpoRecipe, GrpoRecipe, PlacesRecipe
from training.settings import Trainable
from training.trainers.reference import reference_log_probabilities, weights_hash
from training.updates.account import ONLINE

FOLDER, DONE, DECLARATION = "online", "done.json", "genrec.json"
KEPT = 0.2  # of the pairs: the version is judged by them
LEAST = 10  # pairs of a round
RUN_OF = {"dpo": "", "grpo": "-grpo"}  # what the name of a run's folder ends with
FILES = ("adapter_model.safetensors", "adapter_config.json", DECLARATION)


class _Done(BaseModel):
    """The feedback that rounds have used."""

    feedback: int
    sha256: str


@dataclass(frozen=True)
class PairRound:
    """What a round taught, by the pairs kept aside.

    Attributes:
        before: the chance of naming the better place of a pair, if one of the two, of the version in use.
        after: of what was trained.
        advantage: how much higher it is, each pair counted by the chance that both places were named.

    """

    before: Estimate
    after: Estimate
    advantage: Estimate


def learn_adapter(
    recipe: DpoRecipe | GrpoRecipe, adapter: Path, feedback: Sequence[Feedback], bar: Callable[[str], Progress]
) -> tuple[PairRound, int | None]:
    """One round on the feedback that is new since the last; returns what it taught, and the version if it was adopted.

    Raises GenRecError if there are too few new pairs, or the adapter does not fit.
    """
    discard_next(adapter)
    before, data = settled(adapter), _data(recipe)
    usable = [line for line in feedback[_done(adapter, feedback) :] if line.visited is not None and len(line.shown) > 1]
    if len(usable) < LEAST:
        raise GenRecError(f"{len(usable)} new pairs of a visited place and another are too few (at least {LEAST})")
    checkins, cut = read(data), len(usable) - max(round(len(usable) * KEPT), 2)
    catalogue, words = catalogue_hash(checkins.pois), prompt_version(LEARNED_PROMPTS[data.prompt])
    recipe = recipe.model_copy(update={"adapter": before})
    policy = load_policy(recipe, catalogue, words)
    pairs = pairs_of(usable, checkins, data, policy)
    kept, run = pairs[cut:], adapter / FOLDER / f"{len(feedback)}{RUN_OF[recipe.kind]}"
    old = _right(recipe, policy, kept, bar("before, pairs"))
    if not (run / DECLARATION).exists():
        declared = Adapter(base=recipe.model, catalogue=catalogue, ranking_prompt=words)
        lesson = Lesson(len(feedback), usable[:cut], pairs[:cut], names_of(checkins), declared)
        teach(recipe, policy, lesson, run, bar)
    taught = recipe.model_copy(update={"adapter": run})
    new = _right(taught, load_policy(taught, catalogue, words), kept, bar("after, pairs"))
    gained = np.array([weight_of(line) for line in usable[cut:]]) * (new - old)
    people = np.unique([line.user_id for line in usable[cut:]], return_inverse=True)[1]
    learned = PairRound(*(mean_of(values, people) for values in (old, new, gained)))
    version = _adopt(adapter, run, learned, len(feedback)) if not_worse(gained) else None
    done = _Done(feedback=len(feedback), sha256=hash_of(feedback))
    write_text(adapter / FOLDER / DONE, done.model_dump_json())
    return learned, version


def _data(recipe: PlacesRecipe) -> Data:
    if recipe.data is None or recipe.data.checkins is None or recipe.method != "lora":
        raise GenRecError(f"online {recipe.kind} needs a recipe with data.checkins, and method lora")
    return recipe.data


def _done(adapter: Path, feedback: Sequence[Feedback]) -> int:
    """How much feedback earlier rounds have used; raises GenRecError if the log does not begin with that."""
    path = adapter / FOLDER / DONE
    if not path.exists():
        return 0
    done = read_json(path, _Done, "what rounds have used", fix="Remove it: the next round then uses the whole log.")
    require_goes_on(feedback, done.feedback, done.sha256, path)
    return done.feedback


def _right(recipe: PlacesRecipe, policy: Trainable, pairs: Sequence[Preference], progress: Progress) -> Floats:
    """The chance that a model names the better place of each pair, if it names one of the two."""
    tokens = pair_tokens(recipe, policy, pairs)
    cache = cache_home() / REFERENCE
    scores = reference_log_probabilities(_model(policy), weights_hash(policy.model), tokens, cache, progress)
    return np.array([1 / (1 + np.exp(rejected - chosen)) for chosen, rejected in scores])


def _model(policy: Trainable) -> LocalModel:
    return LocalModel(policy.model, policy.tokenizer, policy.info.name)


def _adopt(adapter: Path, run: Path, learned: PairRound, feedback: int) -> int:
    """Put what was trained in use; the number of the present version if that was done before a kill."""
    if json.loads(_about(adapter)).get("feedback") == feedback:
        return current_version(adapter)

    def write(folder: Path) -> None:
        for name in FILES:
            shutil.copy2(run / name, folder / name)

    said = {name: estimate._asdict() for name, estimate in vars(learned).items()}
    return adopt(adapter, write, {"feedback": feedback, **said})


def _about(adapter: Path) -> str:
    """What the version in use says of how it was made."""
    path = settled(adapter) / ONLINE
    return path.read_text() if path.exists() else "{}"
