"""vLLM without a server, in a process of its own, as the benchmark asks it."""

import multiprocessing

import pytest
from tiny import tiny_model

from eval.bench.measure import workload
from eval.bench.offline import WAYS, Ask, offline, offline_rows, worth
from genrec.errors import GenRecError


@pytest.mark.slow
def test_the_benchmark_without_a_server(tiny_folder, monkeypatch):
    """Beams within the names are names, each once; a random model seldom writes one by itself."""
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    tiny = tiny_model()
    work = workload(60, 2, 2, tiny)
    with offline(str(tiny_folder)) as there:
        rows = offline_rows(there, tiny, work, 2, 1)
        assert [(row.way, row.asks, row.n) for row in rows] == [
            (way, asks, 2) for way in WAYS for asks in ("first", "repeated")
        ]
        with pytest.raises(GenRecError, match="vLLM's LLM failed: "):
            there.ask(Ask("offline-one", [[10**9]], (), 5))
    assert all(0 <= row.exact <= row.distinct <= row.valid <= 1 for row in rows)
    assert all(row.valid == row.distinct == 1 for row in rows if row.way == "offline-choice")
    assert multiprocessing.active_children() == []


def test_what_a_list_is_worth():
    names, best = {f"p{i}" for i in range(20)}, [f"p{i}" for i in range(10)]
    assert worth([["p0"]], [best], names) == {"valid": 1, "distinct": 1, "exact": 1}
    assert worth([["p1"], ["a word"]], [best, best], names) == {"valid": 0.5, "distinct": 0.5, "exact": 0}
    assert worth([["p0", "p0", "p15", "?"]], [best], names) == {"valid": 0.75, "distinct": 0.5, "exact": 0.25}
