"""Results of runs on disk: one file a result, named by a hash of all that it depends on, so nothing is done twice."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from genrec.files import write_text


@dataclass(frozen=True)
class Result:
    """What a model scored, and how long it took since the result before it (or the start, or the resume)."""

    scores: list[float]  # by test (or validation) example; none where training has diverged
    trained_on: int  # examples in that time
    train_seconds: float
    score_seconds: float

    @property
    def mean(self) -> float | None:
        """Of the scores."""
        return sum(self.scores) / len(self.scores) if self.scores else None


class _Kept(BaseModel):
    """What a file holds, as far as it is read."""

    result: Result


def key_of(facts: Any) -> str:
    """Name plain data by its content: 24 hexadecimal digits."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]


class Store:
    """The results in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> Result | None:
        """The result of this name; None if there is none yet, or if its file is damaged."""
        try:
            return _Kept.model_validate_json((self._folder / f"{key}.json").read_bytes()).result
        except (FileNotFoundError, ValueError):
            return None

    def keys(self) -> set[str]:
        """The names of all results."""
        return {path.stem for path in self._folder.glob("*.json")}

    def put(self, key: str, facts: Any, result: Result) -> None:
        """Keep a result, with what its name is made of."""
        text = json.dumps({"facts": facts, "result": asdict(result)}, indent=1)
        write_text(self._folder / f"{key}.json", text + "\n")
