"""The fusion's network: a readable mixture of fields, and on top of it a residual that sees all of a list at once.

Each field ranks the candidates by its own features. A gate weighs the fields by person and situation:
log sum over fields of g(field) * p(place | field), which can be read. The residual, a small listwise network, corrects
it. What is left for places that are not candidates is a share of its own.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

NOTHING = -1e4  # a logit that stands for "not there", within the range of half precision
VIEW = 32  # dimensions in which two views of a query are compared


@dataclass(frozen=True)
class Shape:
    """The network's shape: features of each field, in order; those of person and situation; widths."""

    fields: tuple[int, ...]
    rankers: int  # how many of the last fields are rankers, whose first feature is a log-probability
    about: int
    width: int = 96
    field_width: int = 24


class Fused(NamedTuple):
    """What the network says of a batch.

    log: log-probability of each candidate, given that it is one of them. gate: weight of each field. fields:
    log-probabilities by each field alone, (queries, candidates, fields). mixture: by the gate. rest: logit of "none of
    the candidates". view: the query as a unit vector.
    """

    log: Tensor
    gate: Tensor
    fields: Tensor
    mixture: Tensor
    rest: Tensor
    view: Tensor


class FusionNet(nn.Module):
    """See above. Features are normalised here, by what they were in training."""

    mean: Tensor
    scale: Tensor
    about_mean: Tensor
    about_scale: Tensor
    temperature: Tensor
    rest_shift: Tensor

    def __init__(self, shape: Shape, dropout: float = 0.1) -> None:
        super().__init__()
        self.shape = shape
        features, count, width = sum(shape.fields), len(shape.fields), shape.width
        for name, size in (("mean", features), ("about_mean", shape.about)):
            self.register_buffer(name, torch.zeros(size))
        for name, size in (("scale", features), ("about_scale", shape.about)):
            self.register_buffer(name, torch.ones(size))
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("rest_shift", torch.zeros(()))
        situation = shape.about + count
        self.voices = nn.ModuleList(
            _Voice(size, situation, shape.field_width) for size in shape.fields[: count - shape.rankers]
        )
        self.trust = nn.Parameter(torch.ones(shape.rankers))  # how sharp the rankers' own probabilities are taken
        self.gate = nn.Sequential(nn.Linear(situation + 2 * count, 48), nn.GELU(), nn.Linear(48, count))
        self.each = nn.Linear(features, width)
        self.situation = nn.Linear(situation, width)
        self.deep = nn.Sequential(nn.GELU(), nn.Dropout(dropout), nn.Linear(width, width), nn.GELU())
        self.attention = nn.Linear(width, 1)
        self.context = nn.Linear(2 * width, width)
        self.own = nn.Linear(width, width)
        self.last = nn.Sequential(nn.GELU(), nn.Dropout(dropout), nn.Linear(width, 1))
        self.linear = nn.Linear(features, 1, bias=False)
        self.rest = nn.Linear(2 * width + situation, 1)
        self.view = nn.Linear(2 * width + situation, VIEW)
        for layer in (self.linear, self.last[-1], self.gate[-1]):
            for weight in layer.parameters():
                nn.init.zeros_(weight)

    def forward(self, x: Tensor, about: Tensor, mask: Tensor, present: Tensor) -> Fused:
        """Args: features (queries, candidates, features), (queries, about), masks of candidates and of fields."""
        parts = torch.split(x, list(self.shape.fields), dim=2)
        sizes = torch.tensor(self.shape.fields)
        said = torch.repeat_interleave(present, sizes, dim=1)[:, None]
        normal = ((x - self.mean) / self.scale).clamp(-8, 8) * (said & mask[..., None])
        situation = torch.cat([(about - self.about_mean) / self.about_scale, present.float()], dim=1)
        fields = self._fields(normal, parts, situation, mask)
        gate = self._gate(fields, situation, present)
        mixture = torch.logsumexp(gate[:, None].clamp_min(1e-9).log() + fields, dim=2).masked_fill(~mask, NOTHING)
        residual, pooled = self._residual(normal, situation, mask)
        log = ((mixture + residual) / self.temperature).masked_fill(~mask, NOTHING).log_softmax(dim=1)
        pooled = torch.cat([pooled, situation], dim=1)
        rest = self.rest(pooled).squeeze(1) + self.rest_shift
        return Fused(log, gate, fields, mixture, rest, nn.functional.normalize(self.view(pooled), dim=1))

    def _fields(self, normal: Tensor, parts: tuple[Tensor, ...], situation: Tensor, mask: Tensor) -> Tensor:
        count = len(self.voices)
        voices = torch.split(normal, list(self.shape.fields), dim=2)[:count]
        logits = [voice(features, situation) for voice, features in zip(self.voices, voices, strict=True)]
        logits += [part[..., 0] * trust for part, trust in zip(parts[count:], self.trust, strict=True)]
        return torch.stack(logits, dim=2).masked_fill(~mask[..., None], NOTHING).log_softmax(dim=1)

    def _gate(self, fields: Tensor, situation: Tensor, present: Tensor) -> Tensor:
        sure = fields.amax(dim=1)
        spread = -(fields.exp() * fields).sum(dim=1)
        heard = present.float()
        logits: Tensor = self.gate(torch.cat([situation, sure * heard, spread * heard], dim=1))
        # Where nothing speaks at all, all fields are even: each is flat there.
        return logits.masked_fill(~present & present.any(dim=1, keepdim=True), NOTHING).softmax(dim=1)

    def _residual(self, normal: Tensor, situation: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        deep = self.deep(self.each(normal) + self.situation(situation)[:, None])
        attention = self.attention(deep).masked_fill(~mask[..., None], NOTHING).softmax(dim=1)
        best = deep.masked_fill(~mask[..., None], NOTHING).amax(dim=1)
        pooled = torch.cat([(deep * attention).sum(dim=1), best], dim=1)
        hidden = self.own(deep) + self.context(pooled)[:, None]
        return (self.last(hidden) + self.linear(normal)).squeeze(2), pooled


class _Voice(nn.Module):
    """One field's ranking of candidates, by its features in the situation."""

    def __init__(self, features: int, situation: int, width: int) -> None:
        super().__init__()
        self.features = nn.Linear(features, width)
        self.situation = nn.Linear(situation, width)
        self.last = nn.Linear(width, 1)
        self.direct = nn.Linear(features, 1, bias=False)

    def forward(self, features: Tensor, situation: Tensor) -> Tensor:
        hidden = nn.functional.gelu(self.features(features) + self.situation(situation)[:, None])
        logits: Tensor = (self.last(hidden) + self.direct(features)).squeeze(2)
        return logits
