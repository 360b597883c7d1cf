"""What is said of an update, in `update.json` beside what it made."""

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from genrec.files import write_text
from genrec.rankers.trained import TrainedOn
from genrec.validation import read_json
from training.recipe import UpdateRecipe

FILE, BEGUN = "update.json", ".begun.json"
ONLINE = "online.json"  # what is said of a version that was learned from feedback


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Came(_Said):
    """What has come since."""

    rows: int
    people: int
    new_people: int
    new_places: int
    first: datetime
    last: datetime


class Scores(_Said):
    """How well the newest visits, which were kept aside, are ranked; without places of an adapter: the loss alone."""

    visits: int
    loss: float
    acc_1: float | None = None
    acc_10: float | None = None


class Rate(_Said):
    """Of the learning, at its highest and at its end."""

    highest: float
    final: float


class Begun(_Said):
    """Which update it is."""

    format: Literal[1] = 1
    version: int  # that it goes on from
    recipe: UpdateRecipe
    trained_on: TrainedOn  # all that the new version has seen

    def is_of(self, account: "Account | None") -> bool:
        """Whether an account is that of this update."""
        return account is not None and Begun(**account.model_dump(include=set(Begun.model_fields))) == self


class Account(Begun):
    """An update that is complete."""

    came: Came
    new: int  # examples
    old: int  # that were replayed
    rates: dict[str, Rate]
    kept: tuple[str, ...] = ()  # networks that stayed as they were
    before: Scores
    after: Scores
    seconds: float


def read_account(folder: Path) -> Account | None:
    """That of a version's folder; None of what was trained first."""
    path = folder / FILE
    return read_json(path, Account, "an account of an update") if path.exists() else None


def same_begun(folder: Path, update: Begun) -> bool:
    """Whether a folder holds the beginning of this very update, or all of it."""
    if update.is_of(read_account(folder)):
        return True
    path = folder / BEGUN
    return path.exists() and read_json(path, Begun, "the beginning of an update") == update


def write_said(path: Path, said: Begun) -> None:
    """Write what is said of an update."""
    write_text(path, said.model_dump_json(indent=1) + "\n")
