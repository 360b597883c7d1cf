"""A model's last layer, cut down to the tokens that answers are made of, for as long as an adapter is trained.

Diaries hold hundreds of answers, and with a vocabulary of 262,144 most of a step would go into tokens that no place's
name begins with. Their probability given that the answer is a place, which is what rankings of names ask for, does not
depend on the others. Some others stay in as well, so that the model goes on knowing that it is not them.
"""

from typing import Final

import numpy as np
import torch
from datasets import Dataset
from transformers import PreTrainedModel

from training.data.encoding import IGNORED

OTHERS: Final = 8192  # tokens that no answer has


def with_answer_head(model: PreTrainedModel, dataset: Dataset, seed: int) -> Dataset:
    """Give the model a last layer for some tokens only; returns the data set with labels that are its rows."""
    labels = [np.asarray(row, np.int64) for row in dataset["labels"]]
    answers = np.unique(np.concatenate(labels))
    answers = answers[answers != IGNORED]
    head = model.get_output_embeddings()
    size = len(head.weight)
    others = np.random.default_rng(seed).choice(size, min(OTHERS, size), replace=False)
    kept = np.union1d(answers, others)
    small = torch.nn.Linear(head.in_features, len(kept), bias=False)
    small.weight = torch.nn.Parameter(head.weight.detach()[torch.from_numpy(kept)].clone(), requires_grad=False)
    model.set_output_embeddings(small)
    row_of = np.full(size, IGNORED, np.int64)
    row_of[kept] = np.arange(len(kept))
    rows = [np.where(row == IGNORED, IGNORED, row_of[row]).astype(np.int32) for row in labels]
    return dataset.remove_columns("labels").add_column("labels", rows)
