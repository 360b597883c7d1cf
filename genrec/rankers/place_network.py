"""A place as a function of what is known of it, without a vector of its own."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from genrec.rankers.metadata import BUCKETS, POSITION, Places, Vocabulary
from genrec.rankers.text import WIDTH, sentence_vectors

WORD, KIND, PARENT, SENTENCE = 32, 24, 8, 48  # numbers that stand for words, category, parent, and text
DROPOUT = 0.2


class PlaceInputs(NamedTuple):
    """`Places` as tensors; `sentences` has no columns where no sentence encoder is used."""

    words: Tensor
    category: Tensor
    parent: Tensor
    km: Tensor
    position: Tensor
    sentences: Tensor

    def of(self, rows: Tensor) -> "PlaceInputs":
        """Some of the places."""
        return PlaceInputs(*(tensor[rows] for tensor in self))


def place_inputs(places: Places, *, sentences: bool) -> PlaceInputs:
    """What a `PlaceNetwork` reads; raises GenRecError if it reads sentences and their encoder is not installed."""
    vectors = torch.from_numpy(sentence_vectors(places.texts)) if sentences else torch.zeros(len(places.texts), 0)
    return PlaceInputs(
        words=torch.from_numpy(places.words),
        category=torch.from_numpy(places.category),
        parent=torch.from_numpy(places.parent),
        km=torch.from_numpy(places.km),
        position=torch.from_numpy(places.position),
        sentences=vectors,
    )


class PlaceNetwork(nn.Module):
    """From metadata, and `extra` numbers a place, to a vector."""

    def __init__(self, vocabulary: Vocabulary, width: int, *, sentences: bool, extra: int = 0) -> None:
        super().__init__()
        self.words = nn.EmbeddingBag(BUCKETS + 1, WORD, mode="mean", padding_idx=0)
        self.category = nn.Embedding(len(vocabulary.categories) + 1, KIND)
        self.parent = nn.Embedding(len(vocabulary.parents) + 1, PARENT)
        self.sentence = nn.Linear(WIDTH, SENTENCE, bias=False) if sentences else None
        known = WORD + KIND + PARENT + POSITION + extra + (SENTENCE if sentences else 0)
        self.layers = nn.Sequential(
            nn.Dropout(DROPOUT),
            nn.Linear(known, 2 * width),
            nn.GELU(),
            nn.Dropout(DROPOUT),
            nn.Linear(2 * width, width),
        )
        for table in (self.words, self.category, self.parent):
            nn.init.normal_(table.weight, std=0.1)
        with torch.no_grad():
            self.words.weight[0] = 0

    def forward(self, places: PlaceInputs, extra: Tensor | None = None) -> Tensor:
        """Vectors of the places. Shape: (places, width)."""
        parts = [self.words(places.words), self.category(places.category), self.parent(places.parent), places.position]
        if self.sentence is not None:
            parts.append(self.sentence(places.sentences))
        if extra is not None:
            parts.append(extra)
        vectors: Tensor = self.layers(torch.cat(parts, dim=1))
        return vectors
