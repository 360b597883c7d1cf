"""A prompt that is read once for both answers gives what two rows give: log-probabilities, and gradients."""

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


def figures_and_gradients(call, model, inputs):
    model.zero_grad()
    with labelled_loss():
        read = call(**inputs, use_cache=False, fused_lm_head=True)
    chosen, rejected = read.log_probs.sum(1).chunk(2)
    torch.nn.functional.softplus(rejected - chosen).sum().backward()
    return read, {name: weight.grad.clone() for name, weight in model.named_parameters()}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_same_as_a_row_for_each_answer(seed):
    model = tiny_model().engine.model.train()
    add_fused_lm_head(model, outputs=FIGURES)
    apart, apart_gradients = figures_and_gradients(model, model, batch(seed))
    once, once_gradients = figures_and_gradients(SharedPrompts(model, Masks(model)), model, batch(seed))
    for name in FIGURES:
        torch.testing.assert_close(once[name], apart[name], rtol=1e-5, atol=1e-5, msg=name)
    assert torch.equal(once.label_mask, apart.label_mask)
    assert any(gradient.abs().max() > 0 for gradient in apart_gradients.values())
    for name, gradient in apart_gradients.items():
        torch.testing.assert_close(once_gradients[name], gradient, rtol=1e-4, atol=1e-5, msg=name)
