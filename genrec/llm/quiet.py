"""Keeps transformers' own notes and progress bars off the terminal; downloads from the hub still show theirs."""

from collections.abc import Iterator
from contextlib import contextmanager

from transformers.utils import logging


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Show errors only while the block runs."""
    verbosity = logging.get_verbosity()
    hook = logging.set_tqdm_hook(lambda _factory, args, kwargs: logging.EmptyTqdm(*args, **kwargs))
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        logging.set_tqdm_hook(hook)
