"""The names of the fusion as a method: whole, or with one of its parts left out, to say what the part is worth."""

import re
from dataclasses import dataclass
from typing import Literal, cast, get_args

from genrec.rankers.fields import FIELDS, RANKERS

Form = Literal["whole", "mixture", "fixed-gate"]
FUSION_NAME = re.compile(
    rf"fusion(?:-without-(?P<without>{'|'.join((*FIELDS, *RANKERS))})|-(?P<form>{'|'.join(get_args(Form)[1:])}))?"
)


@dataclass(frozen=True)
class FusionSpec:
    """What the name of a method says: fusion, fusion-without-FIELD, fusion-mixture or fusion-fixed-gate.

    mixture: what the gate makes of the fields, uncorrected. fixed-gate: each field has the same weight for everybody.
    """

    without: str | None = None
    form: Form = "whole"

    @classmethod
    def parse(cls, name: str) -> "FusionSpec | None":
        """The meaning of a name; None if it has none."""
        match = FUSION_NAME.fullmatch(name)
        return match and cls(match["without"], cast(Form, match["form"] or "whole"))

    @property
    def name(self) -> str:
        """What `parse` reads."""
        ending = f"without-{self.without}" if self.without else self.form
        return "fusion" if self == WHOLE else f"fusion-{ending}"


WHOLE = FusionSpec()
