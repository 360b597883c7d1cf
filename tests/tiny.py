"""A real but tiny model, made in a second: Gemma 3 with a window shorter than the prompts."""

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast

from genrec.llm.embedded import CHAT_TEMPLATE
from genrec.llm.local import LocalModel

TEXT = ["The person goes to POI 12 (Coffee Shop) on weekdays around 8, then works until 17:00.\n\n- 34 visits"] * 3


def tiny_tokenizer(split_digits: bool = True) -> PreTrainedTokenizerFast:
    """Byte-level BPE; numbers are single digits, or groups of up to three."""
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split("\n", "isolated"),
            pre_tokenizers.Digits(individual_digits=split_digits),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    numbers = [] if split_digits else [f"{i} {i:03d}" for i in range(1000)]
    trainer = trainers.BpeTrainer(
        vocab_size=1500,
        special_tokens=["<pad>", "<bos>", "<eos>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT + numbers * 3, trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>"
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped


def tiny_model(seed: int = 0, split_digits: bool = True) -> LocalModel:
    """A random model with layers of both kinds; its answers mean nothing but must be exact."""
    tokenizer = tiny_tokenizer(split_digits)
    config = Gemma3TextConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,  # the least that vLLM computes with
        sliding_window=8,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        max_position_embeddings=2048,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    torch.manual_seed(seed)
    model = Gemma3ForCausalLM(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.3)
    return LocalModel(model.eval(), tokenizer, "tiny")
