"""Loss only where labels are, on every device.

TRL never builds the logits of a whole batch, but away from Triton it scores every position of it, so as to keep
shapes the same on devices that compile. In a prompt of hundreds of tokens with an answer of a few, and a vocabulary
of 262,144, nearly all of a step on a CPU would go into positions without a label.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from trl.trainer import utils


@contextmanager
def labelled_loss() -> Iterator[None]:
    """Within the block, TRL's trainers score labelled positions only, as they do on CUDA: the same loss, sooner.

    Holds for SFTTrainer and DPOTrainer, whose models both go through the forward pass of
    `trl.trainer.utils.add_fused_lm_head`. Not for several threads at once. Raises AttributeError if TRL is not the
    version that GenRec is pinned to and has no such switch any more.
    """
    original = utils._use_triton
    utils._use_triton = lambda device: True  # used there for one thing: whether to leave unlabelled positions out
    try:
        yield
    finally:
        utils._use_triton = original
