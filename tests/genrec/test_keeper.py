"""Adapters that come and go on their own, when what serves them does not do as it is told."""

import asyncio
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from genrec.llm.vllm.keeper import Keeper, NotLoadedError


class Loads:
    """Answers as vLLM does when it is asked to load and unload; `refused`: so many times not."""

    def __init__(self, refused: int = 0):
        self.refused, self.held = refused, set()
        routes = [Route(f"/v1/{what}_lora_adapter", self._answer, methods=["POST"]) for what in ("load", "unload")]
        self.app = Starlette(routes=routes)

    async def _answer(self, request):
        name = (await request.json())["lora_name"]
        if self.refused:
            self.refused -= 1
            return JSONResponse({"error": "busy\nwith another"}, 500)
        (self.held.discard if "/v1/unload" in request.url.path else self.held.add)(name)
        return JSONResponse({})


def keeper_of(loads, keep_alive):
    client = httpx.AsyncClient(transport=httpx.ASGITransport(loads.app), base_url="http://vllm")
    return Keeper({"a": Path("a"), "b": Path("b")}, 1, client, keep_alive)


@pytest.mark.slow
def test_an_adapter_that_is_not_dropped_is_dropped_later(capsys):
    async def go():
        loads = Loads()
        keeper = keeper_of(loads, 0.0)
        async with keeper.using("a"):
            assert loads.held == {"a"}
        loads.refused = 1
        tending = asyncio.create_task(keeper.tend())
        while loads.held:
            assert not tending.done()
            await asyncio.sleep(0.1)
        tending.cancel()

    asyncio.run(asyncio.wait_for(go(), 60))
    assert "warning: vLLM does not unload the adapter a" in capsys.readouterr().err


def test_what_is_not_loaded_says_so_in_a_line():
    async def go():
        keeper = keeper_of(Loads(refused=1), 60.0)
        with pytest.raises(NotLoadedError, match="does not load the adapter b") as told:
            async with keeper.using("b"):
                pass
        return str(told.value), keeper.held

    told, held = asyncio.run(go())
    assert "\n" not in told and held == []
