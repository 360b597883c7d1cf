"""Teaching the embedded model to read feelings."""

import numpy as np
import pytest
import torch

from genrec.llm.local import LocalModel
from genrec.llm.low_rank import added
from training.feelings import Reader, Sentence, asked, measured, sentences


def test_what_is_added_to_a_layer_is_gone_afterwards():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    given, pair = torch.randn(5, 4), (torch.randn(2, 3), torch.randn(2, 2))
    plain = model(given)
    with added(model, {"2": pair}):
        wanted = plain + model[1](model[0](given)) @ pair[0].T @ pair[1].T
        assert torch.allclose(model(given), wanted, atol=1e-6)
    assert torch.equal(model(given), plain)
    with pytest.raises(ZeroDivisionError), added(model, {"2": pair}):
        raise ZeroDivisionError
    assert torch.equal(model(given), plain)


def test_there_are_sentences_of_each_sort_and_each_once_in_a_file():
    said = sentences()
    assert {one.label for one in said} == {"more", "fewer", "likes", "avoids", "facts", "idle"}
    assert all(("{kind}" in one.text) == (one.label in ("more", "fewer")) for one in said)
    assert len(set(said)) == len(said)
    assert asked("More of the {kind}, please!") == "More of the place, please."


@pytest.mark.slow
def test_genrec_reads_as_it_was_taught():
    said = [Sentence("I love a {kind}.", "more", "1"), Sentence("I hate a {kind}.", "fewer", "1")]
    said += [Sentence("I ski.", "likes", "1"), Sentence("It is one.", "idle", "1")]
    reader = Reader(said)
    reader.learn(said * 4)  # one batch a round
    assert "AUC" in measured(reader, said)
    with torch.no_grad():  # as if it had learned much
        for parameter in (reader.weight, *(up for _, up in reader.pairs.values())):
            parameter.add_(0.05 * torch.randn_like(parameter))
    tensors, texts = reader.tensors(), ["I love a place.", "I hate a place."]
    layers = {name.rpartition(".")[0] for name in tensors} - {""}
    low_rank = {name: (tensors[f"{name}.down"], tensors[f"{name}.up"]) for name in layers}
    model = LocalModel.load("embedded")
    taught, plain = (model.states(texts, pairs) @ tensors["weight"].T + tensors["bias"] for pairs in (low_rank, {}))
    far = np.abs(taught - plain).max()
    assert np.allclose(taught, reader.read(texts).detach().numpy(), atol=0.1 * far)
