"""Workers on Ray: Ray Data reads what is asked, and maps it over workers that keep the work open.

All machines of a cluster must see the data and the output's folder under the same paths.
"""

import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from warnings import catch_warnings, simplefilter

from genrec.errors import GenRecError
from genrec.jobs.parts import Chunk, Parts
from genrec.jobs.worker import MOST_DEATHS, Opening, threads, too_many_deaths
from genrec.terminal import one_line

LOCAL = "local"
REACHED_SECONDS = 10.0
SHARES = 32  # of the work, for each worker, at least
MOST_AT_ONCE = 8  # chunks that a worker is given: between two tasks Ray takes a tenth of a second
STORE_BYTES = 256 << 20  # of what workers are asked and answer: numbers
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nobody is told how GenRec is used
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}


def on_ray(opening: Opening, chunks: Mapping[int, Chunk], workers: int, address: str) -> Iterator[int]:
    """Do chunks on so many workers; gives the numbers of those that are done, in any order.

    Raises GenRecError as the work does, or if the cluster cannot be reached.
    """
    _require_there(address)
    parts = Parts(opening.home)
    parts.ask(chunks)
    at_once = min(max(len(chunks) // (workers * SHARES), 1), MOST_AT_ONCE)
    with _cluster(address, workers) as data:
        asked = data.read_parquet(str(parts.asked)).repartition(target_num_rows_per_block=at_once)
        with catch_warnings():
            simplefilter("ignore")  # Ray wants another way to say `max_task_retries`, and has none yet
            done = asked.map_batches(
                _Mapped,
                fn_constructor_args=(opening,),
                batch_size=at_once,
                batch_format="pyarrow",
                # One task at a time: what waits at a worker that dies would count as having been tried there.
                compute=data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=1),
                num_cpus=1,
                max_task_retries=MOST_DEATHS - 1,  # without, a chunk that ends its worker is tried for ever
            )
        for row in done.iter_rows():
            if row["problem"]:
                raise GenRecError(row["problem"])
            yield row["number"]


class _Mapped:
    """A worker as Ray Data has it: a class that is made once and called for batch after batch."""

    def __init__(self, opening: Opening) -> None:
        self._problem = ""
        try:
            self._worker = opening.open()
        except GenRecError as error:
            self._problem = str(error)

    def __call__(self, batch: Any) -> dict[str, list[Any]]:
        rows = batch.to_pylist()
        for row in rows:
            # What a worker that died had done of its task is there.
            if not self._problem and not self._worker.parts.has(row["number"]):
                self._do(row["number"], row["items"])
        return {"number": [row["number"] for row in rows], "problem": [self._problem] * len(rows)}

    def _do(self, number: int, items: Chunk) -> None:
        try:
            self._worker.do(number, items)
        except GenRecError as error:
            self._problem = str(error)


def _require_there(address: str) -> None:
    """Raise GenRecError if nothing listens at an address with a port: Ray would try for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), REACHED_SECONDS).close()
        except (OSError, OverflowError) as error:
            raise GenRecError(f"cannot reach Ray at {address}: {error}. Is the cluster running?") from None


@contextmanager
def _cluster(address: str, workers: int) -> Iterator[Any]:
    """Ray Data on a cluster, for as long as the block runs."""
    import torch  # deferred: workers load this file, and may do without

    # Ray would give PyTorch one thread, whose last digits are not those of several: see `threads`.
    variables = {"OMP_NUM_THREADS": str(torch.get_num_threads()), **QUIET, **threads(workers)}
    os.environ.update(variables)
    try:
        import ray  # deferred: after the variables
        import ray.data
    except ImportError:
        raise GenRecError("--ray needs Ray: pip install 'genrec[ray]'") from None
    settings: dict[str, Any] = {"address": address, "logging_level": logging.ERROR, "log_to_driver": False}
    if address == LOCAL:  # one processor more than the workers have: reading what is asked takes one, too
        settings |= {"num_cpus": workers + 1, "object_store_memory": STORE_BYTES, "include_dashboard": False}
    else:
        # Elsewhere processes do not have the variables of this one.
        settings |= {"runtime_env": {"env_vars": variables}}
    try:
        ray.init(**settings)
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # an error is raised, too
    except Exception as error:  # of any kind: a node that is too slow to start is a plain Exception
        raise GenRecError(
            f"cannot start or reach Ray ({address}): {one_line(str(error))}. Write --ray local, or --ray HOST:PORT"
        ) from error
    try:
        yield ray.data
    except ray.exceptions.ActorUnavailableError as error:  # tried as often as it may be
        raise too_many_deaths(one_line(str(error))) from error
    except ray.exceptions.RayError as error:
        raise GenRecError(f"Ray: {one_line(str(error))}. What is finished is kept: run the command again.") from error
    finally:
        ray.shutdown()
