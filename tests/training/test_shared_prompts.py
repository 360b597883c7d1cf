"""A prompt that is read once for its answers gives what a row for each gives: log-probabilities, and gradients."""

import pytest
import torch
from tiny import tiny_model
from trl.trainer.dpo_trainer import DataCollatorForPreference
from trl.trainer.utils import add_fused_lm_head

from genrec.llm.masks import Masks
from training.trainers.labelled_loss import labelled_loss
from training.trainers.shared_prompts import NO_LABEL, SharedPrompts

FIGURES = ("log_probs", "entropy", "mean_logits", "is_top1")


def batch(seed):
    """Prompts and answers of 1 to 40 and of 1 to 4 tokens, longer than the model's sliding window."""
    draw = torch.Generator().manual_seed(seed)

    def tokens(least, most):
        count = int(torch.randint(least, most + 1, (1,), generator=draw))
        return torch.randint(5, 100, (count,), generator=draw).tolist()

    rows = [{"prompt_ids": tokens(1, 40), "chosen_ids": tokens(1, 4), "rejected_ids": tokens(1, 4)} for _ in range(5)]
    found = DataCollatorForPreference(pad_token_id=0)(rows)
    labels = found["input_ids"].masked_fill(found["completion_mask"] == 0, NO_LABEL)
    return {"input_ids": found["input_ids"], "attention_mask": found["attention_mask"], "labels": labels}


def group(seed):
    """Rows as GRPO's trainer makes them, in any order: three prompts, filled up on the left, with 1 to 5 answers."""
    draw = torch.Generator().manual_seed(seed)

    def tokens(least, most):
        count = int(torch.randint(least, most + 1, (1,), generator=draw))
        return torch.randint(5, 100, (count,), generator=draw)

    rows = [(prompt, tokens(1, 4)) for prompt in (tokens(1, 40) for _ in range(3)) for _ in range(len(tokens(1, 5)))]
    rows = [rows[i] for i in torch.randperm(len(rows), generator=draw).tolist()]
    left, right = (max(map(len, column)) for column in zip(*rows, strict=True))
    ids, there = torch.zeros(2, len(rows), left + right, dtype=torch.long)
    for row, (prompt, answer) in enumerate(rows):
        ids[row, left - len(prompt) : left + len(answer)] = torch.cat([prompt, answer])
        there[row, left - len(prompt) : left + len(answer)] = 1
    labels = ids.masked_fill(there == 0, NO_LABEL)
    labels[:, :left] = NO_LABEL
    return {"input_ids": ids, "attention_mask": there, "labels": labels}


def figures_and_gradients(call, model, inputs):
    model.zero_grad()
    with labelled_loss():
        read = call(**inputs, use_cache=False, fused_lm_head=True)
    answers = read.log_probs.sum(1)
    torch.nn.functional.softplus(answers.flip(0) - answers).sum().backward()
    return read, {name: weight.grad.clone() for name, weight in model.named_parameters()}


@pytest.mark.parametrize("made", [batch(0), batch(1), batch(2), group(0), group(1), group(2)])
def test_same_as_a_row_for_each_answer(made):
    model = tiny_model().engine.model.train()
    add_fused_lm_head(model, outputs=FIGURES)
    apart, apart_gradients = figures_and_gradients(model, model, made)
    once, once_gradients = figures_and_gradients(SharedPrompts(model, Masks(model)), model, made)
    for name in FIGURES:
        torch.testing.assert_close(once[name], apart[name], rtol=1e-5, atol=1e-5, msg=name)
    assert torch.equal(once.label_mask, apart.label_mask)
    assert any(gradient.abs().max() > 0 for gradient in apart_gradients.values())
    for name, gradient in apart_gradients.items():
        torch.testing.assert_close(once_gradients[name], gradient, rtol=1e-4, atol=1e-5, msg=name)
