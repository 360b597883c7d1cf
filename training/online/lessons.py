"""What feedback teaches a language model: pairs of places for DPO, what answers earn for GRPO."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from genrec.checkins import Checkins
from genrec.columns import POI_ID
from genrec.llm.adapter import Adapter
from training import record
from training.data.examples import Prompter
from training.data.preferences import Preference, write_preferences
from training.dpo import pair_tokens, train_dpo
from training.grpo import Question, train_grpo
from training.online.feedback import Feedback, questions_of
from training.online.worth import other_of, rewards_of
from training.progress import Progress
from training.recipe import Data, DpoRecipe, GrpoRecipe
from training.settings import Trainable


@dataclass(frozen=True)
class Lesson:
    """What a round teaches.

    Attributes:
        feedback: how many lines the log has.
        lines: the new ones that are learned.
        pairs: one of each of these.
        names: what the model calls the places.
        declared: what the adapter is for.

    """

    feedback: int
    lines: Sequence[Feedback]
    pairs: Sequence[Preference]
    names: Mapping[str, str]
    declared: Adapter


def names_of(checkins: Checkins) -> dict[str, str]:
    """What a model calls the places: their numbers."""
    return {place: str(i) for i, place in enumerate(checkins.pois[POI_ID])}


def pairs_of(usable: Sequence[Feedback], checkins: Checkins, data: Data, policy: Trainable) -> list[Preference]:
    """The visited place against another that was named, in the words of serving."""
    names = names_of(checkins)
    prompter = Prompter(checkins, data, policy.count_tokens)
    return [
        Preference(
            prompt=tuple(prompter.ask(example).messages),
            chosen=names[str(line.visited)],
            rejected=names[other_of(line).poi_id],
            source="feedback",
            rule="truth",
        )
        for line, example in zip(usable, questions_of(usable, checkins), strict=True)
    ]


def teach(
    recipe: DpoRecipe | GrpoRecipe, policy: Trainable, lesson: Lesson, run: Path, bar: Callable[[str], Progress]
) -> None:
    """Train into the folder `run`; what was killed there goes on."""
    resume = (run / record.RUN).exists()
    if isinstance(recipe, DpoRecipe):
        about = write_preferences(
            run.with_suffix(".jsonl"),
            lesson.pairs,
            catalogue=lesson.declared.catalogue,
            ranking_prompt=lesson.declared.ranking_prompt,
            settings={"feedback": lesson.feedback, "data": recipe.data and recipe.data.model_dump(mode="json")},
            left_out={},
            reference_prefers_chosen={},
        )
        scoring, training = bar("reference, pairs"), bar("training, steps")
        train_dpo(recipe, policy, lesson.pairs, about, run, resume=resume, scoring=scoring, training=training)
    else:
        prompts = [tokens.prompt for tokens in pair_tokens(recipe, policy, lesson.pairs)]
        earned = [rewards_of(line, lesson.names) for line in lesson.lines]
        questions = [Question(*pair) for pair in zip(prompts, earned, strict=True)]
        answers, training = list(lesson.names.values()), bar("training, steps")
        train_grpo(recipe, policy, questions, lesson.declared, run, answers=answers, resume=resume, progress=training)
