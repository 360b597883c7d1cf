"""The network of `genrec.rankers.coder`: light graph convolutions, and attention up the trees over places."""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn

from genrec.rankers.graphs import LINKED, Trees, grouped, link_concentration, normalised

FIELDS = 1 + len(LINKED)  # places, and each level whose nodes users are linked to
SLOPE = 0.2  # of attention scores below 0


class Link(NamedTuple):
    """A graph between users and what they are linked to, normalised, and the same turned round."""

    forth: Tensor  # (users, others), sparse
    back: Tensor


class Views(NamedTuple):
    """Vectors of users and of places, one a field: (users, FIELDS, width), (places, FIELDS, width).

    `layers`: those of the graph of users and places, users first, from what it starts from on.
    """

    users: Tensor
    places: Tensor
    layers: list[Tensor]


class Network(nn.Module):
    """The vectors that graphs start from, and the attention."""

    visited: Tensor

    def __init__(self, users: int, places: int, nodes: int, width: int, layers: int) -> None:
        super().__init__()
        self.layers = layers
        self.users, self.places, self.nodes = (nn.Embedding(size, width) for size in (users, places, nodes))
        for table in (self.users, self.places, self.nodes):
            nn.init.normal_(table.weight, std=0.1)
        self.turn = nn.Parameter(torch.eye(width))
        self.place_weights = nn.Parameter(torch.zeros(width))
        self.node_weights = nn.Parameter(torch.zeros(width))
        self.popularity = nn.Parameter(torch.zeros(places))
        self.here = nn.Parameter(torch.full((FIELDS,), 0.5))  # the weight of where a user was last seen
        self.register_buffer("visited", torch.zeros(places, dtype=torch.bool))

    def forward(self, links: Sequence[Link | None], above: Tensor, users: Tensor, known: Tensor) -> Views:
        """Carry the vectors along the graphs.

        Args:
            links: the graph of each field; None where nobody is linked to anything.
            above: see `Trees`. (places, LEVELS)
            users: which of the trained users each is, -1 for none. (users,)
            known: whether the own vector of a place counts. (places,)

        """
        own = _rows(self.users.weight, users)
        layers = self._spread(links[0], own, self._raised(above, known))
        mean = torch.stack(layers).mean(0)
        fields = [(mean[: len(users)], mean[len(users) :])]
        for link, level in zip(links[1:], LINKED, strict=True):
            spread = torch.stack(self._spread(link, own, self.nodes.weight)).mean(0)
            fields.append((spread[: len(users)], _rows(spread[len(users) :], above[:, level])))
        to_users, to_places = (torch.stack([field[side] for field in fields], dim=1) for side in (0, 1))
        return Views(to_users, to_places, layers)

    def asked(self, views: Views, users: Tensor, last: Tensor) -> Tensor:
        """The vectors of users (-1: a stranger) last seen at a place (-1: nowhere). Shape: (queries, FIELDS, width)."""
        return _rows(views.users, users) + self.here[:, None] * _rows(views.places, last)

    def bias(self, places: int) -> Tensor:
        """Of each place; one where nobody was in training has the mean of the others. Shape: (places,)."""
        missing = torch.arange(places) >= len(self.popularity)
        missing[: len(self.popularity)] |= ~self.visited
        padded = nn.functional.pad(self.popularity, (0, places - len(self.popularity)))
        return torch.where(missing, self.popularity[self.visited].mean(), padded)

    def _raised(self, above: Tensor, known: Tensor) -> Tensor:
        """Each place's own vector and those up its trees, weighed by attention. Shape: (places, width)."""
        own = torch.where(known, torch.arange(len(known)), -1)
        numbers = [own, *above.T]
        tables = [self.places.weight] + [self.nodes.weight] * (len(numbers) - 1)
        vectors = torch.stack([_rows(*both) for both in zip(tables, numbers, strict=True)], dim=1)
        turned = vectors @ self.turn
        scores = nn.functional.leaky_relu(turned[:, :1] @ self.place_weights + turned @ self.node_weights, SLOPE)
        shares = scores.masked_fill(torch.stack(numbers, dim=1) < 0, -1e9).softmax(dim=1)
        return (shares[..., None] * vectors).sum(dim=1)

    def _spread(self, link: Link | None, users: Tensor, others: Tensor) -> list[Tensor]:
        """The layers of a light graph convolution (LightGCN), from what it starts from on."""
        layers = [torch.cat([users, others])]
        if link is None:
            return layers
        for _ in range(self.layers):
            users, others = _carried(link.forth, link.back, others), _carried(link.back, link.forth, users)
            layers.append(torch.cat([users, others]))
        return layers


def links_of(visits: csr_array, above: Trees, concentration: float) -> list[Link | None]:
    """The graphs of each field from counts of visits (users, pois), links weighing log(1 + visits).

    `concentration`: how far a link of a user and a place is weighed by its topological concentration, over the mean.
    """
    weights = visits.log1p()
    if concentration:
        shares = link_concentration(visits)
        mean = shares.data.mean() if shares.nnz else 0.0
        shares.data = 1 - concentration + concentration * shares.data / (mean or 1.0)
        weights = csr_array(weights.multiply(shares))
    fields = [weights, *(grouped(visits, above.above[:, level], above.nodes).log1p() for level in LINKED)]
    return [_link(normalised(field)) if field.nnz else None for field in fields]


def _link(matrix: csr_array) -> Link:
    return Link(_sparse(matrix), _sparse(csr_array(matrix.T)))


def _sparse(matrix: csr_array) -> Tensor:
    """The matrix in torch."""
    matrix.sort_indices()
    starts, columns = (torch.from_numpy(part.astype(np.int64)) for part in (matrix.indptr, matrix.indices))
    data = torch.from_numpy(matrix.data.astype(np.float32))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(starts, columns, data, list(matrix.shape), check_invariants=True)


class _Carry(torch.autograd.Function):
    """A product with a sparse matrix whose transpose is at hand; torch would transpose it at each step."""

    @staticmethod
    def forward(context: Any, forth: Tensor, back: Tensor, vectors: Tensor) -> Tensor:
        context.back = back
        return forth @ vectors

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[None, None, Tensor]:
        return None, None, context.back @ gradients[0]


def _carried(forth: Tensor, back: Tensor, vectors: Tensor) -> Tensor:
    carried: Tensor = _Carry.apply(forth, back, vectors)  # type: ignore[no-untyped-call]
    return carried


def _rows(vectors: Tensor, numbers: Tensor) -> Tensor:
    """Rows by number, zeros for -1."""
    padded = torch.cat([vectors, vectors.new_zeros(1, *vectors.shape[1:])])  # row -1 is the last
    return padded[numbers]
