"""Ranking on a server that scores tokens as vLLM does."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from made import at
from made_city import town, written
from tiny import tiny_model

from genrec.errors import GenRecError
from genrec.llm.connect import connect_scorer
from genrec.llm.decoding import Trie, top_k
from genrec.llm.endpoint import Endpoint
from genrec.llm.server import MAX_SCORED_TOKENS, VllmModel
from genrec.rankers.llm import ProfileQuery
from genrec.recommender import LlmRecommender


def like_vllm(tiny, folder):
    """Answers as vLLM does with the model's own weights: greedy within the allowed tokens, each step scored."""

    model = ThreadPoolExecutor(1)  # in one thread: each new one would prepare for torch anew

    def answer(path, body):
        if path == "/v1/models":
            entry = {"id": "m", "owned_by": "vllm", "root": str(folder), "max_model_len": 2048}
            return 200, {"data": [entry]}
        assert body["return_tokens_as_token_ids"]
        assert 0 < len(body["logprob_token_ids"]) <= MAX_SCORED_TOKENS
        return 200, {"choices": [{"logprobs": model.submit(scored, body).result()}]}

    @torch.inference_mode()
    def scored(body):
        tokens, tables = [], []
        while len(tokens) < body["max_tokens"] and not set(tokens) & set(body["stop_token_ids"]):
            logits = tiny.engine.model(input_ids=torch.tensor([[*body["prompt"], *tokens]])).logits[0, -1].float()
            scores = torch.log_softmax(logits, -1)
            asked, allowed = body["logprob_token_ids"], body["allowed_token_ids"]
            tables.append(
                {f"token_id:{token}": score for token, score in zip(asked, scores[asked].tolist(), strict=True)}
            )
            tokens.append(allowed[int(scores[allowed].argmax())])
        return {"tokens": [f"token_id:{token}" for token in tokens], "top_logprobs": tables}

    return answer


@pytest.fixture
def vllm(serve, tiny_folder):
    """A server that scores tokens as vLLM does, with the tiny model's own weights."""
    return serve(like_vllm(tiny_model(), tiny_folder))[0]


@pytest.mark.slow
@pytest.mark.parametrize("split_digits", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_exact_for_any_tokeniser_and_with_few_requests(split_digits, serve, tiny_folder):
    """Groups of digits are more first tokens than a request may score; single digits need few requests."""
    tiny = tiny_model(split_digits=split_digits)
    url, seen = serve(like_vllm(tiny, tiny_folder))
    ranker = VllmModel(Endpoint(url), tiny.tokenizer)
    tries = [Trie(tiny.answer_tokens([str(i) for i in range(MAX_SCORED_TOKENS + 9)]))]
    prompts = [tiny.prompt_tokens([{"role": "user", "content": "Where to?"}])]
    theirs = top_k(ranker.read(prompts, tries), tries, 10)
    for a, b in zip(theirs, top_k(tiny.read(prompts, tries), tries, 10), strict=True):
        assert [scored.answer for scored in a] == [scored.answer for scored in b]
        assert [scored.logprob for scored in a] == pytest.approx([scored.logprob for scored in b], abs=1e-4)
    asked = [(tuple(body["prompt"]), tuple(body["logprob_token_ids"])) for _, body, _ in seen if body]
    assert len(set(asked)) == len(asked), "nothing is asked twice"


def test_the_same_ranking_as_in_this_process(vllm):
    checkins = town()
    asked = ProfileQuery(written(checkins, as_of=at(10)), at(10, 9))
    ours = LlmRecommender(tiny_model(), checkins).recommend(asked, k=5)
    ranker = connect_scorer(None, vllm)
    assert isinstance(ranker, VllmModel)
    theirs = LlmRecommender(ranker, checkins).recommend(asked, k=5)
    assert [p.poi for p in theirs.places] == [p.poi for p in ours.places]
    for a, b in zip(theirs.places, ours.places, strict=True):
        assert a.probability == pytest.approx(b.probability, rel=1e-3)
    assert theirs.how.prompt_tokens == ours.how.prompt_tokens


@pytest.mark.parametrize(
    "logprobs",
    [
        None,
        {"tokens": [], "top_logprobs": []},
        {"tokens": ["token_id:5"], "top_logprobs": [{"token_id:5": -0.1}]},
        {"tokens": ["token_id:5"], "top_logprobs": []},
        {"tokens": [" a"], "top_logprobs": [{" a": -0.1}]},
    ],
)
def test_a_server_without_scores_of_given_tokens(logprobs, serve, tiny_folder):
    models = {"data": [{"id": "m", "owned_by": "vllm", "root": str(tiny_folder)}]}
    url, _ = serve(lambda path, body: (200, models if path == "/v1/models" else {"choices": [{"logprobs": logprobs}]}))
    recommender = LlmRecommender(connect_scorer(None, url), town())
    with pytest.raises(GenRecError, match="does not return the log-probabilities of given tokens"):
        recommender.recommend(ProfileQuery(written(town()), None))
