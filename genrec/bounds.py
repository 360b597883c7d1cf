"""Bounds of what files may say: beyond them, no check-ins could have made it."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

CLOCKS_APART = timedelta(hours=26)  # what two local clocks on Earth can differ by, from UTC-12 to UTC+14
LONGEST_TEXT = 10_000  # letters of a sentence or a name: what is longer was not meant to be read
MOST = 10**12  # of whatever is counted, so that sums stay numbers of 64 bits

Count = Annotated[int, Field(ge=0, le=MOST)]
Positive = Annotated[int, Field(ge=1, le=MOST)]
PoiIndex = Annotated[int, Field(ge=0, lt=2**32)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # of NumPy and torch
Hour = Annotated[int, Field(ge=0, le=23)]
Weekday = Annotated[int, Field(ge=0, le=6)]
Share = Annotated[float, Field(ge=0, le=1 + 1e-6)]  # a sum of shares may round to more than 1
