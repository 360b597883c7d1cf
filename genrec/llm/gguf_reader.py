"""gguf's reader, made quick: it walks the 262,144 strings of a Gemma vocabulary one by one."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np


@contextmanager
def read_once() -> Iterator[None]:
    """Let all that read a GGUF file inside of the block share one reading of it, by plain slices of memory.

    transformers reads the file for the configuration and again for the weights, and GenRec for the vocabulary.
    """
    import gguf  # deferred: belongs to the extra `embedded`

    class Reader(gguf.GGUFReader):  # type: ignore[misc]
        @property
        def data(self) -> Any:
            return self._data

        @data.setter
        def data(self, mapped: Any) -> None:
            self._data = np.asarray(mapped)  # a slice of a memmap takes several times as long

    usual, read = gguf.GGUFReader, cache(Reader)
    gguf.GGUFReader = lambda path: read(Path(path))
    try:
        yield
    finally:
        gguf.GGUFReader = usual
