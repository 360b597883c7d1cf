"""Real HTTP servers that answer as a test says."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from genrec.errors import GenRecError

Answer = tuple[int, Any]  # status, and JSON, raw bytes, or an iterator of them
HELLO = [[{"role": "system", "content": "Guess."}, {"role": "user", "content": "hello"}]]
MODELS: Answer = (200, {"data": [{"id": "m"}]})
CHAT: Answer = (
    200,
    {"choices": [{"message": {"content": "Hi"}}], "usage": {"prompt_tokens": 5, "completion_tokens": 2}},
)


def sent(content: Any) -> tuple[Iterator[bytes], list[tuple[str, str]]]:
    """The parts of an answer's body, and the header that tells its size; of an iterator nobody knows it."""
    if isinstance(content, Iterator):
        return content, []
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return iter([data]), [("Content-Length", str(len(data)))]


@contextmanager
def servers() -> Iterator[Callable[..., tuple[str, list[tuple[str, Any, str | None]]]]]:
    """Start a server that answers as `answer(path, body)` says; gives its URL and the requests that it saw."""
    started = []

    def start(
        answer: Callable[[str, Any], Answer | None], port: int = 0
    ) -> tuple[str, list[tuple[str, Any, str | None]]]:
        seen: list[tuple[str, Any, str | None]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.reply(None)

            def do_POST(self) -> None:
                self.reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def reply(self, body: Any) -> None:
                seen.append((self.path, body, self.headers["Authorization"]))
                answered = answer(self.path, body)
                if answered is None:
                    self.connection.close()
                    return
                status, content, *headers = answered
                self.send_response(status)
                parts, size = sent(content)
                for name, value in [*headers, *size]:
                    self.send_header(name, value)
                self.end_headers()
                for part in parts:
                    self.wfile.write(part)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        server.handle_error = lambda *_: None
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        started.append(server)
        start.stop = server.shutdown, server.server_close
        return f"http://127.0.0.1:{server.server_port}", seen

    try:
        yield start
    finally:
        for server in started:
            server.shutdown()
            server.server_close()


def chatting(*answers: Answer | None) -> Callable[[str, Any], Answer | None]:
    """One model; chats are answered in turn, the last answer again and again."""
    left = list(answers)
    return lambda path, body: MODELS if path == "/v1/models" else left.pop(0) if len(left) > 1 else left[0]


def one_line_or(work: Callable[[], object]):
    """What work gives; None if it ends in one clear line."""
    try:
        return work()
    except GenRecError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 1500
        return None
