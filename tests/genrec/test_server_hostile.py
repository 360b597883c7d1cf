"""Whatever a server answers, it ends in success or in one line, soon."""

import gzip
import itertools
import json
import math
import time
import zlib
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_city import town, written
from made_server import CHAT, HELLO, MODELS, chatting, one_line_or, servers
from tiny import tiny_tokenizer

from genrec.errors import GenRecError
from genrec.llm import endpoint as client
from genrec.llm import replies
from genrec.llm.backend import CacheUse
from genrec.llm.connect import connect, connect_scorer, default_adapter
from genrec.llm.decoding import Trie, top_k
from genrec.llm.endpoint import Endpoint
from genrec.llm.server import ServerModel, VllmModel, read_cache_use
from genrec.rankers.llm import ProfileQuery
from genrec.recommender import LlmRecommender

pytestmark = pytest.mark.slow

fuzz = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def no_waits(monkeypatch):
    sleep = client.asyncio.sleep
    monkeypatch.setattr(client.asyncio, "sleep", lambda wait: sleep(0))


@pytest.fixture(scope="module")
def mouth():
    """A server that answers each path with what a test puts there."""
    says = {}
    with servers() as start:
        url, seen = start(lambda path, body: says.get(path, MODELS))
        yield url, says, seen


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["m", 10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def bent(value):
    """The value, or the like with a part of it replaced by anything."""
    if isinstance(value, dict):
        parts = {key: bent(part) for key, part in value.items()}
        return JSON | st.fixed_dictionaries({}, optional=parts) | st.just(value)
    if isinstance(value, list):
        return JSON | st.lists(bent(value[0]), max_size=3) | st.just(value)
    return st.just(value) | JSON


ENTRY = {"id": "m", "owned_by": "vllm", "root": "/nowhere", "parent": "m", "max_model_len": 9}
SCORES = {"choices": [{"logprobs": {"tokens": ["token_id:5"], "top_logprobs": [{"token_id:5": -0.1}]}}]}


@given(bent({"data": [ENTRY]}))
@fuzz
def test_any_list_of_models(mouth, answer):
    url, says, _ = mouth
    says["/v1/models"] = 200, json.dumps(answer).encode()
    connect.cache_clear()
    one_line_or(lambda: connect(None, url))
    one_line_or(lambda: connect("m", url, "m"))
    one_line_or(lambda: default_adapter(None, url))


@given(bent(CHAT[1]))
@fuzz
def test_any_chat(mouth, answer):
    url, says, _ = mouth
    says["/v1/models"], says["/v1/chat/completions"] = MODELS, (200, json.dumps(answer).encode())
    said = one_line_or(lambda: ServerModel(Endpoint(url)).generate(HELLO, max_tokens=3, stop="\n"))
    assert said is None or (isinstance(said[0].text, str) and "\n" not in said[0].text and said[0].tokens_in >= 0)


LOGPROB = st.floats() | st.floats(-9, 0) | JSON
NAME = st.integers(-1, 40).map("token_id:{}".format) | st.sampled_from(["token_id:٣", "token_id:", "5", ""])
TABLE = st.dictionaries(NAME, LOGPROB, max_size=12)
STEPS = st.builds(dict, tokens=st.lists(NAME, max_size=3), top_logprobs=st.lists(TABLE, max_size=3))


@given(bent(SCORES) | st.builds(lambda steps: {"choices": [{"logprobs": steps}]}, STEPS))
@fuzz
def test_any_scores(mouth, answer):
    url, says, _ = mouth
    says["/v1/models"], says["/v1/completions"] = MODELS, (200, json.dumps(answer).encode())
    ranker = VllmModel(Endpoint(url), TINY)
    tries = [Trie(ranker.answer_tokens(["1", "2"]))]
    ranked = one_line_or(lambda: top_k(ranker.read([[1, 2]], tries), tries, 2))
    assert ranked is None or all(scored.logprob <= 0 and math.isfinite(scored.logprob) for scored in ranked[0])


TINY = tiny_tokenizer()
ONE, TWO, END = (TINY.convert_tokens_to_ids(token) for token in ("1", "2", "Ċ"))


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        ("NaN", "top_logprobs"),
        ("Infinity", "top_logprobs"),
        ("-Infinity", "top_logprobs"),
        ("0.5", "must be at most"),
        ("0.001", "must be at most"),
        ("-1e300", "must be at least"),
        ("1e999", "top_logprobs"),
        ("null", "must be a number"),
        ('"-1"', "must be a number"),
        ("true", "must be a number"),
        ("-0.01", "the probabilities of different tokens sum to 1.98"),
    ],
)
def test_impossible_log_probabilities_are_refused(scores, reason, mouth):
    url, says, _ = mouth
    table = f'{{"token_id:{ONE}": {scores}, "token_id:{TWO}": {scores}}}'
    answer = f'{{"choices": [{{"logprobs": {{"tokens": ["token_id:{ONE}"], "top_logprobs": [{table}]}}}}]}}'
    says["/v1/models"], says["/v1/completions"] = MODELS, (200, answer.encode())
    ranker = VllmModel(Endpoint(url), TINY)
    tries = [Trie(ranker.answer_tokens(["1", "2"]))]
    with pytest.raises(GenRecError, match=reason) as caught:
        top_k(ranker.read([[1, 2, 3]], tries), tries, 2)
    assert f"{url} gave" in str(caught.value)
    assert "log-probabilities for a prompt of 3 tokens" in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"data": [' + b"[" * 5000,
        b'{"data": 1' + b"0" * 100_000 + b"}",
        b'{"data": [' + b"1," * 1_000_000 + b"1]}",
        b'{"data": [{"id": "\\ud800"}]}',
        b'{"data": [{"id": "' + b"m" * 100_000 + b'"}]}',
        b"\x00\xff",
        b"",
    ],
)
def test_strange_json(body, serve):
    url, _ = serve(lambda path, _: (200, body))
    with pytest.raises(GenRecError, match=r"list of models|does not answer as") as caught:
        Endpoint(url)
    assert len(str(caught.value)) < 1000


