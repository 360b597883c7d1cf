"""The server backend against a real vLLM, started as a user would start it."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from adapters import random_adapter
from made import at
from made_city import csv_of, town, written
from made_proxy import Proxy
from tiny import tiny_model

from eval.bench.measure import uncached_rows, vllm_rows, workload
from genrec.errors import GenRecError
from genrec.habits import all_habits
from genrec.llm.address import together
from genrec.llm.connect import connect, connect_scorer
from genrec.llm.local import LocalModel
from genrec.profiles.portrait.writer import LlmWriter
from genrec.profiles.profile import write_profiles
from genrec.profiles.writer import Subject
from genrec.rankers.diary_ranker import DiaryRanker
from genrec.rankers.llm import LlmRanker, ProfileQuery
from genrec.reading.reader import read_checkins
from genrec.trajectories import rolling

pytestmark = pytest.mark.slow

START_SECONDS = 400


class Serve:
    """`genrec vllm` on the tiny model and two adapters, in a process of its own."""

    def __init__(self, model: Path, adapters: list[Path], port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.adapters = adapters
        self._command = [sys.executable, "-c", "from genrec.cli import main; main()", "vllm"]
        self._command += ["--model", str(model), "--port", str(port), "--room", "2"]
        self._command += [part for adapter in adapters for part in ("--adapter", str(adapter))]
        self.start()

    def start(self) -> None:
        environment = os.environ | {"VLLM_CPU_KVCACHE_SPACE": "1"}
        self.process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        watchdog = threading.Timer(START_SECONDS, self.process.kill)
        watchdog.start()
        self.said = ""
        for line in self.process.stdout:
            self.said += line
            if line.startswith("Ctrl-C"):
                break
        watchdog.cancel()
        assert f"serving {self._command[5]} at {self.url}" in self.said, self.said

    def end(self, sign: signal.Signals) -> int:
        """Send a signal to `genrec vllm` alone, and wait until no process of vLLM's is left."""
        family = _descendants(self.process.pid)
        assert len(family) >= 2, "vLLM and its engine"
        self.process.send_signal(sign)
        code = self.process.wait(timeout=60)
        until = time.monotonic() + 60
        while left := [pid for pid in family if _alive(pid)]:
            assert time.monotonic() < until, f"still there: {left}"
            time.sleep(0.2)
        return code


