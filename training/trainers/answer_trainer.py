"""TRL's GRPOTrainer on prompts in tokens, whose answers are places; a prompt is read once for all answers to it."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from trl import GRPOTrainer

from genrec.llm.decoding import Trie
from genrec.llm.local import LocalModel
from genrec.llm.masks import Masks
from training.trainers.drawing import draw
from training.trainers.shared_prompts import SharedPrompts


class AnswerTrainer(GRPOTrainer):  # type: ignore[misc]
    """Draws answers by their probability given that they are among `answers`, with the code that ranks.

    The stock trainer would read a prompt anew for each answer to it, twice, and let the model say anything. The loss
    is TRL's: it holds probabilities over all tokens against each other, of which those that no place's name goes on
    with have next to nothing once a model was tuned.
    """

    def __init__(self, *, answers: Sequence[Sequence[int]], **settings: Any) -> None:
        """`answers`: the tokens of each place; the model has an adapter on it."""
        super().__init__(**settings)
        self._masks = Masks(self.model)
        self._answers = Trie(answers, given=True)
        self.eos_token_ids = sorted({answer[-1] for answer in answers})  # else TRL's metrics call all answers cut off

    def _tokenize_prompts(self, prompts: list[list[int]]) -> tuple[list[list[int]], None, dict[str, Any]]:
        return prompts, None, {}

    def _generate_single_turn(self, prompt_ids: list[list[int]], *_: Any) -> tuple[list[list[int]], None]:
        counts = Counter(map(tuple, prompt_ids))
        model = self.model.get_base_model().eval()  # no checkpointing, which leaves no keys and values to go on from
        # A model that was read before would know prompts by weights that have moved since.
        scorer = LocalModel(model, self.processing_class, "policy").read(
            list(counts), [self._answers] * len(counts), "catalogue"
        )
        found = draw(scorer, self._answers, list(counts.values()))
        model.train()
        drawn = {prompt: iter(answers) for prompt, answers in zip(counts, found, strict=True)}
        return [list(next(drawn[tuple(prompt)])) for prompt in prompt_ids], None

    def _get_per_token_logps_and_entropies(self, model: torch.nn.Module, *inputs: Any, **settings: Any) -> Any:
        return super()._get_per_token_logps_and_entropies(SharedPrompts(model, self._masks), *inputs, **settings)
