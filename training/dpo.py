"""Direct preference optimisation: TRL's DPOTrainer on pairs, starting from what SFT gave.

The adapter of SFT is merged into the base model, in memory; that model is the reference, and a new adapter on it is
trained. What comes out is one adapter for the base model that does what both do, so it is served as any other.
"""

from collections.abc import Sequence
from pathlib import Path

from accelerate import PartialState
from datasets import Dataset
from transformers import Trainer
from trl import DPOTrainer

from genrec.cache import cache_home
from genrec.errors import GenRecError
from genrec.llm.adapter import Adapter, read_adapter, write_declaration
from genrec.llm.chat import answer_tokens, prompt_tokens
from genrec.llm.local import LocalModel
from genrec.prompting import prompt_version
from training import record
from training.data.preferences import About, Preference
from training.merge import merged, save_stacked
from training.progress import Progress, nothing
from training.prompts import LEARNED_PROMPTS
from training.recipe import DpoRecipe, PlacesRecipe, Recipe
from training.settings import (
    Trainable,
    load_trainable,
    lora_config,
    require_resumable,
    trainer_config,
)
from training.stage import built, run_stage
from training.trainers.pair_trainer import PairTrainer
from training.trainers.reference import PairTokens, reference_log_probabilities, weights_hash

REFERENCE = "reference"  # folder in GenRec's cache


def load_policy(recipe: PlacesRecipe, catalogue: str, ranking_prompt: str) -> Trainable:
    """The model to start from, which is the reference, too: the base with the recipe's adapter merged into it.

    `catalogue` and `ranking_prompt` are the hashes of those of what is learned. Raises GenRecError if there is another
    prompt now, or if the adapter was trained for another model, catalogue or prompt.
    """
    if ranking_prompt not in {prompt_version(words) for words in LEARNED_PROMPTS.values()}:
        raise GenRecError(
            f"the preferences were made with another ranking prompt ({ranking_prompt}) than prompts/ has now. "
            "Restore the prompt's words, or make them anew with `genrec-train preferences`."
        )
    if recipe.adapter is None:
        return load_trainable(recipe)
    read_adapter(recipe.adapter).require(catalogue, ranking_prompt)
    if recipe.method == "qlora":
        raise GenRecError(
            "method qlora cannot merge the adapter into 4-bit weights: make a model of both with `genrec-train merge`, "
            "and name it as the recipe's model, without an adapter"
        )
    return merged(load_trainable(recipe), recipe.adapter)


def pair_tokens(recipe: Recipe, policy: Trainable, pairs: Sequence[Preference]) -> list[PairTokens]:
    """The pairs in the tokens of serving; raises GenRecError if one is longer than the recipe's `max_length`."""
    answers = sorted({answer for pair in pairs for answer in (pair.chosen, pair.rejected)})
    encoded = {
        answer: tuple(tokens) for answer, tokens in zip(answers, answer_tokens(policy.tokenizer, answers), strict=True)
    }
    tokens = []
    for number, pair in enumerate(pairs):
        prompt = tuple(prompt_tokens(policy.tokenizer, pair.prompt))
        tokens.append(PairTokens(prompt, encoded[pair.chosen], encoded[pair.rejected]))
        if len(tokens[-1]) > recipe.max_length:
            raise GenRecError(
                f"pair {number} has {len(tokens[-1])} tokens, more than max_length, {recipe.max_length}. Nothing is "
                "cut off, for that would be the answer: raise max_length, or make pairs with a lower data.budget."
            )
    return tokens


def reference(
    policy: Trainable, weights: str, tokens: Sequence[PairTokens], progress: Progress = nothing
) -> list[tuple[float, float]]:
    """The untrained policy's log-probability of each pair's (chosen, rejected); kept in GenRec's cache.

    `weights` is the policy's `weights_hash`.
    """
    with PartialState().main_process_first():  # the other processes find everything in the cache
        ranker = LocalModel(policy.model, policy.tokenizer, policy.info.name)
        return reference_log_probabilities(ranker, weights, tokens, cache_home() / REFERENCE, progress)


