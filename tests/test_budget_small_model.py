"""The small model has a vocabulary of its own and can be trained and served as any other."""

import pytest

from training.budget.small_model import make_tokenizer, small_model
from training.budget.spec import SmallModel


def test_numbers_are_digits():
    tokenizer = make_tokenizer(["At Fri 17:47 you visit POI 217 (Gas Station)\n"] * 20, 300)
    tokens = tokenizer.tokenize("POI 217\n")
    assert tokens[-4:] == ["2", "1", "7", "Ċ"]
    assert tokenizer.apply_chat_template([{"role": "user", "content": "POI"}], tokenize=False) == "<bos>POI\n"


@pytest.mark.slow
def test_made_once(tmp_path, monkeypatch):
    from genrec.llm.local import LocalModel

    monkeypatch.setenv("GENREC_HOME", str(tmp_path))
    spec = SmallModel(vocabulary=400, hidden=32, layers=1, cities=1, examples=16)
    folder = small_model(spec)
    written = (folder / "model.safetensors").stat().st_mtime_ns
    assert small_model(spec) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == written
    assert small_model(spec.model_copy(update={"seed": 1})) != folder
    model = LocalModel.load(str(folder))
    [answer] = model.generate([[{"role": "user", "content": "At Fri 17:47 you visit POI"}]], max_tokens=3, stop="\n")
    assert answer.tokens_out >= 1
    assert not list((tmp_path / "models").glob("*.half"))


def test_studies_want_one_to_three_million_parameters():
    spec = SmallModel()
    layer = 4 * spec.hidden**2 + 3 * spec.hidden * 3 * spec.hidden
    assert 1e6 < spec.vocabulary * spec.hidden + spec.layers * layer < 3e6