def test_a_long_table_of_wrong_scores(serve):
    table = ",".join(f'"{i}":1' for i in range(100_000))
    answer = f'{{"choices": [{{"logprobs": {{"tokens": ["a"], "top_logprobs": [{{{table}}}]}}}}]}}'.encode()
    url, _ = serve(lambda path, _: MODELS if path == "/v1/models" else (200, answer))
    ranker = VllmModel(Endpoint(url), TINY)
    tries = [Trie(ranker.answer_tokens(["1", "2"]))]
    with pytest.raises(GenRecError):
        top_k(ranker.read([[1, 2]], tries), tries, 2)


@cache
def bomb():
    """Many megabytes of spaces, packed."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([*(packer.compress(b" " * (1 << 20)) for _ in range(100)), packer.flush()])


ENDLESS = b" " * (1 << 16)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda: (200, itertools.repeat(ENDLESS)), "more than 8 MB"),
        (lambda: (500, itertools.repeat(ENDLESS)), "more than 8 MB"),
        (lambda: (200, bomb(), ("Content-Encoding", "gzip")), "more than 8 MB"),
        (
            lambda: (200, gzip.compress(gzip.compress(b"{}")), ("Content-Encoding", "gzip, gzip")),
            "packed as 'gzip, gzip'",
        ),
        (lambda: (200, b"{}", ("Content-Encoding", "zstd")), "packed as 'zstd'"),
        (lambda: (200, b"{}", ("Content-Encoding", "gzip")), "packed wrongly"),
    ],
)
def test_endless_and_packed_replies(answer, reason, serve):
    url, seen = serve(lambda path, body: answer())
    with pytest.raises(GenRecError, match=reason):
        Endpoint(url)
    assert len(seen) == 1
    url, _ = serve(lambda path, body: MODELS if path == "/v1/models" else answer())
    assert read_cache_use(Endpoint(url).get_text("/metrics")) == CacheUse(0, 0)
    with pytest.raises(GenRecError, match=reason):
        ServerModel(Endpoint(url)).generate(HELLO * 8, max_tokens=1, stop="\n")


def test_an_honestly_packed_reply(serve):
    packed = gzip.compress(json.dumps(CHAT[1]).encode())
    url, _ = serve(chatting((200, packed, ("Content-Encoding", "gzip"))))
    assert ServerModel(Endpoint(url)).generate(HELLO, max_tokens=1, stop="\n")[0].text == "Hi"


def drip():
    while True:
        time.sleep(0.05)
        yield b" "


def silence():
    time.sleep(1.5)
    yield b" "


@pytest.mark.parametrize(("patience", "body_seconds"), [(0.4, 60), (60, 0.4)])
@pytest.mark.parametrize("slow", [drip, silence])
def test_slow_replies_end_and_are_said(slow, patience, body_seconds, serve, monkeypatch, capfd):
    monkeypatch.setattr(client, "PATIENCE", patience)
    monkeypatch.setattr(client, "SAID_AFTER", 0.1)
    monkeypatch.setattr(replies, "BODY_SECONDS", body_seconds)
    url, seen = serve(lambda path, body: MODELS if path == "/v1/models" else (200, slow()))
    with pytest.raises(GenRecError, match=r"did not (answer|end) within 0 s"):
        ServerModel(Endpoint(url)).generate(HELLO * 3, max_tokens=1, stop="\n")
    assert len(seen) == 4, "nothing slow is tried again"
    assert capfd.readouterr().err.count(f"note: waiting for {url}") == 1


@pytest.mark.parametrize("wait", ["²", "9" * 5000, "-3", "nan", "1e9", "", "Wed, 21 Oct 2099 07:28:00 GMT", "\xe9"])
def test_strange_wishes_of_waiting(wait, serve):
    url, _ = serve(chatting((429, b"busy", ("Retry-After", wait.encode("utf-8").decode("latin-1"))), CHAT))
    assert ServerModel(Endpoint(url)).generate(HELLO, max_tokens=1, stop="\n")[0].text == "Hi"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(status, serve, monkeypatch):
    monkeypatch.setenv("GENREC_API_KEY", "secret")
    other, seen = serve(chatting(CHAT))
    url, _ = serve(lambda path, body: (status, b"there", ("Location", f"{other}{path}")))
    with pytest.raises(GenRecError, match=f"HTTP {status}"):
        Endpoint(url)
    assert seen == []


@given(
    st.lists(
        st.sampled_from(["vllm:prefix_cache_queries_total", "vllm:prefix_cache_hits_total", "{", "}", " ", "\n", "nan",
                         "inf", "-5", "1e400", "7", "3.0", "1e+99", "\u0661", '{a="} 1"} '])
        | st.text(max_size=4),
        max_size=12,
    ).map("".join)
)  # fmt: skip
def test_any_metrics(text):
    use = read_cache_use(text)
    assert use.tokens >= 0
    assert use.reused >= 0
    assert math.isfinite(use.hit_rate)


def test_metrics_are_read_in_linear_time():
    read_cache_use("vllm:prefix_cache_queries_total{" * 200_000)
    read_cache_use("vllm:prefix_cache_queries_total{} } } } " + "} " * 1_000_000)


def test_hostile_scores_end_a_ranking_in_one_line(serve, tiny_folder):
    models = {"data": [{"id": "m", "owned_by": "vllm", "root": str(tiny_folder)}]}
    url, _ = serve(
        lambda path, body: (200, models) if path == "/v1/models" else (200, b'{"choices": [{"logprobs": 7}]}')
    )
    connect.cache_clear()
    with pytest.raises(GenRecError, match="gave no log-probabilities"):
        LlmRecommender(connect_scorer(None, url), town()).recommend(ProfileQuery(written(town()), None))
