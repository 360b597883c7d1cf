"""Any task with files of its own: prompt/completion and prompt/chosen/rejected, and a score for what is generated.

A prompt is a text or a list of messages. Any further keys of a row are for the metric.
"""

import hashlib
import importlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from genrec.errors import GenRecError, InputError
from genrec.llm.backend import Message
from training.budget.spec import Jsonl
from training.budget.tasks import Pair, Question, Questions

if TYPE_CHECKING:
    from genrec.llm.local import LocalModel

BATCH = 32  # pairs given at a time
Row = Mapping[str, Any]
Metric = Callable[[str, Row], float]


class JsonlTask:
    """See `Task`."""

    shared = False
    pair_batch = BATCH

    def __init__(self, spec: Jsonl) -> None:
        """Raises InputError that names the file and the row, or GenRecError for a metric that cannot be had."""
        self._spec = spec
        self._rows: dict[str, Row] = {}  # by group, which names the row
        self._metric = metric(spec.metric)
        self.questions = Questions(*map(self._read, (spec.demonstrations, spec.validation, spec.test)))
        self._pairs = [
            Pair(_messages(row["prompt"]), row["chosen"], row["rejected"])
            for row in read_rows(spec.preferences, ("prompt", "chosen", "rejected"))
        ]
        self.pair_pool = len(self._pairs)

    def facts(self) -> dict[str, Any]:
        """All that the questions and pairs depend on."""
        files = ("demonstrations", "preferences", "validation", "test")
        return {name: hashlib.sha256(getattr(self._spec, name).read_bytes()).hexdigest() for name in files}

    def pairs(self, order: Sequence[int], model: "LocalModel") -> Iterator[list[Pair]]:
        """The file's pairs."""
        for start in range(0, len(order), BATCH):
            yield [self._pairs[i] for i in order[start : start + BATCH]]

    def scores(self, model: "LocalModel", questions: Sequence[Question]) -> list[float]:
        """The metric of what the model writes, decoded greedily."""
        prompts = [one.prompt for one in questions]
        written = model.generate(prompts, max_tokens=self._spec.max_tokens, stop=self._spec.stop)
        return [
            float(self._metric(made.text, self._rows[one.group])) for made, one in zip(written, questions, strict=True)
        ]

    def _read(self, path: Path) -> tuple[Question, ...]:
        questions = []
        for number, row in enumerate(read_rows(path, ("prompt", "completion")), start=1):
            one = Question(_messages(row["prompt"]), row["completion"], f"{path}:{number}")
            self._rows[one.group] = row
            questions.append(one)
        return tuple(questions)


def read_rows(path: Path, keys: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a JSON Lines file. Raises InputError for one without the keys, or of another form."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read ({error}).", file=path) from None
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"is no JSON: {error}.", file=path, row=number) from None
        missing = [key for key in keys if not (isinstance(row, dict) and isinstance(row.get(key), str | list))]
        if missing:
            raise InputError(f"lacks {', '.join(missing)}.", file=path, row=number, fix=f"Give {', '.join(keys)}.")
        rows.append(row)
    if not rows:
        raise InputError("holds no rows.", file=path)
    return rows


def metric(name: str) -> Metric:
    """`exact`, or what module:function names. Raises GenRecError if there is no such function."""
    if name == "exact":
        return lambda text, row: float(text.strip() == row["completion"].strip())
    module, _, function = name.partition(":")
    try:
        return cast("Metric", getattr(importlib.import_module(module), function))
    except (ImportError, AttributeError, ValueError) as error:
        raise GenRecError(f"task.metric {name}: {error}; write exact or module:function") from None


def _messages(prompt: str | list[Message]) -> tuple[Message, ...]:
    return ({"role": "user", "content": prompt},) if isinstance(prompt, str) else tuple(prompt)
