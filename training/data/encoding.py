"""From examples to tokens and labels, in exactly the tokens that serving makes, kept in the cache."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from datasets import Dataset, disable_progress_bars, load_from_disk
from filelock import FileLock
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from genrec.errors import GenRecError
from genrec.llm.chat import answer_tokens, prompt_tokens, text_tokens
from training.data.conversation import TrainingExample
from training.progress import Progress, nothing

IGNORED = -100  # torch's label for "no loss here"
ENCODER_VERSION = 2  # raise it with any change to what is made of an example: what is cached is then made again
PACKAGES = ("transformers", "tokenizers", "datasets")

Tokens = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Encoded:
    """A conversation in tokens. `labels` has the same length: the token where there is loss, elsewhere IGNORED."""

    input_ids: Tokens
    labels: Tokens


class Encoder:
    """Turns conversations into tokens; labels are those of the supervised answers and of the end token of each."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, max_length: int) -> None:
        self.tokenizer = tokenizer
        self.max_length = max_length
        self._answers: dict[str, list[int]] = {}

    def encode(self, example: TrainingExample, number: int) -> Encoded:
        """Encode an example; `number` is what errors call it.

        Raises GenRecError if it is longer than `max_length` tokens, or if the chat template does not give the
        prompt that serving gives, followed by the answer.
        """
        if example.diary:
            return self._diary(example, number)
        *before, last = example.messages
        tokens = prompt_tokens(self.tokenizer, before) + self._answer(last["content"])
        self._require_fits(tokens, number)
        labels = [IGNORED] * len(tokens)
        for turn in sorted(example.supervised):
            prompt = prompt_tokens(self.tokenizer, example.messages[:turn])
            answer = self._answer(example.messages[turn]["content"])
            start, end = len(prompt), len(prompt) + len(answer)
            if tokens[:start] != prompt or tokens[start:end] != answer:
                raise GenRecError(
                    f"example {number}: the model's chat template puts turn {turn} of a longer conversation in other "
                    "words than when it is asked for; train on one answer an example, with data.targets: final."
                )
            labels[start:end] = answer
        return Encoded(np.array(tokens, np.int32), np.array(labels, np.int32))

    def _diary(self, example: TrainingExample, number: int) -> Encoded:
        """A conversation with lines behind it; labels are those of the answers of the learned ones."""
        tokens = prompt_tokens(self.tokenizer, example.messages)
        labels = [IGNORED] * len(tokens)
        for row, (asked, answer) in enumerate(example.diary):
            question, said = text_tokens(self.tokenizer, asked), text_tokens(self.tokenizer, answer)
            tokens += question + said
            labels += [IGNORED] * len(question) + (said if row >= example.told else [IGNORED] * len(said))
        self._require_fits(tokens, number)
        return Encoded(np.array(tokens, np.int32), np.array(labels, np.int32))

    def _require_fits(self, tokens: Sequence[int], number: int) -> None:
        if len(tokens) > self.max_length:
            raise GenRecError(
                f"example {number} has {len(tokens)} tokens, more than max_length, {self.max_length}. Nothing is cut "
                "off, for that would be the answer: raise max_length, or lower data.budget."
            )

    def _answer(self, text: str) -> list[int]:
        if text not in self._answers:
            [self._answers[text]] = answer_tokens(self.tokenizer, [text])
        return self._answers[text]


def encoded_dataset(
    encoder: Encoder, examples: Sequence[TrainingExample], home: Path, progress: Progress = nothing
) -> Dataset:
    """The examples as a data set with the columns input_ids, labels and length, from `home` if it is there already.

    The folder's name is a hash of all that goes in: examples, tokenizer, chat template and versions. Safe when
    several processes ask at once: one makes it, the others wait. Raises GenRecError as `Encoder.encode` does.
    """
    disable_progress_bars()
    folder = home / dataset_key(encoder, examples)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)  # what is encoded is about people
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        if not folder.exists():
            encoded = []
            for number, example in enumerate(examples):
                encoded.append(encoder.encode(example, number))
                progress(number + 1, len(examples))
            columns = {
                "input_ids": [one.input_ids for one in encoded],
                "labels": [one.labels for one in encoded],
                "length": [len(one.input_ids) for one in encoded],
            }
            half = folder.with_name(f"{folder.name}.half")
            shutil.rmtree(half, ignore_errors=True)
            Dataset.from_dict(columns).save_to_disk(half)
            half.rename(folder)
    return load_from_disk(folder)


def dataset_key(encoder: Encoder, examples: Sequence[TrainingExample]) -> str:
    """Hash of all that decides on the tokens and labels of the examples."""
    tokenizer = encoder.tokenizer
    made_with = [ENCODER_VERSION, encoder.max_length, tokenizer.chat_template, *map(version, PACKAGES)]
    digest = hashlib.sha256(json.dumps(made_with).encode())
    digest.update(tokenizer.backend_tokenizer.to_str().encode())
    digest.update(examples_hash(examples).encode())
    return digest.hexdigest()[:24]


def examples_hash(examples: Sequence[TrainingExample]) -> str:
    """Identify examples by what they say and which answers are learned: 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for example in examples:
        lines = [example.told, example.diary] if example.diary else []
        digest.update(json.dumps([example.messages, sorted(example.supervised), *lines]).encode() + b"\n")
    return digest.hexdigest()
