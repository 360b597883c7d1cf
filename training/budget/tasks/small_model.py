"""A small language model, made on this machine: for studies of many runs without a GPU.

Its vocabulary and its weights know how check-ins are told, from the text of synthetic cities whose places are numbered
anew in every example. A model of this size does not learn to read a place's id off such a prompt (not within 4 million
tokens). What it can is know places by heart, so it may also read the past of the check-ins that it will be asked about.
"""

import shutil
from collections.abc import Callable, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from filelock import FileLock
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    DataCollatorForLanguageModeling,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    PrinterCallback,
    Trainer,
    TrainingArguments,
    set_seed,
)

from genrec.cache import cache_home
from genrec.llm.backend import Message
from genrec.llm.chat import prompt_tokens
from genrec.llm.embedded import CHAT_TEMPLATE
from genrec.llm.quiet import quiet_transformers
from training.budget.chain import key_of
from training.budget.spec import SHORT_PROMPTS, SmallModel
from training.budget.tasks.poi import PoiSource
from training.data.conversation import TrainingExample
from training.data.examples import training_examples
from training.progress import Progress, nothing
from training.recipe import Cities, Data
from training.record import CHECKPOINTS, last_checkpoint, versions
from training.trainers.callbacks import Bar

Conversation = list[Message]

CODE_VERSION = 3  # raise it with any change to what is made: models of older code are then made anew
MOST_TOKENS = 1024  # of a text; the rest is cut off
CHARACTERS_A_TOKEN = 3  # to fit the prompts' token budget before there is a vocabulary
SAVE_STEPS = 25  # a kill costs a minute at most, of a model that needs a second a step
SPECIAL = ("<pad>", "<bos>", "<eos>")


def small_model(spec: SmallModel, source: PoiSource | None, progress: Progress = nothing) -> Path:
    """The folder of the model in GenRec's cache, after making it if it is not there yet; a killed making goes on.

    `source`: whose past it reads, if it reads any. `progress` hears of the steps.
    """
    about = [source.past_facts()] if source else []
    return kept_model(spec, about, lambda: pretraining_texts(spec, source), progress)


def kept_model(
    spec: SmallModel, about: Sequence[Any], texts: Callable[[], Sequence[Conversation]], progress: Progress = nothing
) -> Path:
    """The model of the spec that has read `texts`, from the cache if it is there; `about` says what else they are."""
    facts = [CODE_VERSION, spec.model_dump(mode="json"), versions(), *about]
    folder = cache_home() / "models" / f"small-{key_of(facts)}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        if not folder.exists():
            work = folder.with_name(f"{folder.name}.half")
            _make(spec, texts(), work, progress)
            (work / "result").rename(folder)
            shutil.rmtree(work)
    return folder


def pretraining_texts(spec: SmallModel, source: PoiSource | None) -> list[Conversation]:
    """Conversations as training has them: about other cities and, in as many passes as asked for, of the past."""
    examples: list[TrainingExample] = []
    if spec.cities:
        cities = Cities(count=spec.cities, first_seed=spec.first_seed)
        data = Data(cities=cities, relabel=True, limit=spec.examples, **SHORT_PROMPTS)
        examples += training_examples(data, spec.seed, _guessed_tokens)
    if source:
        examples += spec.passes * source.past_conversations(spec.seed, _guessed_tokens)
    return [list(example.messages) for example in examples]


def _guessed_tokens(text: str) -> int:
    return len(text) // CHARACTERS_A_TOKEN


def make_tokenizer(texts: Sequence[str], size: int) -> PreTrainedTokenizerFast:
    """Byte-level BPE of the texts, in which a number below 1,000 is one token; with GenRec's chat template."""
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split("\n", "isolated"),
            pre_tokenizers.Split(Regex(r"\d{1,3}"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # As often as there are texts, so that no word is worth more to the trainer than a number.
    numbers = " ".join(map(str, range(1000)))
    tokenizer.train_from_iterator(chain(texts, repeat(numbers, len(texts))), trainer)
    pad, begin, end = SPECIAL
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=begin, eos_token=end, pad_token=pad)
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped


def _make(spec: SmallModel, conversations: Sequence[Conversation], work: Path, progress: Progress) -> None:
    """Pre-train on all tokens of the texts, and leave the model in `work`/result."""
    texts = ["\n".join(message["content"] for message in messages) for messages in conversations]
    tokenizer = make_tokenizer(texts, spec.vocabulary)
    rows = [prompt_tokens(tokenizer, messages)[:MOST_TOKENS] for messages in conversations]
    set_seed(spec.seed)
    with quiet_transformers():
        trainer = Trainer(
            model=_new_model(spec, len(tokenizer)),
            args=_arguments(spec, work),
            train_dataset=Dataset.from_dict({"input_ids": rows, "length": [len(row) for row in rows]}),
            data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False),
        )
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(Bar(progress))
        checkpoint = last_checkpoint(work)
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        trainer.model.save_pretrained(work / "result")
    tokenizer.save_pretrained(work / "result")


def _new_model(spec: SmallModel, vocabulary: int) -> Any:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=spec.hidden,
            intermediate_size=3 * spec.hidden,
            num_hidden_layers=spec.layers,
            num_attention_heads=spec.hidden // 32,
            num_key_value_heads=spec.hidden // 32,
            max_position_embeddings=2 * MOST_TOKENS,
            tie_word_embeddings=True,
            initializer_range=spec.hidden**-0.5,  # the default is for models ten times as wide
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    )


def _arguments(spec: SmallModel, work: Path) -> Any:
    cuda = torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(work / CHECKPOINTS),
        use_cpu=not cuda,
        bf16=False,
        seed=spec.seed,
        learning_rate=spec.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=0.05,
        num_train_epochs=1,
        per_device_train_batch_size=spec.batch,
        train_sampling_strategy="group_by_length",
        dataloader_pin_memory=cuda,
        save_steps=SAVE_STEPS,
        save_total_limit=2,
        report_to="none",
        use_cache=True,  # of the model that is saved; while training, nothing is cached
        disable_tqdm=True,
    )
