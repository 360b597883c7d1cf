"""A transformers model in this process: generates in batches and scores closed sets exactly.

The prompts of a batch are rows that are read in one pass. What was computed for the beginnings
of earlier prompts, such as the part that stays the same for a user, is kept within a bound on
memory; what prompts of a batch share is read once, and candidates share their prompt's cache.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from genrec.errors import GenRecError, NotNumbersError
from genrec.llm.adapter import Adapter, read_adapter
from genrec.llm.backend import CacheUse, Generation, LowRank, Message, Over
from genrec.llm.chat import answer_tokens, count_tokens, prompt_tokens, standalone_tokens, text_tokens
from genrec.llm.decoding import Trie
from genrec.llm.engine import Engine
from genrec.llm.loading import load_model
from genrec.llm.lora import put_on
from genrec.llm.prefix_cache import BLOCK, shared_length
from genrec.llm.rows import ROOT, Branches, Rows, RowScorer, branches, read_ahead

# Bytes of keys and values kept of earlier prompts: 36 kB a token for the embedded model.
CACHE_BYTES = 2 << 30

# Tokens that one pass reads, and tokens of the prompts that are continued together.
PASS_TOKENS = 4096
BATCH_TOKENS = 16384

# Marks that stand together in sentences, for which there may be a token.
JOINED = (".", ",", ";", "(", ")", "))", *(f"{end}{mark}" for end in (")", "))") for mark in ".,;"))

# Tokens by which a row may be filled up, as many as it has itself within these bounds: on a processor, a pass costs as
# much as some tens of tokens.
LEAST_PADDING, MOST_PADDING = 2 * BLOCK, 4 * BLOCK


class LocalModel:
    """Generator and ranker over a model in this process. Not safe for use from several threads."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        name: str,
        adapter: Adapter | None = None,
        *,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        """Wrap a model in evaluation mode; `adapter` says what was put on it.

        `cache_bytes`: of keys and values kept of earlier prompts, at most.
        """
        self.name = name
        self.adapter = adapter
        self.tokenizer = tokenizer
        self.engine = Engine(model, cache_bytes)
        self._used = CacheUse(0, 0)
        self._end = answer_tokens(tokenizer, ["."])[0][-1]
        self._end_is_space = not self._decode([self._end]).strip()

    @classmethod
    def load(cls, name: str, adapter: Path | None = None) -> "LocalModel":
        """Load `embedded`, a local folder or a hub id, and merge a LoRA adapter into it.

        Raises GenRecError if the model cannot be had, or the adapter was made for another one.
        """
        declared = read_adapter(adapter) if adapter else None
        if declared:
            declared.require_base(name)
        model, tokenizer, info = load_model(name)
        if adapter and declared:
            model = put_on(model, adapter).merge_and_unload().eval()
            return cls(model, tokenizer, f"{info.name}+{adapter.name}", declared)
        return cls(model, tokenizer, info.name)

    def answer_tokens(self, answers: Sequence[str]) -> list[list[int]]:
        """See `AnswerScorer`."""
        return answer_tokens(self.tokenizer, answers)

    def prompt_tokens(self, conversation: Sequence[Message]) -> list[int]:
        """See `AnswerScorer`."""
        tokens = prompt_tokens(self.tokenizer, conversation)
        limit = self.engine.model.config.get_text_config(decoder=True).max_position_embeddings
        if len(tokens) >= limit:
            raise GenRecError(f"a prompt of {len(tokens)} tokens exceeds the {limit} that {self.name} can read")
        return tokens

    def text_tokens(self, text: str) -> list[int]:
        """See `AnswerScorer`."""
        return text_tokens(self.tokenizer, text)

    def count_tokens(self, text: str) -> int:
        """See `AnswerScorer`."""
        return count_tokens(self.tokenizer, text)

    @torch.inference_mode()
    def states(self, texts: Sequence[str], low_rank: LowRank) -> NDArray[np.float32]:
        """See `AnswerScorer`."""
        pairs = {name: (torch.from_numpy(down), torch.from_numpy(up)) for name, (down, up) in low_rank.items()}
        tokens = [standalone_tokens(self.tokenizer, text) for text in texts]
        return np.stack([self.engine.state(one, pairs).float().cpu().numpy() for one in tokens])

    def cache_use(self) -> CacheUse:
        """See `AnswerScorer`."""
        return self._used

    @torch.inference_mode()
    def read(
        self,
        prompts: Sequence[Sequence[int]],
        tries: Sequence[Trie],
        over: Over = "model",
        people: Sequence[str] = (),
    ) -> RowScorer:
        """See `AnswerScorer`."""
        ahead = [branches(read_ahead(trie)) for trie in tries]
        asked = [list(prompt) for prompt in prompts]
        if over == "model":
            return RowScorer(self._rows(asked, ahead), tries)
        tokens = tuple(sorted({token for trie in tries for token in trie.alphabet}))
        column = {token: number for number, token in enumerate(tokens)}
        return RowScorer(self._rows(asked, ahead, tokens), tries, column)

    def _rows(
        self,
        prompts: list[list[int]],
        ahead: Sequence[Branches] = (),
        vocabulary: tuple[int, ...] | None = None,
    ) -> Rows:
        """Read prompts: first what several begin with, then, if they are many, all but their ends in a few passes."""
        given = sum(map(len, prompts))
        self._used = CacheUse(self._used.tokens + given, self._used.reused + given - sum(map(self._lack, prompts)))
        self._fill(_shared_beginnings([prompt[:-1] for prompt in prompts]))
        if len(list(self._passes(prompts))) > 1:
            self._fill([prompt[: (len(prompt) - 1) // BLOCK * BLOCK] for prompt in prompts])
        return Rows(self.engine, prompts, ahead, vocabulary)

    def _fill(self, beginnings: list[list[int]]) -> None:
        """Bring beginnings of prompts, in whole blocks, into the prefix cache."""
        if len(beginnings) > 1:
            self._fill(_shared_beginnings(beginnings))
        for batch in self._passes(
            [tokens for tokens in beginnings if BLOCK * len(self.engine.prefixes.find(tokens)) < len(tokens)]
        ):
            Rows(self.engine, batch)

    def _passes(self, prompts: list[list[int]]) -> Iterator[list[list[int]]]:
        """Cut into batches that a pass reads without much padding: the rows lack about the same number of tokens."""
        batch: list[list[int]] = []
        most = 0
        for prompt in sorted(prompts, key=self._lack, reverse=True):
            lack = self._lack(prompt)
            padding = min(max(lack, LEAST_PADDING), MOST_PADDING)
            if batch and (most - lack > padding or most * (len(batch) + 1) > PASS_TOKENS):
                yield batch
                batch = []
            most = most if batch else lack
            batch.append(prompt)
        if batch:
            yield batch

    def _lack(self, prompt: list[int]) -> int:
        """Tokens of a prompt that must be read: at least the last, for what comes behind it."""
        return len(prompt) - BLOCK * len(self.engine.prefixes.find(prompt[:-1]))

    @torch.inference_mode()
    def generate(
        self,
        conversations: Sequence[Sequence[Message]],
        *,
        max_tokens: int,
        stop: str,
        temperature: float = 0.0,
        seed: int = 0,
        words: str = "",
        people: Sequence[str] = (),
    ) -> list[Generation]:
        """See `Generator`."""
        results = []
        said = [message["content"] for conversation in conversations for message in conversation]
        vocabulary = self._vocabulary([words, *said, stop]) if words else None
        for batch in _batches([self.prompt_tokens(conversation) for conversation in conversations]):
            texts = self._generate_batch(batch, max_tokens, stop, temperature, seed, vocabulary=vocabulary)
            results += [Generation(t, len(p), n) for p, (t, n) in zip(batch, texts, strict=True)]
        return results

    def _generate_batch(
        self,
        prompts: list[list[int]],
        max_tokens: int,
        stop: str,
        temperature: float,
        seed: int,
        *,
        vocabulary: tuple[int, ...] | None,
    ) -> list[tuple[str, int]]:
        """(text before `stop`, tokens generated) of each prompt; of the tokens of `vocabulary`, or of all."""
        read = self._rows(prompts, vocabulary=vocabulary)
        rows = list(range(len(prompts)))  # the prompts still being written, in the order of their rows
        # A generator a row: what a prompt draws does not depend on its neighbours in the batch.
        draws = [torch.Generator().manual_seed(seed) for _ in rows]
        written: list[list[int]] = [[] for _ in rows]
        texts: dict[int, str] = {}
        node, logits = ROOT, read.logits
        for _ in range(max_tokens):
            for row, scores in zip(rows, logits, strict=True):
                picked = _pick(scores, temperature, draws[row])
                written[row].append(vocabulary[picked] if vocabulary else picked)
                text = self._finished(written[row], stop)
                if text is not None:
                    texts[row] = text
            going = [i for i, row in enumerate(rows) if row not in texts]
            rows = [rows[i] for i in going]
            if not rows:
                break
            if len(going) < len(read):
                read.keep(going)
            node, before = read.nodes, node
            logits = read.grow([written[row][-1:] for row in rows], [[before]] * len(rows))
        return [(texts.get(row, self._decode(tokens)), len(tokens)) for row, tokens in enumerate(written)]

    def _vocabulary(self, texts: Sequence[str]) -> tuple[int, ...]:
        """The tokens of the words of texts, behind a space and not, capital letters or not; and those of ends."""
        words = {word for text in texts for word in re.findall(r"\w+|[^\w\s]+|\n", text)}
        forms = {form for word in words for form in (word, word.lower(), word[:1].upper() + word[1:])} | {*JOINED}
        pieces = [piece for form in sorted(forms) for piece in (form, f" {form}")]
        tokens = {token for piece in pieces for token in self.text_tokens(piece)}
        return tuple(sorted(tokens | {self._end, self.tokenizer.eos_token_id}))

    def _finished(self, tokens: list[int], stop: str) -> str | None:
        """The text if the model has ended it or written `stop`, else None."""
        text = self._decode(tokens)
        if stop in text:
            return text[: text.index(stop)]
        # A template may end turns with white space, which a text may well contain.
        ended = tokens[-1] == self.tokenizer.eos_token_id or (tokens[-1] == self._end and not self._end_is_space)
        return self._decode(tokens[:-1]) if ended else None

    def _decode(self, tokens: list[int]) -> str:
        text: str = self.tokenizer.decode(tokens, skip_special_tokens=False)
        return text


def _batches(prompts: list[list[int]]) -> Iterator[list[list[int]]]:
    """Cut into runs of at most BATCH_TOKENS tokens each."""
    batch: list[list[int]] = []
    size = 0
    for prompt in prompts:
        if batch and size + len(prompt) > BATCH_TOKENS:
            yield batch
            batch, size = [], 0
        batch.append(prompt)
        size += len(prompt)
    if batch:
        yield batch


def _shared_beginnings(prompts: list[list[int]]) -> list[list[int]]:
    """What two or more of the prompts begin with, in whole blocks; each once, none empty."""
    shared = {tuple(a[: shared_length(a, b) // BLOCK * BLOCK]) for a, b in pairwise(sorted(prompts))}
    return [list(beginning) for beginning in shared - {()}]


def _pick(logits: torch.Tensor, temperature: float, draw: torch.Generator) -> int:
    best, token = logits.max(-1)
    if not torch.isfinite(best):  # NaN counts as the largest
        raise NotNumbersError("the model computes what is not a number, so it cannot write: its weights are faulty")
    if temperature == 0:
        return int(token)
    return int(torch.multinomial(torch.softmax(logits.float() / temperature, -1).cpu(), 1, generator=draw))
