"""Teaches the embedded model to read feelings: a LoRA of its upper layers, and two probes of its last state.

    python -m training.feelings genrec/feelings.safetensors [FILE]

One probe says whether a person likes what a sentence is about; the other, whether a sentence that names no kind of
place tells anything of where somebody may go. Both learn from the sentences of `sentences/`, a file for each group of
writers. With the name of one of these files, its sentences are left out, and said is how rightly they are read: how
people say things varies more between writers than within one. The layers below are computed once; everything is seeded.
"""

import math
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save
from sklearn.metrics import roc_auc_score
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from genrec.files import atomic_path
from genrec.llm.chat import standalone_tokens
from genrec.llm.loading import load_model
from genrec.llm.low_rank import Pair, added
from genrec.plain_yaml import TextLoader, load_yaml

SENTENCES: Final = Path(__file__).with_name("sentences")
FIRST: Final = 10  # layer that learns; those below stay, and are computed once
RANK: Final = 8
SCALE: Final = 2.0
RATE: Final = 6e-4
BATCH: Final = 16
ROUNDS: Final = 2
WARMING: Final = 640  # sentences until the rate is reached
LONGEST: Final = 44  # tokens
FOUND: Final = 640  # size of a state
DAMPED: Final = 8.0  # states are so much larger than what a probe likes
SMOOTHED: Final = 0.05  # share of a label that goes to the other one
PLACE: Final = 0.6  # share of the sentences that are read with "place" for the kind; the others have some real kind
KINDS: Final = (
    "airport", "art gallery", "Asian restaurant", "bar", "bakery", "bookstore", "casino", "church", "coffee shop",
    "gym", "gas station", "hospital", "hotel", "library", "mall", "museum", "nightclub", "office", "park",
    "pizza place", "school", "stadium", "steakhouse", "train station", "zoo", *["places"] * 6,
)  # fmt: skip
LIKED: Final = {"more": 1.0, "likes": 1.0, "fewer": 0.0, "avoids": 0.0}
TELLS: Final = {"likes": 1.0, "avoids": 1.0, "facts": 1.0, "idle": 0.0}


@dataclass(frozen=True)
class Sentence:
    """One of the sentences, with what it is, and where it is from."""

    text: str
    label: str
    file: str


Made = tuple[Sentence, str]  # with the text that is read


def sentences() -> list[Sentence]:
    """All that there are."""
    found: list[Sentence] = []
    for path in sorted(SENTENCES.glob("*.yaml")):
        said: dict[str, list[str]] = load_yaml(path.read_text(encoding="utf-8"), TextLoader, path)
        found += [Sentence(text, label, path.stem) for label, texts in said.items() for text in dict.fromkeys(texts)]
    return found


def asked(sentence: str, kind: str = "place") -> str:
    """A sentence as `without_names` writes it."""
    return sentence.replace("{kind}", kind).strip(" ,.!?;") + "."


