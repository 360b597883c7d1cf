"""What a study works on, made once and found again by every process: the base model and the questions."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from genrec.llm.identity import folder_hash
from training.budget.chain import key_of
from training.budget.spec import Jsonl, ProfileWriting, SmallModel, Study
from training.budget.tasks.jsonl import JsonlTask
from training.budget.tasks.poi import PoiSource, PoiTask
from training.budget.tasks.task import Questions, Task, read_questions, save_questions
from training.budget.tasks.writing import WritingTask
from training.progress import Progress, nothing

EMBEDDED = "embedded"  # a name that is never a folder's


@dataclass(frozen=True, eq=False)
class Material:
    """The base model's name (a folder, a hub id or `embedded`), the task, and a hash of both."""

    model: str
    task: Task
    key: str


def prepare(study: Study, out: Path, stage: Callable[[str], Progress] = lambda name: nothing) -> Material:
    """Make, or find, what the study works on; `stage` gives what hears of a stage that takes long.

    Raises GenRecError if the data or the model cannot be had.
    """
    progress = stage("pre-training, steps")
    if isinstance(study.task, Jsonl):
        files = JsonlTask(study.task)
        model = _model(study, None, progress)
        return Material(model, files, key_of([_model_hash(model), files.facts()]))
    if isinstance(study.task, ProfileWriting):
        writing = WritingTask(study.task, stage("drawing synthetic cities"))
        model = _model(study, None, progress)
        return Material(model, writing, key_of([_model_hash(model), writing.facts()]))
    source = PoiSource(study.task, study.past)
    model = _model(study, source if study.past else None, progress)
    key = key_of([_model_hash(model), source.facts()])
    saved = out / "questions" / f"{key}.json"
    questions = read_questions(saved)
    if questions is None:
        questions = _questions(source, model)
        save_questions(saved, questions)
    return Material(model, PoiTask(study.task, source.checkins, questions), key)


def _model(study: Study, source: PoiSource | None, progress: Progress) -> str:
    if not isinstance(study.model, SmallModel):
        return study.model
    from training.budget.tasks.small_model import small_model  # deferred: loads torch, which other models do without

    return str(small_model(study.model, source, progress))


def _questions(source: PoiSource, model: str) -> Questions:
    """The questions of check-ins, whose prompts fit a budget of the model's tokens."""
    from genrec.llm.loading import load_tokenizer  # deferred: loads torch, which made questions do without

    tokenizer = load_tokenizer(model)
    return source.questions(lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"]))


def _model_hash(model: str) -> str:
    """Of a folder's weights, tokenizer and template; a hub id stands for itself."""
    if model != EMBEDDED and (Path(model) / "config.json").is_file():
        return folder_hash(Path(model))
    from genrec.llm.loading import resolve_model  # deferred: loads torch, which a model's folder does without

    path = resolve_model(model)
    return folder_hash(Path(path)) if Path(path).is_dir() else path
