"""Training on diaries scores the tokens that answers are made of, and some others; all else stays as it is."""

import numpy as np
import torch
from datasets import Dataset
from tiny import tiny_model

from training.data.encoding import IGNORED
from training.trainers import answer_head
from training.trainers.answer_head import with_answer_head


def test_rows_of_the_layer_and_labels_that_name_them(monkeypatch):
    monkeypatch.setattr(answer_head, "OTHERS", 20)
    model = tiny_model().engine.model
    tokens = [[5, 9, 300, 12], [9, 7, 41]]
    labels = [[IGNORED, 9, 300, IGNORED], [IGNORED, IGNORED, 41]]
    before = model(torch.tensor(tokens[:1])).logits[0]
    whole = model.get_output_embeddings().weight.detach().clone()
    inner = model.get_input_embeddings().weight.detach().clone()
    dataset = with_answer_head(model, Dataset.from_dict({"input_ids": tokens, "labels": labels}), seed=0)
    small = model.get_output_embeddings().weight
    assert 3 < len(small) <= 23
    assert not small.requires_grad
    assert torch.equal(model.get_input_embeddings().weight, inner)
    after = model(torch.tensor(tokens[:1])).logits[0]
    for row, old in zip(dataset["labels"], labels, strict=True):
        assert (np.array(row) == IGNORED).tolist() == (np.array(old) == IGNORED).tolist()
        for new, token in zip(row, old, strict=True):
            if token != IGNORED:
                assert torch.equal(small[new], whole[token])
                assert torch.allclose(after[:, new], before[:, token], atol=1e-5)
    assert dataset["input_ids"][0] == tokens[0]