class Reader:
    """The embedded model as it learns: its upper layers with a LoRA, and two probes of the state behind a sentence."""

    def __init__(self, said: Sequence[Sentence]) -> None:
        """Compute what the lower layers make of the sentences, each with "place" and with some real kind."""
        torch.manual_seed(0)
        draw = random.Random(0)
        model, tokenizer, _ = load_model("embedded", dtype="bfloat16")
        self._model, types = model.base_model.requires_grad_(False), list(model.config.layer_types)
        self.texts = {
            one.text: [asked(one.text, kind) for kind in ("place", draw.choice(KINDS))] if "{kind}" in one.text
            else [asked(one.text)]
            for one in said
        }  # fmt: skip
        layers, norm = self._model.layers, self._model.norm
        self._model.layers, self._model.norm = layers[:FIRST], torch.nn.Identity()
        self.lower: dict[str, torch.Tensor] = {}
        with torch.inference_mode():
            for text in dict.fromkeys(text for texts in self.texts.values() for text in texts):
                tokens = standalone_tokens(tokenizer, text)
                if len(tokens) <= LONGEST:
                    found = self._model(input_ids=torch.tensor([tokens]), use_cache=False).last_hidden_state
                    self.lower[text] = found[0].clone()
        self._model.layers, self._model.norm, self._model.config.layer_types = layers[FIRST:], norm, types[FIRST:]
        self.pairs: dict[str, Pair] = {}
        for name, layer in self._model.named_modules():
            if isinstance(layer, torch.nn.Linear) and name.startswith("layers."):
                down = torch.randn(RANK, layer.in_features) / math.sqrt(layer.in_features)
                self.pairs[name] = torch.nn.Parameter(down), torch.nn.Parameter(torch.zeros(layer.out_features, RANK))
        self.weight, self.bias = torch.nn.Parameter(torch.zeros(2, FOUND)), torch.nn.Parameter(torch.zeros(2))

    def read(self, texts: Sequence[str]) -> torch.Tensor:
        """Log-odds that each text speaks of something liked, and that it tells anything; texts of one length."""
        lower = torch.stack([self.lower[text] for text in texts])
        with added(self._model, {name: (down, SCALE * up) for name, (down, up) in self.pairs.items()}):
            states: torch.Tensor = self._model(inputs_embeds=lower, use_cache=False).last_hidden_state[:, -1].float()
        return states @ self.weight.T / DAMPED + self.bias

    def read_texts(self, one: Sentence) -> list[str]:
        """What may be read of a sentence, with "place" first; nothing of one that is too long."""
        return [text for text in self.texts[one.text] if text in self.lower and self.texts[one.text][0] in self.lower]

    def learn(self, said: Sequence[Sentence]) -> None:
        """Go through the sentences, each time in a random order; the rate rises, and falls as a cosine."""
        draw = random.Random(0)
        kept = [(one, texts) for one in said if (texts := self.read_texts(one))]
        rounds = [self._drawn(kept, draw) for _ in range(ROUNDS)]
        matrices = [matrix for pair in self.pairs.values() for matrix in pair]
        groups = [{"params": matrices, "rate": RATE}, {"params": [self.weight, self.bias], "rate": 2 * RATE}]
        optimiser = torch.optim.AdamW(groups, weight_decay=0.01, betas=(0.9, 0.98))
        done, waiting, total = 0, 0, ROUNDS * len(kept)
        for batch in chain.from_iterable(rounds):
            for group in optimiser.param_groups:
                fallen = 0.5 * (1 + math.cos(math.pi * done / total)) * 0.97 + 0.03
                group["lr"] = group["rate"] * min(1.0, (done + 1) / WARMING) * fallen
            _loss(self.read([text for _, text in batch]), [one for one, _ in batch]).backward()  # type: ignore[no-untyped-call]
            done, waiting = done + len(batch), waiting + len(batch)
            if waiting >= BATCH:
                torch.nn.utils.clip_grad_norm_([*matrices, self.weight, self.bias], 1.0)
                optimiser.step()
                optimiser.zero_grad()
                waiting = 0
            print(f"{done} of {total}", end="\r", file=sys.stderr)

    def _drawn(self, kept: Sequence[tuple[Sentence, list[str]]], draw: random.Random) -> list[list[Made]]:
        """Each sentence with what is read of it this time, in batches in a random order."""
        made = [(one, texts[-1 if len(texts) > 1 and draw.random() > PLACE else 0]) for one, texts in kept]
        batches = self.batches(made, draw)
        draw.shuffle(batches)
        return batches

    def batches(self, made: Sequence[Made], draw: random.Random) -> list[list[Made]]:
        """Sentences with what is read of each, cut into batches of one length."""
        by_length: dict[int, list[Made]] = {}
        for one, text in made:
            by_length.setdefault(len(self.lower[text]), []).append((one, text))
        for same in by_length.values():
            draw.shuffle(same)
        return [same[i : i + BATCH] for same in by_length.values() for i in range(0, len(same), BATCH)]

    def tensors(self) -> dict[str, NDArray[np.generic]]:
        """What was learned, as GenRec reads it."""
        found: dict[str, NDArray[np.generic]] = {}
        for name, (down, up) in self.pairs.items():
            layer = f"layers.{int(name.split('.')[1]) + FIRST}.{name.split('.', 2)[2]}"
            found[f"{layer}.down"] = down.detach().half().numpy()
            found[f"{layer}.up"] = (SCALE * up.detach()).half().numpy()
        return found | {"weight": self.weight.detach().numpy() / DAMPED, "bias": self.bias.detach().numpy()}


def _loss(odds: torch.Tensor, said: Sequence[Sentence]) -> torch.Tensor:
    """Cross entropy of both probes over a batch; a sentence counts for the probes that it has a label for."""
    loss = torch.zeros(())
    for column, (labels, share) in enumerate(((LIKED, 1.0), (TELLS, 0.5))):
        rows = [row for row, one in enumerate(said) if one.label in labels]
        if rows:
            wanted = torch.tensor([labels[said[row].label] for row in rows]) * (1 - 2 * SMOOTHED) + SMOOTHED
            loss = loss + share * cross_entropy(odds[rows, column], wanted, reduction="sum") / BATCH
    return loss


@torch.inference_mode()
def measured(reader: Reader, said: Sequence[Sentence]) -> str:
    """How rightly sentences are read that name a kind."""
    named = [(one, texts[0]) for one in said if one.label in ("more", "fewer") and (texts := reader.read_texts(one))]
    batches = reader.batches(named, random.Random(0))
    odds = np.concatenate([reader.read([text for _, text in batch])[:, 0].numpy() for batch in batches])
    more = np.array([one.label == "more" for batch in batches for one, _ in batch])
    right = (odds[more] > 0).mean(), (odds[~more] < 0).mean()
    return f"{right[0]:.3f} and {right[1]:.3f} right, AUC {roc_auc_score(more, odds):.3f}"


def main() -> None:
    """Write what was learned to the file that is named."""
    said, without = sentences(), sys.argv[2] if len(sys.argv) > 2 else ""
    reader = Reader(said)
    reader.learn([one for one in said if one.file != without])
    about = {"model": "embedded", "made_by": "training/feelings.py", "without": without}
    if without:
        about["unseen"] = measured(reader, [one for one in said if one.file == without])
    print(about)
    with atomic_path(Path(sys.argv[1])) as temporary:
        temporary.write_bytes(save(reader.tensors(), about))


if __name__ == "__main__":
    main()
