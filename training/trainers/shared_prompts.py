"""Both answers of a pair in one sequence: their prompt, nearly all of their tokens, is read once."""

from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from trl.trainer.utils import FusedCausalLMOutput

from genrec.llm.masks import Masks

NO_LABEL = -100
PADDING, PROMPT, CHOSEN, REJECTED = -1, 0, 1, 2  # what a token of a sequence is part of


class SharedPrompts:
    """A model, called as TRL's DPOTrainer calls it: first the rows of the chosen answers, then those of the rejected.

    It reads one sequence a pair: prompt, chosen, the prompt's last token once more, rejected. An answer sees the
    prompt and itself, at the positions that it has in a row of its own, so its log-probabilities are those of such
    a row. The last token stands there twice because two different tokens follow it.
    """

    def __init__(self, model: torch.nn.Module, masks: Masks) -> None:
        """`model` has TRL's fused output layer."""
        self._model, self._masks = model, masks

    def __call__(
        self, *, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor, **settings: Any
    ) -> FusedCausalLMOutput:
        """Figures of each next token, shape (2 x pairs, tokens - 1), zero where there is no label.

        `input_ids` and `labels` have shape (2 x pairs, tokens); rows are filled up on the right, which `labels` show
        as well as `attention_mask`.
        """
        labelled = labels != NO_LABEL
        starts = labelled.int().argmax(1).tolist()  # where the answers begin; the prompt before is that of both
        ends = [start + count for start, count in zip(starts, labelled.sum(1).tolist(), strict=True)]
        pairs = len(input_ids) // 2
        rows = [_row(input_ids[i], input_ids[i + pairs], starts[i], ends[i], ends[i + pairs]) for i in range(pairs)]
        tokens, positions, parts, targets = (
            pad_sequence(list(column), batch_first=True, padding_value=value)
            for column, value in zip(zip(*rows, strict=True), (0, 0, PADDING, NO_LABEL), strict=True)
        )
        mine, theirs = parts[:, :, None], parts[:, None, :]
        visible = ((theirs == PROMPT) | (theirs == mine)) & (positions[:, None, :] <= positions[:, :, None])
        read = self._model(
            input_ids=tokens,
            attention_mask=self._masks.of(visible, positions, positions),
            position_ids=positions,
            shift_labels=targets,
            **settings,
        )
        wanted = labelled[:, 1:]
        chosen, rejected = ((targets != NO_LABEL) & (parts == part) for part in (CHOSEN, REJECTED))

        def by_answer(figures: torch.Tensor) -> torch.Tensor:
            found = torch.cat([figures[chosen], figures[rejected]])
            return figures.new_zeros(wanted.shape).masked_scatter(wanted, found)

        names = ("log_probs", "entropy", "log_sum_sq_probs", "mean_logits", "is_top1")
        figures = {name: by_answer(figures) for name, figures in read.items() if name in names}
        return FusedCausalLMOutput(**figures, label_mask=wanted, aux_loss=read.aux_loss)


def _row(
    chosen: torch.Tensor, rejected: torch.Tensor, start: int, chosen_end: int, rejected_end: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Tokens, positions, parts and next tokens of the sequence of a pair, whose answers begin at `start`."""
    place = torch.arange(max(chosen_end, rejected_end), device=chosen.device)
    lengths = torch.tensor([start - 1, chosen_end - start + 1, rejected_end - start + 1], device=chosen.device)
    parts = torch.tensor([PROMPT, CHOSEN, REJECTED], device=chosen.device)
    none = chosen.new_full((1,), NO_LABEL)
    following = [none.expand(start - 1), chosen[start:chosen_end], none, rejected[start:rejected_end], none]
    return (
        torch.cat([chosen[:chosen_end], rejected[start - 1 : rejected_end]]),
        torch.cat([place[:chosen_end], place[start - 1 : rejected_end]]),
        parts.repeat_interleave(lengths),
        torch.cat(following),
    )
