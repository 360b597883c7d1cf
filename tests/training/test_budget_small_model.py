"""The small model has a vocabulary of its own and can be trained and served as any other."""

import pytest
from pydantic import ValidationError

from genrec.errors import GenRecError
from training.budget.spec import NextPoi, SmallModel
from training.budget.tasks.poi import PoiSource
from training.budget.tasks.small_model import make_tokenizer, small_model


@pytest.fixture(autouse=True)
def small_cities(monkeypatch):
    monkeypatch.setattr("training.data.cities.USERS", 12)


def test_numbers_are_tokens():
    tokenizer = make_tokenizer(["At Fri 17:47 you visit POI 217 (Gas Station)\n"] * 20, 1300)
    assert tokenizer.tokenize("POI 217\n")[-2:] == ["217", "Ċ"]
    assert tokenizer.tokenize("1458")[-2:] == ["145", "8"]
    assert all(len(tokenizer.tokenize(str(number))) == 1 for number in range(1000))
    assert tokenizer.apply_chat_template([{"role": "user", "content": "POI"}], tokenize=False) == "<bos>POI\n"


@pytest.mark.slow
def test_nothing_is_asked_of_the_past():
    source = PoiSource(NextPoi(kind="next-poi", city=30), past=0.25)
    whole = PoiSource(NextPoi(kind="next-poi", city=30)).questions(len)
    read = {turn["content"] for one in source.past_conversations(0, len) for turn in one.messages}
    asked = source.questions(len)
    assert read
    assert 0 < len(asked.train) < len(whole.train)
    assert not read & {one.prompt[-1]["content"] for one in asked.train if "(likely" in one.prompt[-1]["content"]}
    assert asked.test == whole.test
    with pytest.raises(GenRecError, match="there is nothing to read: raise past"):
        PoiSource(NextPoi(kind="next-poi", city=30), past=0.05).past_conversations(0, len)


def test_something_is_read():
    with pytest.raises(ValidationError, match="nothing to pre-train on"):
        SmallModel(cities=0)


@pytest.mark.slow
@pytest.mark.parametrize("past", [0, 0.25])
def test_made_once(tmp_path, monkeypatch, past):
    from genrec.llm.local import LocalModel

    monkeypatch.setenv("GENREC_HOME", str(tmp_path))
    spec = SmallModel(vocabulary=1300, hidden=32, layers=1, cities=0 if past else 1, examples=16, past=past)
    source = PoiSource(NextPoi(kind="next-poi", city=30), past) if past else None
    folder = small_model(spec, source)
    written = (folder / "model.safetensors").stat().st_mtime_ns
    assert small_model(spec, source) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == written
    assert small_model(spec.model_copy(update={"seed": 1}), source) != folder
    model = LocalModel.load(str(folder))
    [answer] = model.generate([[{"role": "user", "content": "At Fri 17:47 you visit POI"}]], max_tokens=3, stop="\n")
    assert answer.tokens_out >= 1
    assert not list((tmp_path / "models").glob("*.half"))


def test_studies_want_one_to_three_million_parameters():
    spec = SmallModel()
    layer = 4 * spec.hidden**2 + 3 * spec.hidden * 3 * spec.hidden
    assert 1e6 < spec.vocabulary * spec.hidden + spec.layers * layer < 3e6