def _descendants(pid: int) -> list[int]:
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return children + [grandchild for child in children for grandchild in _descendants(child)]


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def server(tiny_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapters")
    adapters = [random_adapter(folder / "first", 1), random_adapter(folder / "second", 2)]
    random_adapter(folder / "elsewhere", 3, catalogue="0123456789abcdef")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    serve = Serve(tiny_folder, [*adapters, folder / "elsewhere"], port)
    yield serve
    assert serve.end(signal.SIGINT) == 0


@pytest.fixture(scope="module")
def checkins():
    return town(6)


@pytest.fixture(scope="module")
def queries(checkins):
    examples = rolling(checkins).examples[:40:3]
    return [ProfileQuery(written(checkins, e.user_id, as_of=e.as_of), e.time, e.prefix) for e in examples]


def test_the_start_is_accounted_for(server):
    for stage in ("process", "weights", "compile", "first token"):
        assert f"{stage} " in server.said
    assert "adapter second: rank with --adapter second" in server.said


def same(theirs, ours):
    """Require the same rankings; places whose probabilities are equal but for rounding may change places."""
    for a, b in zip(theirs, ours, strict=True):
        assert a.prompt_tokens == b.prompt_tokens
        assert a.probabilities == pytest.approx(b.probabilities, rel=2e-3)
        probabilities = dict(zip(b.pois, b.probabilities, strict=True))
        for poi, probability in zip(a.pois, a.probabilities, strict=True):
            assert probabilities.get(poi, b.probabilities[-1]) == pytest.approx(probability, rel=2e-3)


@pytest.mark.parametrize("k", [1, 3, 20])
def test_the_same_rankings_as_in_this_process(k, server, checkins, queries):
    there = LlmRanker(connect_scorer(None, server.url), checkins)
    here = LlmRanker(tiny_model(), checkins)
    same(there.rank(queries, k=k), here.rank(queries, k=k))
    assert there.rank(queries[:1], k=k)[0].pois == here.rank(queries[:1], k=k)[0].pois


def test_the_same_rankings_from_several_servers(server, checkins, queries, monkeypatch):
    """One vLLM behind two proxies, which are killed at random moments, and an address where nothing is."""
    monkeypatch.setattr("genrec.llm.fleet.AGAIN_SECONDS", 0.2)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nothing = f"http://127.0.0.1:{probe.getsockname()[1]}"
    proxies = [Proxy(server.url), Proxy(server.url)]
    queries = queries[::2]
    expected = LlmRanker(connect_scorer(None, server.url, "first"), checkins).rank(queries)
    several = LlmRanker(connect_scorer(None, together([proxies[0].url, proxies[1].url, nothing]), "first"), checkins)
    began = time.monotonic()
    same(several.rank(queries), expected)
    seconds, draw = time.monotonic() - began, random.Random(1)
    for _ in range(6):
        victim = draw.choice(proxies)
        killing = threading.Timer(draw.uniform(0, seconds), victim.kill)
        killing.start()
        same(several.rank(queries), expected)
        killing.join()
        victim.start()
    before = several.cache_use()
    same(several.rank(queries), expected)
    assert several.cache_use().since(before).hit_rate > 0.5
    for proxy in proxies:
        proxy.kill()


def test_the_prefix_cache_is_reported(server, checkins, queries):
    recommender = LlmRanker(connect_scorer(None, server.url), checkins)
    recommender.rank(queries)
    before = recommender.cache_use()
    recommender.rank(queries)
    use = recommender.cache_use().since(before)
    assert use.tokens >= sum(top.prompt_tokens for top in recommender.rank(queries))
    assert 0.5 < use.hit_rate <= 1


def test_the_same_profiles_as_in_this_process(server, checkins):
    subjects = [Subject(habits) for habits in all_habits(checkins, at(10), ["u0", "u1"]).values()]
    vocabulary = checkins.pois["category"].to_list()
    connection = connect(None, server.url)
    theirs = LlmWriter(connection.generator, connection.scorer, vocabulary)
    theirs._ask, asked = recording(theirs._ask)
    local = tiny_model()
    ours = LlmWriter(local, local, vocabulary)
    ours._ask, asked_here = recording(ours._ask)
    for a, b in zip(theirs.write(subjects), ours.write(subjects), strict=True):
        for name, guess in (a.traits | a.attributes).items():
            assert guess.confidence == pytest.approx((b.traits | b.attributes)[name].confidence, abs=2e-3)
        assert a.provenance.tokens_in == b.provenance.tokens_in
    # Greedy texts of a random model part ways where two tokens are as good as equal: most must be the same.
    equal = [x == y for x, y in zip(asked, asked_here, strict=True)]
    assert sum(equal) > 0.9 * len(equal)


def test_a_server_on_a_cpu_lives_through_seeded_draws(server):
    # More than vLLM would read in one step.
    asked = [[{"role": "user", "content": f"{number} " + "word " * 300}] for number in range(24)]
    drawn = connect(None, server.url).generator.generate(asked, max_tokens=4, stop="\n", temperature=0.7, seed=1)
    assert len(drawn) == 24
    assert all(one.tokens_in > 300 for one in drawn)


def recording(ask):
    """Wrap `LlmWriter._ask`; gives it and the first tries' texts."""
    texts = []

    def asking(paragraphs, drafts, temperature):
        found = ask(paragraphs, drafts, temperature)
        if temperature == 0:
            texts.extend(found)
        return found

    return asking, texts


def test_adapters_are_switched_by_name(server, checkins, queries, tiny_folder):
    base = LlmRanker(connect_scorer(None, server.url), checkins).rank(queries)
    rankings = []
    for folder in server.adapters[:2]:
        there = LlmRanker(connect_scorer(None, server.url, folder.name), checkins).rank(queries)
        here = LlmRanker(LocalModel.load(str(tiny_folder), folder), checkins).rank(queries)
        same(there, here)
        rankings.append(there)
    for a, b in ((rankings[0], rankings[1]), (rankings[0], base), (rankings[1], base)):
        with pytest.raises(AssertionError):
            same(a, b)
    again = LlmRanker(connect_scorer(None, server.url), checkins).rank(queries)
    same(again, base)


def test_names_rank_on_a_server_as_here(server, checkins):
    asked = [ProfileQuery(written(checkins, user, as_of=at(10)), at(10, 9), ((at(10, 8), 2),)) for user in ("u0", "u1")]
    for over in ("catalogue", "model"):
        there = DiaryRanker(connect_scorer(None, server.url), checkins, over).rank(asked, k=5)
        here = DiaryRanker(tiny_model(), checkins, over).rank(asked, k=5)
        same(there, here)


def test_the_benchmark_of_a_server(server):
    tiny = tiny_model()
    work = workload(60, 2, 2, tiny)
    rows = vllm_rows(server.url, tiny.tokenizer, work, 2, 1) + uncached_rows(server.url, tiny.tokenizer, work)
    found = {(row.way, row.asks): row for row in rows}
    assert {key: row.n for key, row in found.items()} == {
        (way, asks): 1 if way == "vllm-uncached" else 2
        for way in ("vllm", "vllm-one-id", "vllm-uncached")
        for asks in ("first", "repeated")
    }
    assert found["vllm-uncached", "repeated"].hit_rate == 0
    assert found["vllm", "repeated"].hit_rate > 0.5
    assert found["vllm-one-id", "first"].hit_rate < found["vllm-one-id", "repeated"].hit_rate
    assert found["vllm-one-id", "repeated"].hit_rate > 0.4  # the question itself, with what habits say, is never cached


def test_wrong_names_and_catalogues(server, checkins):
    with pytest.raises(GenRecError, match="does not serve 'third'; it serves: "):
        connect(None, server.url, "third")
    with pytest.raises(GenRecError, match="was trained for another catalogue"):
        LlmRanker(connect_scorer(None, server.url, "elsewhere"), checkins)
    model = connect(None, server.url).generator.name
    with pytest.raises(GenRecError, match="as a base model, not as an adapter"):
        connect(None, server.url, model)


def test_a_prompt_beyond_the_context(server, checkins):
    ranker = connect_scorer(None, server.url)
    recommender = LlmRanker(ranker, checkins)
    with pytest.raises(GenRecError, match="a prompt of 3000 tokens exceeds the 2048"):
        ranker.read([[5] * 3000], [recommender.trie])
    with pytest.raises(GenRecError, match=r"HTTP 400.*context length"):
        ranker.generate([[{"role": "user", "content": "word " * 3000}]], max_tokens=5, stop="\n")


def test_a_restart_in_the_middle_of_a_batch(server, checkins, tmp_path):
    """Nothing is lost and nothing is doubled; the server dies without a chance to clean up, and leaves nothing."""
    data = csv_of(checkins, tmp_path / "in.csv")
    asks = [f"u{i % 6},2024-01-{12 + i // 60} 08:{i % 60:02d}" for i in range(360)]
    (tmp_path / "users.txt").write_text("\n".join(asks) + "\n")
    out, profiles = tmp_path / "r.jsonl", tmp_path / "p.jsonl"
    read = read_checkins(data)
    write_profiles(profiles, [written(read, f"u{i}", as_of=at(11)) for i in range(6)])
    command = [sys.executable, "-c", "from genrec.cli import main; main()", "recommend", str(data), "-k", "5"]
    command += ["--by", "llm", "--server", server.url, "--profiles", str(profiles)]
    command += ["--users-from", str(tmp_path / "users.txt"), "--out", str(out)]
    with (tmp_path / "said.txt").open("w") as said:
        client = subprocess.Popen(command, stdout=said, stderr=said, text=True)
    while not (out.exists() and out.stat().st_size):
        assert client.poll() is None, (tmp_path / "said.txt").read_text()
        time.sleep(0.05)
    server.end(signal.SIGKILL)
    assert client.poll() is None, "the batch was over too early"
    server.start()
    assert client.wait(timeout=200) == 0, (tmp_path / "said.txt").read_text()
    rankings = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(r["user_id"], r["at"]) for r in rankings] == [
        (user, time.replace(" ", "T") + ":00") for user, time in (ask.split(",") for ask in asks)
    ]
    assert all(len({place["poi"] for place in r["places"]}) == 5 for r in rankings)
