"""The client of OpenAI-compatible servers against real HTTP servers, good and bad."""

import pytest
from made import KINDS
from made_city import town
from made_server import CHAT, MODELS, Answer, chatting

from genrec.errors import GenRecError
from genrec.habits import all_habits
from genrec.llm import endpoint as client
from genrec.llm.adapter import SHIPPED
from genrec.llm.backend import CacheUse
from genrec.llm.connect import connect, connect_scorer, default_adapter
from genrec.llm.endpoint import Endpoint
from genrec.llm.server import ServerModel, read_cache_use
from genrec.profiles.portrait.writer import LlmWriter
from genrec.profiles.writer import Subject

HELLO = [[{"role": "user", "content": "hello"}]]


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """Seconds that the client would have waited."""
    seconds: list[float] = []
    sleep = client.asyncio.sleep

    async def note(wait: float) -> None:
        seconds.append(wait)
        await sleep(0.001)

    monkeypatch.setattr(client.asyncio, "sleep", note)
    return seconds


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_a_chat(suffix, serve, monkeypatch):
    monkeypatch.setenv("GENREC_API_KEY", "secret")
    url, seen = serve(chatting(CHAT))
    [generation] = ServerModel(Endpoint(url + suffix)).generate(HELLO, max_tokens=7, stop="\n", temperature=0.5, seed=3)
    assert (generation.text, generation.tokens_in, generation.tokens_out) == ("Hi", 5, 2)
    path, body, key = seen[-1]
    assert (path, key) == ("/v1/chat/completions", "Bearer secret")
    assert body == {
        "model": "m", "messages": HELLO[0], "max_tokens": 7, "stop": ["\n"], "temperature": 0.5, "seed": 3,
    }  # fmt: skip


@pytest.mark.slow
def test_answers_keep_the_order_of_the_questions(serve):
    def echo(path, body):
        if path == "/v1/models":
            return MODELS
        return 200, CHAT[1] | {"choices": [{"message": {"content": body["messages"][0]["content"]}}]}

    url, _ = serve(echo)
    asks = [[{"role": "user", "content": str(i)}] for i in range(20)]
    texts = [generation.text for generation in ServerModel(Endpoint(url)).generate(asks, max_tokens=1, stop="\n")]
    assert texts == [str(i) for i in range(20)]


BUSY: Answer = (429, {"error": "slow down"})


@pytest.mark.parametrize("trouble", [BUSY, (503, b"starting"), None])
def test_passing_trouble_is_waited_out(trouble, serve, waits):
    url, seen = serve(chatting(trouble, trouble, CHAT))
    [generation] = ServerModel(Endpoint(url)).generate(HELLO, max_tokens=1, stop="\n")
    assert generation.text == "Hi"
    assert waits == [1, 2]
    assert len(seen) == 4


def test_a_server_may_say_how_long_to_wait(serve, waits):
    asked = [(429, {}, ("Retry-After", "7")), (503, {}, ("Retry-After", "9999")), (503, {}, ("Retry-After", "soon"))]
    url, _ = serve(chatting(*asked, CHAT))
    ServerModel(Endpoint(url)).generate(HELLO, max_tokens=1, stop="\n")
    assert waits == [7, 60, 4]


def away(serve, url, returns=None):
    """Stop the last server; `returns` starts it again after two looks."""
    for stop in serve.stop:
        stop()
    looks = []
    sleep = client.asyncio.sleep

    async def look(wait: float) -> None:
        looks.append(wait)
        if returns and len(looks) == 2:
            serve(returns, int(url.rpartition(":")[2]))
        await sleep(0)

    client.asyncio.sleep = look  # undone with the fixture's own change
    return looks


def test_a_server_that_was_there_is_waited_for(serve, capfd):
    url, _ = serve(chatting(CHAT))
    model = ServerModel(Endpoint(url))
    looks = away(serve, url, chatting(CHAT))
    assert [g.text for g in model.generate(HELLO * 5, max_tokens=1, stop="\n")] == ["Hi"] * 5
    assert looks == [2, 2]
    assert capfd.readouterr().err.count("is gone; waiting up to 300 s for its return") == 1


def test_a_server_that_comes_back_with_another_model(serve):
    url, _ = serve(chatting(CHAT))
    model = ServerModel(Endpoint(url))
    away(serve, url, lambda path, body: (200, {"data": [{"id": "m", "root": "/other"}]}))
    with pytest.raises(GenRecError, match="came back without the model 'm'"):
        model.generate(HELLO, max_tokens=1, stop="\n")


def test_a_server_that_does_not_come_back(serve, monkeypatch):
    url, _ = serve(chatting(CHAT))
    model = ServerModel(Endpoint(url))
    monkeypatch.setattr(client, "RESTART_SECONDS", 0.05)
    away(serve, url)
    with pytest.raises(GenRecError, match="is gone and did not come back"):
        model.generate(HELLO * 3, max_tokens=1, stop="\n")


