"""Several servers asked as one: who asks where, and what happens when one goes and comes back."""

import json
import random
import threading
import time

import pytest
from adapters import random_adapter
from made_server import Answer
from tiny import tiny_model

from genrec.errors import GenRecError
from genrec.llm.address import together
from genrec.llm.connect import connect, shipped_adapter
from genrec.llm.endpoint import Endpoint
from genrec.llm.fleet import Fleet
from genrec.llm.load import Loads, read_sums
from genrec.llm.server import ServerModel

PEOPLE = [f"u{i}" for i in range(24)]


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr("genrec.llm.fleet.AGAIN_SECONDS", 0.05)


class Upstream:
    """A server that repeats what it is asked, and can go, drain, and come back."""

    def __init__(self, serve):
        self.state = "there"
        self.leaves_after = None
        self.lock = threading.Lock()
        self.answered = []
        self.url, self.seen = serve(self.answer)

    def answer(self, path, body) -> Answer | None:
        with self.lock:
            if self.leaves_after is not None and body:
                self.leaves_after -= 1
                if self.leaves_after < 0:
                    self.state = "gone"
        if self.state == "gone":
            return None
        if self.state == "draining":
            return 503, {"error": "draining"}
        if path == "/v1/models":
            return 200, {"data": [{"id": "m", "root": "m"}]}
        said = body["messages"][-1]["content"]
        self.answered.append(said)
        choice = {"message": {"content": f"you said {said}"}}
        return 200, {"choices": [choice], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}

    def people(self):
        return {said.split()[0] for said in self.answered}


@pytest.fixture
def upstreams(serve):
    return [Upstream(serve) for _ in range(3)]


def fleet_of(upstreams):
    return ServerModel(Fleet([one.url for one in upstreams], lambda url: Endpoint(url, alone=False)))


def ask(model, people, about="?"):
    asks = [[{"role": "user", "content": f"{person} {about}"}] for person in people]
    said = model.generate(asks, max_tokens=5, stop="\n", people=people)
    assert [one.text for one in said] == [f"you said {person} {about}" for person in people]


def test_each_person_has_a_server_whatever_the_order_of_the_servers(upstreams):
    model, other = fleet_of(upstreams), fleet_of(upstreams[::-1])
    ask(model, PEOPLE, "first")
    theirs = [one.people() for one in upstreams]
    assert sum(map(len, theirs)) == len(set.union(*theirs)) == len(PEOPLE)
    assert all(len(people) > len(PEOPLE) / 8 for people in theirs)
    ask(model, PEOPLE[::-1], "second")
    ask(other, PEOPLE, "third")
    assert [one.people() for one in upstreams] == theirs


@pytest.mark.parametrize("state", [pytest.param("gone", marks=pytest.mark.slow), "draining"])
def test_one_that_goes_is_taken_out_and_comes_back(state, upstreams, capsys):
    model = fleet_of(upstreams)
    ask(model, PEOPLE)
    theirs = [one.people() for one in upstreams]
    upstreams[1].state = state
    ask(model, PEOPLE, "again")
    for one, people in zip(upstreams, theirs, strict=True):
        assert one.people() >= people, "nobody else's server has changed"
    assert upstreams[0].people() | upstreams[2].people() == set(PEOPLE)
    assert f"{upstreams[1].url} has gone" in capsys.readouterr().err
    upstreams[1].state = "there"
    until = time.monotonic() + 10
    while "is back" not in capsys.readouterr().err and time.monotonic() < until:
        time.sleep(0.02)
    upstreams[1].answered.clear()
    ask(model, PEOPLE, "at last")
    assert upstreams[1].people() == theirs[1]


