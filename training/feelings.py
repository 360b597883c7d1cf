"""Makes the probe by which the embedded model says whether a person likes what a sentence is about.

    python -m training.feelings genrec/feelings.safetensors

It learns from the sentences of `feelings.yaml`, each with "place" for the kind and with some real kind. Before it is
fitted on all of them, it says how well it reads those that it has not seen, in ten parts. Everything is seeded.
"""

import json
import random
import sys
from collections.abc import Iterable, Sequence
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


def examples() -> tuple[list[str], list[bool], list[int]]:
    """Texts, whether each likes what it is about, and the number of the sentence that it was made from."""
    said: dict[str, list[str]] = load_yaml(SENTENCES.read_text(encoding="utf-8"), TextLoader, SENTENCES)
    draw = random.Random(0)
    texts, likes, groups = [], [], []
    sentences = [(text, label in ("more", "likes")) for label, listed in said.items() for text in listed]
    for number, (sentence, liked) in enumerate(sentences):
        kinds = ("place", draw.choice(KINDS)) if "{kind}" in sentence else ("",)
        for kind in kinds:
            texts.append(sentence.replace("{kind}", kind).strip(" ,.!?;") + ".")
            likes.append(liked)
            groups.append(number)
    return texts, likes, groups


def fitted(states: Floats, likes: Iterable[bool]) -> tuple[Floats, float]:
    """Weights and bias for states as they are."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=1000)).fit(states, list(likes))
    scaler, regression = model[0], model[1]
    weight = regression.coef_[0] / scaler.scale_
    return weight, float(regression.intercept_[0] - weight @ scaler.mean_)


def unseen(states: Floats, likes: Sequence[bool], groups: Sequence[int]) -> Floats:
    """Log-odds of each text by a probe that has not seen its sentence."""
    odds = np.zeros(len(states))
    for known, tested in GroupKFold(PARTS, shuffle=True, random_state=0).split(states, likes, groups):
        weight, bias = fitted(states[known], np.array(likes)[known])
        odds[tested] = states[tested] @ weight + bias
    return odds


def main() -> None:
    """Write the probe to the file that is named."""
    texts, likes, groups = examples()
    states = LocalModel.load("embedded").states(texts).astype(np.float64)
    right = (unseen(states, likes, groups) > 0) == np.array(likes)
    liked = np.array(likes)
    shares = f"{right[liked].mean():.3f} of what is liked and {right[~liked].mean():.3f} of what is not"
    print(f"{len(set(groups))} sentences, {len(texts)} texts; unseen, it reads {shares} rightly")
    weight, bias = fitted(states, likes)
    about = {
        "model": "embedded",
        "made_of": f"{len(set(groups))} sentences of training/feelings.yaml",
        "unseen": shares,
    }
    data = save(
        {"weight": weight.astype(np.float32), "bias": np.array([bias], np.float32)}, {"about": json.dumps(about)}
    )
    with atomic_path(Path(sys.argv[1])) as temporary:
        temporary.write_bytes(data)


if __name__ == "__main__":
    main()
