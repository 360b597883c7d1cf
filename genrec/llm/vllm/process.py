"""A vLLM process: watched while it comes up, and stopped without leaving a process behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from genrec.cache import cache_home
from genrec.errors import GenRecError
from genrec.llm.vllm.plan import Plan

START_SECONDS = 900.0
STOP_SECONDS = 20.0
# Ends vLLM's group when GenRec is killed without a chance to clean up: its standard input ends then. Asked politely,
# vLLM may wait for ever for a client whose request was in the engine.
REAPER = """
read -r _
kill -s TERM -- "-$1"
while [ "$2" -gt 0 ] && kill -s 0 -- "-$1"; do sleep 1; set -- "$1" "$(($2 - 1))"; done
kill -s KILL -- "-$1"
"""
# How far a start is, to show it: the stages, and what vLLM prints at the end of all but the last.
STAGES = ("process", "weights", "compile")
ENDS = (re.compile(r"Starting to load model"), re.compile(r"Loading weights took"))

Report = Callable[[str], None]


class VllmServer:
    """A vLLM process that is coming up or running. `seconds` says what each stage of its start took."""

    def __init__(self, plan: Plan, report: Report) -> None:
        """Start the process; `report` is called with the name of each stage that begins."""
        self.plan = plan
        self.log: Path = cache_home() / "logs" / f"serve-{plan.port}.log"
        self.seconds: dict[str, float] = {}
        self._report = report
        self._last: deque[str] = deque(maxlen=40)
        self._stage, self._began = STAGES[0], time.monotonic()
        report(self._stage)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(  # noqa: S603 - our own arguments
            # Not the `vllm` command: that of the CPU build does not start.
            [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *plan.arguments],
            env=plan.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches us alone, and one signal reaches all of vLLM's processes
        )
        self._reaper = subprocess.Popen(  # noqa: S603 - our own text, and a number
            ["/bin/sh", "-c", REAPER, "sh", str(self.process.pid), str(int(STOP_SECONDS))],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._watch, daemon=True)
        self._reader.start()

    def _watch(self) -> None:
        """Keep vLLM's output in the log, and see where it is."""
        with self.log.open("w", encoding="utf-8") as log:
            for line in self.process.stdout or ():
                log.write(line)
                log.flush()
                self._last.append(line)
                ended = next((i for i, end in enumerate(ENDS) if end.search(line)), None)
                if ended is not None and self._stage in STAGES[: ended + 1]:
                    self._next(STAGES[ended + 1])

    def _next(self, stage: str) -> None:
        now = time.monotonic()
        self.seconds[self._stage] = now - self._began
        self._stage, self._began = stage, now
        self._report(stage)

    def wait_until_ready(self) -> None:
        """Wait for the first token; raises GenRecError with vLLM's own words if none comes."""
        until = time.monotonic() + START_SECONDS
        while not self._is_healthy():
            if self.process.poll() is not None:
                raise GenRecError(f"vLLM did not start: {self._complaint()}")
            if time.monotonic() > until:
                raise GenRecError(f"vLLM did not start in {START_SECONDS:.0f} s. All it said: {self.log}")
            time.sleep(0.2)
        self._next("first token")
        # Text and scores, as rankings want them: the first time, vLLM compiles for it (30 s on two cores).
        body = {"model": self.plan.name, "max_tokens": 2, "logprobs": 1, "logprob_token_ids": [5]}
        for prompts in (["Hello"], ["Hello", "Hi"]):
            asked = body | {"prompt": prompts}
            answer = httpx.post(f"{self.plan.url}/v1/completions", json=asked, timeout=600, trust_env=False)
            if answer.status_code != httpx.codes.OK:
                raise GenRecError(f"vLLM started but does not answer: HTTP {answer.status_code} {answer.text[:200]}")
        self._next("ready")

    def _is_healthy(self) -> bool:
        """Whether vLLM says that it can be asked; never by way of a proxy."""
        try:
            return httpx.get(f"{self.plan.url}/health", timeout=5, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def wait(self) -> None:
        """Return never, unless vLLM ends by itself: then raise GenRecError."""
        while self.process.poll() is None:
            time.sleep(0.2)  # Ctrl-C may reach another thread, and would not end a wait without end
        raise GenRecError(f"vLLM ended by itself (exit code {self.process.returncode}): {self._complaint()}")

    def _complaint(self) -> str:
        """The last line in which vLLM speaks of an error, and where all of them are."""
        self._reader.join(timeout=5)
        errors = [line for line in self._last if re.search(r"\b\w*(Error|Exception)\b.*\S", line)]
        said = " ".join((errors or list(self._last) or ["it said nothing"])[-1].split())[-300:]
        return f"{said} All it said: {self.log}"

    def stop(self) -> None:
        """End vLLM and all of its processes."""
        for sign in (signal.SIGINT, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, sign)
                self.process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:  # the whole group is gone
                break
        self.process.wait()
        self._reaper.kill()
        self._reaper.wait()


@contextmanager
def running(plan: Plan, report: Report = lambda stage: None) -> Iterator[VllmServer]:
    """A vLLM that is ready, for as long as the block runs; raises GenRecError if it does not start."""
    require_free(plan.host, plan.port)
    server = VllmServer(plan, report)
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()


def require_free(host: str, port: int) -> None:
    """Raise GenRecError if nothing can listen at an address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            problem = f"cannot serve at http://{host}:{port}: {error.strerror}. Name another --port."
            raise GenRecError(problem) from None


def free_port() -> int:
    """A port of this machine at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
