"""Makes the probes by which the embedded model reads feelings.

    python -m training.feelings genrec/feelings.safetensors

One says whether a person likes what a sentence is about; the other, whether a sentence that names no kind of place
tells anything of where somebody may go. They learn from `feelings.yaml`. Before they are fitted on all of it, each says
how well it reads sentences that it has not seen, in ten parts. Everything is seeded.
"""

import random
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from genrec.files import atomic_path
from genrec.llm.local import LocalModel
from genrec.plain_yaml import TextLoader, load_yaml

SENTENCES = Path(__file__).with_name("feelings.yaml")
STRENGTH = 0.05  # inverse of the regularisation
PARTS = 10
KINDS = (
    "Airport", "art galleries", "Asian Restaurant", "Bar", "bakery", "Bookstore", "Bus Station", "casino", "Church",
    "Coffee Shop", "gym", "Gas Station", "Hospital", "hotels", "Library", "Mall", "museum", "Nightclub", "Office",
    "park", "Pizza Place", "school", "Stadium", "Steakhouse", "train stations", "zoo",
)  # fmt: skip

Floats = NDArray[np.float64]
Examples = list[tuple[str, bool, str]]  # text, label, and the sentence that it was made from


def sentences() -> dict[str, list[str]]:
    """What it learns from, by what the sentences are."""
    said: dict[str, list[str]] = load_yaml(SENTENCES.read_text(encoding="utf-8"), TextLoader, SENTENCES)
    return said


def asked(sentence: str, kind: str = "") -> str:
    """A sentence as `without_names` writes it."""
    return sentence.replace("{kind}", kind).strip(" ,.!?;") + "."


def feelings() -> Examples:
    """Whether what a sentence is about is liked; each with "place" for the kind and with some real kind."""
    draw = random.Random(0)
    made: Examples = []
    for label, listed in sentences().items():
        for sentence in listed if label in ("more", "fewer", "likes", "avoids") else ():
            kinds = ("place", draw.choice(KINDS)) if "{kind}" in sentence else ("",)
            made += [(asked(sentence, kind), label in ("more", "likes"), sentence) for kind in kinds]
    return made


def telling() -> Examples:
    """Whether a sentence that names no kind tells anything of where somebody may go."""
    listed = sentences()
    tell = [*listed["likes"], *listed["avoids"], *listed["facts"]]
    return [(asked(one), True, one) for one in tell] + [(asked(one), False, one) for one in listed["idle"]]


def fitted(states: Floats, labels: Sequence[bool]) -> tuple[Floats, float]:
    """Weights and bias for states as they are."""
    regression = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=1000)
    model = make_pipeline(StandardScaler(), regression).fit(states, labels)
    weight = model[1].coef_[0] / model[0].scale_
    return weight, float(model[1].intercept_[0] - weight @ model[0].mean_)


def unseen(states: Floats, labels: Sequence[bool], groups: Sequence[str]) -> Floats:
    """Log-odds of each text by a probe that has not seen its sentence."""
    odds = np.zeros(len(states))
    number = {group: i for i, group in enumerate(dict.fromkeys(groups))}
    parts = GroupKFold(PARTS, shuffle=True, random_state=0).split(states, labels, [number[group] for group in groups])
    for known, tested in parts:
        weight, bias = fitted(states[known], np.array(labels)[known])
        odds[tested] = states[tested] @ weight + bias
    return odds


def probe(model: LocalModel, made: Examples) -> tuple[Floats, float, str]:
    """Weights and bias, and how often they are right on sentences that they have not seen."""
    texts, labels, groups = (list(column) for column in zip(*made, strict=True))
    states = model.states(texts).astype(np.float64)
    right, yes = (unseen(states, labels, groups) > 0) == np.array(labels), np.array(labels)
    about = f"{len(set(groups))} sentences; unseen, {right[yes].mean():.3f} and {right[~yes].mean():.3f} right"
    return *fitted(states, labels), about


def main() -> None:
    """Write the probes to the file that is named."""
    model = LocalModel.load("embedded")
    found = {"likes": probe(model, feelings()), "tells": probe(model, telling())}
    tensors = {
        "weight": np.array([weight for weight, _, _ in found.values()], np.float32),
        "bias": np.array([bias for _, bias, _ in found.values()], np.float32),
    }
    about = {"model": "embedded", "made_by": "training/feelings.py"} | {
        name: about for name, (_, _, about) in found.items()
    }
    print(about)
    with atomic_path(Path(sys.argv[1])) as temporary:
        temporary.write_bytes(save(tensors, about))


if __name__ == "__main__":
    main()