@pytest.mark.slow
def test_at_random_moments_nothing_is_lost_or_doubled(upstreams):
    draw = random.Random(1)
    model = fleet_of(upstreams)
    for moment in range(10):
        victim = draw.choice(upstreams)
        victim.leaves_after = draw.randrange(len(PEOPLE) // 2)
        ask(model, PEOPLE, f"of {moment}")
        victim.leaves_after, victim.state = None, "there"
    answered = [said for one in upstreams for said in one.answered]
    assert set(answered) == {f"{person} of {moment}" for person in PEOPLE for moment in range(10)}
    assert len(answered) == len(set(answered))


@pytest.mark.slow
def test_if_all_are_gone_they_are_waited_for(upstreams, monkeypatch):
    model = fleet_of(upstreams)
    for one in upstreams:
        one.state = "gone"
    threading.Timer(0.3, lambda: setattr(upstreams[2], "state", "there")).start()
    ask(model, PEOPLE[:5])
    for one in upstreams:
        one.state = "gone"
    monkeypatch.setattr("genrec.llm.fleet.RESTART_SECONDS", 0.2)
    with pytest.raises(GenRecError, match=r"none of http.* has answered"):
        ask(model, PEOPLE[:5])


def test_one_that_is_not_there_at_the_start_is_done_without(upstreams, capsys):
    upstreams[0].state = "draining"
    ask(fleet_of(upstreams), PEOPLE)
    assert not upstreams[0].answered
    for one in upstreams:
        one.state = "gone"


def like_vllm(root, adapter=None, base="m"):
    """A server that lists a model and perhaps an adapter."""
    entries = [{"id": base, "owned_by": "vllm", "root": str(root)}]
    if adapter:
        entries.append({"id": "first", "owned_by": "vllm", "root": str(adapter), "parent": base})

    def answer(path, body):
        return 200, {"data": entries} if path == "/v1/models" else {"choices": [{"logprobs": None}]}

    return answer


@pytest.mark.slow
def test_all_must_serve_the_same_model_and_adapter(serve, tiny_folder, tmp_path):
    ours = random_adapter(tmp_path / "a" / "first", 1)
    weights = random_adapter(tmp_path / "b" / "first", 2)
    catalogue = random_adapter(tmp_path / "c" / "first", 1, catalogue="0123456789abcdef")
    right, seen = serve(like_vllm(tiny_folder, ours))
    again = serve(like_vllm(tiny_folder, ours))[0]
    assert connect(None, together([right, again]), "first").scorer
    assert "/v1/completions" in [path for path, *_ in seen], "it has been asked for once, so it is loaded"
    other = tmp_path / "other"
    other.mkdir()
    for answer, adapter, problem in (
        (like_vllm(tiny_folder, weights), "first", "other weights"),
        (like_vllm(tiny_folder, catalogue), "first", "another model, catalogue or prompt"),
        (like_vllm(tiny_folder), "first", "does not serve 'first'"),
        (like_vllm(other), None, "its model is '(other|tiny)', not"),
    ):
        wrong = serve(answer)[0]
        with pytest.raises(GenRecError, match=problem) as error:
            connect(None, together([right, wrong]), adapter)
        assert "\n" not in str(error.value)


@pytest.mark.slow
def test_an_adapter_of_another_shape_is_refused(serve, tmp_path, tiny_folder):
    ours = random_adapter(tmp_path / "first", 1)
    wide = tmp_path / "wide"
    tiny = tiny_model()
    tiny.tokenizer.save_pretrained(wide)
    config = json.loads((tiny_folder / "config.json").read_text())
    (wide / "config.json").write_text(json.dumps(config | {"hidden_size": 2 * config["hidden_size"]}))
    urls = [serve(like_vllm(wide, ours))[0] for _ in range(2)]
    with pytest.raises(GenRecError, match=r"shape|first"):
        connect(None, together(urls), "first")


@pytest.mark.slow
def test_the_first_may_go_as_soon_as_it_has_been_checked(serve, tiny_folder, tmp_path):
    answer, gone = like_vllm(tiny_folder, random_adapter(tmp_path / "first", 1)), set()

    def server():
        number = object()

        def answers(path, body):
            if number in gone:
                return None
            if body and not gone:
                gone.add(number)
            return answer(path, body)

        return serve(answers)[0]

    connection = connect(None, together([server(), server()]), "first")
    assert len(gone) == 1
    assert connection.scorer.adapter.base == "tiny"


@pytest.mark.slow
def test_the_adapters_of_several_servers_are_those_of_one_that_is_there(serve, tiny_folder, tmp_path):
    folder = random_adapter(tmp_path / "first", 1)
    there, nothing = serve(like_vllm(tiny_folder, folder))[0], "http://127.0.0.1:1"
    assert shipped_adapter(folder, None, together([nothing, there])) == "first"
    with pytest.raises(GenRecError, match="cannot reach"):
        shipped_adapter(folder, None, together([nothing, "http://localhost:1"]))


def page(tokens, hits, waiting=0):
    return (
        f'vllm:prefix_cache_queries_total{{engine="0"}} {tokens}.0\nvllm:prefix_cache_hits_total {hits}\n'
        f"vllm:num_requests_waiting {waiting}\nvllm:e2e_request_latency_seconds_sum 3.25\n"
        "vllm:e2e_request_latency_seconds_count 5.0\nvllm:e2e_request_latency_seconds_bucket NaN\nnonsense\n"
    )


def test_loads_are_since_the_beginning_also_behind_a_restart(serve):
    pages = iter([page(100, 50), page(200, 125, 3), page(40, 20)])
    url, _ = serve(lambda path, body: (200, next(pages).encode()))
    loads = Loads([url, "http://127.0.0.1:9"])
    first, gone = loads.now()
    assert (first.there, first.hit_rate, first.queue, gone.there) == (True, 0.75, 3, False)
    assert loads.now()[0].hit_rate == (75 + 20) / (100 + 40)


def test_what_is_no_page_of_metrics_counts_nothing():
    assert set(read_sums("<html>\nvllm:num_requests_waiting -1\nvllm:num_requests_running x").values()) == {0.0}