def test_the_servers_account_of_its_prefix_cache():
    text = """# HELP vllm:prefix_cache_queries_total Prefix cache queries
vllm:prefix_cache_queries_total{engine="0",model_name="m"} 1200.0
vllm:prefix_cache_queries_total{engine="1",model_name="m"} 1.0e+03
vllm:prefix_cache_queries_created{engine="0",model_name="m"} 1.7e+09
vllm:prefix_cache_hits_total{engine="0",model_name="m"} 550.0
vllm:external_prefix_cache_hits_total{engine="0",model_name="m"} 9.0
"""
    assert read_cache_use(text) == CacheUse(2200, 550)
    assert read_cache_use("") == CacheUse(0, 0)
    assert CacheUse(0, 0).hit_rate == 0


@pytest.mark.parametrize(
    ("answer", "tries", "reasons"),
    [
        (BUSY, 5, ["HTTP 429", "slow down"]),
        ((500, b"out\nof  memory"), 5, ["/v1/chat/completions failed: HTTP 500: out of memory"]),
        (None, 5, ["failed: "]),
        ((400, {"message": "prompt too long"}), 1, ["HTTP 400", "prompt too long"]),
        ((404, b""), 1, ["HTTP 404"]),
        ((301, b"moved"), 1, ["HTTP 301"]),
        ((401, b"who are you"), 1, ["refuses access (HTTP 401: who are you)", "GENREC_API_KEY"]),
        ((403, b""), 1, ["refuses access", "GENREC_API_KEY"]),
        ((200, b"<html>Hello</html>"), 1, ["does not answer as an OpenAI-compatible server: <html>Hello</html>"]),
        ((200, b"\xff\xfe"), 1, ["does not answer as"]),
        ((200, [1, 2]), 1, ["does not answer as"]),
        ((200, {"error": "no\nmodel"}), 1, ['gave no chat completion: {"error":']),
        ((200, {"choices": [], "usage": None}), 1, ["gave no chat completion"]),
    ],
)
def test_lasting_trouble_is_one_clear_error(answer, tries, reasons, serve, waits):
    url, seen = serve(chatting(answer))
    model = ServerModel(Endpoint(url))
    with pytest.raises(GenRecError) as caught:
        model.generate(HELLO, max_tokens=1, stop="\n")
    for reason in [url, *reasons]:
        assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(seen) == 1 + tries
    assert waits == [1, 2, 4, 8][: tries - 1]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1", "cannot reach http://127.0.0.1:1.*Is the server running"),
        ("localhost:8000", "is not a URL; it starts with http://"),
        ("ftp://localhost", "is not a URL"),
        ("http://[::1", "is not a URL"),
        ("http://localhost:port", "is not a URL"),
        ("", "is not a URL"),
    ],
)
def test_no_server_there(url, reason, waits):
    with pytest.raises(GenRecError, match=reason):
        Endpoint(url)
    assert waits == []


def test_which_model(serve):
    url, _ = serve(lambda path, body: (200, {"data": [{"id": "a"}, {"id": "b"}]}))
    assert Endpoint(url, "b").model == "b"
    with pytest.raises(GenRecError, match="serves 2 models; name one with --model: a, b"):
        Endpoint(url)
    with pytest.raises(GenRecError, match="does not serve 'c'; it serves: a, b"):
        Endpoint(url, "c")


@pytest.mark.parametrize("answer", [{}, {"data": [{}]}, {"data": None}, {"data": ["a"]}, {"error": "x"}])
def test_no_list_of_models(answer, serve):
    url, _ = serve(lambda path, body: (200, answer))
    with pytest.raises(GenRecError, match="gave no list of models"):
        Endpoint(url)


@pytest.mark.slow
def test_a_server_of_another_kind_writes_but_does_not_rank(serve):
    url, _ = serve(chatting(CHAT))
    assert connect(None, url).scorer is None
    with pytest.raises(GenRecError, match=r"is no vLLM server.*--profile-model"):
        connect_scorer(None, url)
    [profile] = LlmWriter(connect(None, url).generator, None, KINDS).write([Subject(all_habits(town())["u0"])])
    assert profile.provenance.writer == "m"
    assert profile.provenance.asked_again == profile.provenance.asked == 3
    assert len(profile.provenance.dropped) == profile.provenance.by_template == len(list(profile.statements()))


def test_the_adapter_that_ranks_unless_told_otherwise(serve):
    entries = [{"id": "m"}, {"id": SHIPPED.name, "parent": "m"}, {"id": "n"}]
    url, _ = serve(lambda path, body: (200, {"data": entries}))
    assert default_adapter("m", url) == SHIPPED.name
    assert default_adapter("n", url) is None
    assert default_adapter(None, None) == default_adapter("embedded", None) == str(SHIPPED)
    assert default_adapter("other/model", None) is None


def test_a_vllm_whose_model_lies_elsewhere(serve):
    models = (200, {"data": [{"id": "m", "owned_by": "vllm", "root": "/somewhere/else"}]})
    url, _ = serve(lambda path, body: models)
    with pytest.raises(GenRecError, match="its tokenizer cannot be had"):
        connect(None, url)