def pair_dataset(tokens: Sequence[PairTokens], scores: Sequence[tuple[float, float]]) -> Dataset:
    """What `PairTrainer` reads; `length` is what batches are grouped by."""
    return Dataset.from_dict(
        {
            "prompt_ids": [pair.prompt for pair in tokens],
            "chosen_ids": [pair.chosen for pair in tokens],
            "rejected_ids": [pair.rejected for pair in tokens],
            "ref_chosen_logps": [chosen for chosen, _ in scores],
            "ref_rejected_logps": [rejected for _, rejected in scores],
            "length": [len(pair) for pair in tokens],
        }
    )


def make_trainer(recipe: DpoRecipe, policy: Trainable, dataset: Dataset, out: Path) -> DPOTrainer:
    """TRL's trainer as the recipe says, without any of its own output on the terminal; errors of `trainer_config`."""
    if recipe.trainer.get("ld_alpha") is not None:
        raise GenRecError("trainer.ld_alpha: the reference's log-probabilities are kept per answer, not per token")
    # Unused columns stay, for `length`, which batches are grouped by, would go, too.
    config = trainer_config("dpo", recipe, out, {"precompute_ref_log_probs": True, "remove_unused_columns": False})
    return built(
        PairTrainer,
        model=policy.model,
        args=config,
        train_dataset=dataset,
        processing_class=policy.tokenizer,
        peft_config=lora_config(recipe),
    )


def train_dpo(
    recipe: DpoRecipe,
    policy: Trainable,
    pairs: Sequence[Preference],
    about: About,
    out: Path,
    *,
    resume: bool = False,
    scoring: Progress = nothing,
    training: Progress = nothing,
) -> None:
    """Train, and leave the run's folder (training/record.py) with an adapter for the base model, or a model, in it.

    `policy` as of `load_policy`. With `resume`, go on from the last checkpoint, if there is one: the losses are those
    of an undisturbed run. Raises GenRecError if this machine cannot do it, `out` holds something else, or the run
    would train nothing.
    """
    if resume:
        require_resumable(recipe)
    record.require_startable(out, resume=resume)
    tokens = pair_tokens(recipe, policy, pairs)
    weights = weights_hash(policy.model)
    dataset = pair_dataset(tokens, reference(policy, weights, tokens, scoring))
    trainer = make_trainer(recipe, policy, dataset, out)
    facts = {
        "model": about_model(recipe, policy, weights),
        "data": {
            "pairs": about.pairs,
            "tokens": sum(2 * len(pair.prompt) + len(pair.chosen) + len(pair.rejected) for pair in tokens),
            "sha256": about.sha256,
            "catalogue": about.catalogue,
        },
    }
    if run_stage(trainer, recipe, facts, out, resume=resume, progress=training):
        declared = Adapter(base=recipe.model, catalogue=about.catalogue, ranking_prompt=about.ranking_prompt)
        save_result(trainer, recipe, policy, out, declared)


def about_model(recipe: Recipe, policy: Trainable, weights: str) -> dict[str, str]:
    """What a run says of the model that it started from; `weights` as in `reference`."""
    return {
        "name": recipe.model,
        "sha256": weights,  # with the adapter that training started from
        "dtype": policy.info.dtype,
        "device": policy.info.device,
    }


def save_result(trainer: Trainer, recipe: PlacesRecipe, policy: Trainable, out: Path, declared: Adapter) -> None:
    """Write one adapter for the base model, or the model with its tokenizer, into `out`; its declaration comes last."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    if recipe.adapts:
        model.peft_config["default"].base_model_name_or_path = recipe.model  # not a folder of this machine's cache
    if recipe.method == "lora" and recipe.adapter:
        save_stacked(model, recipe.adapter, out)
    elif recipe.adapts:
        # Unless told, PEFT asks the hub whether the base model has more words than it used to have.
        model.save_pretrained(out, save_embedding_layers=False)
    else:
        model.save_pretrained(out)
        policy.tokenizer.save_pretrained(out)
    (out / "README.md").unlink(missing_ok=True)  # PEFT's form of a model card, to be filled in
    write_declaration(out, declared)
