"""The benchmark measures what it says; how fast anything is, no test asks."""

from dataclasses import replace

import pytest
from tiny import tiny_model

from eval.bench.measure import Row, beam, exact, genup, measure, transformers_rows, workload
from eval.bench.tables import growth, limits, ratios, to_json
from genrec.errors import GenRecError
from genrec.llm.decoding import top_k
from genrec.llm.prefix_cache import shared_length


@pytest.fixture(scope="module")
def tiny():
    return tiny_model()


@pytest.fixture(scope="module")
def work(tiny):
    return workload(60, 3, 2, tiny)


def test_a_workload_is_people_who_ask_again(work, tiny):
    assert len(work.asks) == 3
    assert {len(asks) for asks in work.asks} == {2}
    for first, second in work.asks:
        assert first != second
        assert shared_length(first, second) > len(first) / 2, "the part that is the user's own comes first"
    texts = [tiny.tokenizer.decode(asks[0]) for asks in work.asks]
    assert len(set(texts)) == 3
    assert list(work.rounds(1, 2, first=True)) == [[work.asks[0][0]], [work.asks[1][0]]]
    assert list(work.rounds(3, 1, first=False)) == [[asks[1] for asks in work.asks]]
    with pytest.raises(GenRecError, match=r"only .* people"):
        workload(60, 3, 500, tiny)


@pytest.mark.slow
def test_every_way_answers(work, tiny):
    rows = measure("genup", genup(tiny.engine.model), work, users=1, groups=2)
    rows += measure("beam", beam(tiny.engine.model, work.names), work, users=1, groups=1)
    rows += transformers_rows(tiny, work, 1, 2) + transformers_rows(tiny, work, 3, 1)
    assert [(row.way, row.users, row.asks, row.n) for row in rows] == [
        ("genup", 1, "first", 2), ("genup", 1, "repeated", 2), ("beam", 1, "first", 1), ("beam", 1, "repeated", 1),
        ("transformers", 1, "first", 2), ("transformers", 1, "repeated", 2),
        ("transformers-model", 1, "first", 2), ("transformers-model", 1, "repeated", 2),
        ("transformers", 3, "first", 3), ("transformers", 3, "repeated", 3),
        ("transformers-model", 3, "first", 3), ("transformers-model", 3, "repeated", 3),
    ]  # fmt: skip
    assert rows[-1].hit_rate > rows[-2].hit_rate
    assert all(0 < row.p50 <= row.p95 for row in rows)
    report = to_json(rows, limits(tiny, tiny.engine.model, work, 2))
    assert len(report["ratios"]) == 8, "two aims against genup and two against beam, for one user and for three"
    assert report["machine"]["cores"] >= 1


def test_beams_stay_within_the_names(work, tiny, monkeypatch):
    """Each beam is a name that exists, end token included."""
    generate = type(tiny.engine.model).generate
    found = []
    monkeypatch.setattr(type(tiny.engine.model), "generate", lambda *a, **k: found.append(generate(*a, **k)))
    prompt = work.asks[0][0]
    beam(tiny.engine.model, work.names)([prompt])
    ids = [row[len(prompt) :].tolist() for row in found[0]]
    assert len(ids) == 10
    for tokens in ids:
        ends = [n for n in range(1, len(tokens) + 1) if follows(work.names, tokens[:n])]
        assert work.names.answer(work.names.find(tokens[: ends[-1]])) is not None


def follows(trie, path):
    """Whether some answer begins with these tokens."""
    node = 0
    for token in path:
        if token not in trie.children(node):
            return False
        node = trie.children(node)[token]
    return True


@pytest.mark.slow
def test_the_least_work_counts_what_no_search_can_spare(work, tiny):
    first, repeated = limits(tiny, tiny.engine.model, work)
    assert first.prompt_positions > repeated.prompt_positions
    assert first.gigaflops > repeated.gigaflops
    seen = []
    scorer = tiny.read([work.asks[0][0]], [work.telling], "catalogue")
    ask = scorer.child_logprobs
    scorer.child_logprobs = lambda nodes: seen.extend(nodes) or ask(nodes)
    top_k(scorer, [work.telling], 10)
    one = replace(work, asks=work.asks[:1])
    read = {node.path[:end] for node in seen for end in range(len(node.path) + 1)}
    assert 4 <= limits(tiny, tiny.engine.model, one)[0].nodes <= len(read)


def test_ratios_are_of_the_same_situation():
    def row(way, users, asks, per_second, pois=600):
        return Row(way, pois, users, asks, 4, per_second, 1.0, 1.0, None)

    rows = [
        row("genup", 1, "first", 1.0), row("genup", 1, "repeated", 2.0),
        row("transformers", 8, "first", 3.0), row("transformers", 8, "repeated", 12.0),
        row("transformers", 8, "repeated", 6.0, pois=5000), row("vllm", 8, "repeated", 8.0),
        row("vllm-one-id", 8, "repeated", 16.0), row("vllm-one-id", 1, "repeated", 99.0),
    ]  # fmt: skip
    assert {(r.label, r.pois, r.users): r.ratio for r in ratios(rows)} == {
        ("transformers against genup, first asks", 600, 8): 3.0,
        ("transformers against genup, later asks", 600, 8): 6.0,
        ("vllm against genup, later asks", 600, 8): 4.0,
        ("vllm against vllm-one-id, later asks", 600, 8): 0.5,
    }
    [grown] = growth(rows)
    assert (grown.pois, grown.ratio) == (5000, 2.0)


def test_exact_is_the_top_ten(work, tiny, monkeypatch):
    results = []
    monkeypatch.setattr("eval.bench.measure.top_k", lambda *a: results.append(top_k(*a)))
    exact(tiny, work.telling)([asks[0] for asks in work.asks])
    assert [len(best) for best in results[0]] == [10, 10, 10]
