"""All answers to a prompt in one sequence: their prompt, nearly all of their tokens, is read once."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from trl.trainer.utils import FusedCausalLMOutput

from genrec.llm.masks import Masks

NO_LABEL = -100
PADDING, PROMPT, FIRST = -1, 0, 1  # what a token of a sequence is part of: nothing, the prompt, the first answer, ...


class SharedPrompts:
    """A model, called as TRL's trainers call it, with a row for each prompt and answer; rows may share their prompt.

    It reads one sequence a prompt: prompt, an answer, the prompt's last token once more, the next answer, and so on.
    An answer sees the prompt and itself, at the positions that it has in a row of its own, so its log-probabilities
    are those of such a row. The last token stands there before each answer because different tokens follow it.
    """

    def __init__(self, model: torch.nn.Module, masks: Masks) -> None:
        """`model` has TRL's fused output layer."""
        self._model, self._masks = model, masks

    def __call__(
        self, *, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor, **settings: Any
    ) -> FusedCausalLMOutput:
        """Figures of each next token, shape (rows, tokens - 1), zero where there is no label.

        `input_ids` and `labels` have shape (rows, tokens); what fills rows up, on either side, has no attention, and
        the labels are those of the answer.
        """
        labelled = labels != NO_LABEL
        lefts = attention_mask.int().argmax(1).tolist()
        starts = labelled.int().argmax(1).tolist()  # where the answers begin
        counts = labelled.sum(1).tolist()
        prompts = [row[left:start] for row, left, start in zip(input_ids, lefts, starts, strict=True)]
        answers = [row[start : start + count] for row, start, count in zip(input_ids, starts, counts, strict=True)]
        groups: dict[tuple[int, ...], list[int]] = {}
        for row, prompt in enumerate(prompts):
            groups.setdefault(tuple(prompt.tolist()), []).append(row)
        sequences = [_sequence(prompts[rows[0]], [answers[row] for row in rows]) for rows in groups.values()]
        tokens, positions, parts, targets = (
            pad_sequence(list(column), batch_first=True, padding_value=value)
            for column, value in zip(zip(*sequences, strict=True), (0, 0, PADDING, NO_LABEL), strict=True)
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
        where = {
            row: (number, (parts[number] == part) & (targets[number] != NO_LABEL))
            for number, rows in enumerate(groups.values())
            for part, row in enumerate(rows, start=FIRST)
        }

        def by_answer(figures: torch.Tensor) -> torch.Tensor:
            found = torch.cat([figures[where[row][0]][where[row][1]] for row in range(len(input_ids))])
            return figures.new_zeros(wanted.shape).masked_scatter(wanted, found)

        names = ("log_probs", "entropy", "log_sum_sq_probs", "mean_logits", "is_top1")
        figures = {name: by_answer(figures) for name, figures in read.items() if name in names}
        return FusedCausalLMOutput(**figures, label_mask=wanted, aux_loss=read.aux_loss)


def _sequence(
    prompt: torch.Tensor, answers: Sequence[torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Tokens, positions, parts and next tokens of the sequence of a prompt and its answers."""
    start = len(prompt) - 1
    none = prompt.new_full((1,), NO_LABEL)
    tokens, positions, parts = [prompt[:-1]], [torch.arange(start)], [torch.full((start,), PROMPT)]
    following = [none.expand(start)]
    for part, answer in enumerate(answers, start=FIRST):
        tokens += [prompt[-1:], answer]
        positions.append(torch.arange(start, start + len(answer) + 1))
        parts.append(torch.full((len(answer) + 1,), part))
        following += [answer, none]
    device = prompt.device
    return torch.cat(tokens), torch.cat(positions).to(device), torch.cat(parts).to(device), torch.cat(following)
