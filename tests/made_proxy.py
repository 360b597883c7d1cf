"""A proxy that stands before a server, in a process of its own, and can be killed."""

import asyncio
import socket
import subprocess
import sys
from contextlib import suppress


class Proxy:
    """Passes on what comes to `url`; `kill` cuts all connections at once, `start` takes new ones again."""

    def __init__(self, server: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._command = [sys.executable, __file__, str(port), server.rpartition(":")[2]]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE)
        assert self._process.stdout.readline() == b"ready\n"

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


async def _piped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _passed_on(port: int, server: int) -> None:
    async def both(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection("127.0.0.1", server)
        await asyncio.gather(_piped(reader, to_there), _piped(there, writer))

    listener = await asyncio.start_server(both, "127.0.0.1", port)
    print("ready", flush=True)
    await listener.serve_forever()


if __name__ == "__main__":
    asyncio.run(_passed_on(int(sys.argv[1]), int(sys.argv[2])))
