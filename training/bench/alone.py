"""A measurement in a process of its own, so that its peak of memory is its own."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import ParamSpec, TypeVar

from genrec.errors import GenRecError

Given = ParamSpec("Given")
Result = TypeVar("Result")


def alone(name: str, measure: Callable[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result:
    """What `measure` returns, or raises; raises GenRecError if its process was killed. `name` is the run's."""
    # Linux counts the memory of the process that starts another one into the other's peak. The fork server is small. It
    # preloads nothing: Polars' threads do not survive a fork.
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(measure, *given, **named).result()
        except BrokenProcessPool:
            raise GenRecError(f"the run {name} was killed: out of memory?") from None
