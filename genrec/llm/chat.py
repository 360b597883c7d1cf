"""How a chat template turns messages and answers into tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

from transformers import PreTrainedTokenizerBase

from genrec.errors import GenRecError
from genrec.llm.backend import Message
from genrec.llm.plain_text import counted, plain, plain_for

QUESTION: list[Message] = [{"role": "user", "content": "?"}]


def prompt_tokens(tokenizer: PreTrainedTokenizerBase, conversation: Sequence[Message]) -> list[int]:
    """The conversation up to where the assistant's answer starts; all that contents say arrives as plain text.

    Raises GenRecError if the chat template cannot render it.
    """
    return _fitted(tokenizer, conversation)[1]


def fitted(tokenizer: PreTrainedTokenizerBase, conversation: Sequence[Message]) -> list[Message]:
    """The messages to give to the chat template: without markers in contents, and in roles that it takes."""
    return _fitted(tokenizer, conversation)[0]


def folded(conversation: Sequence[Message]) -> list[Message]:
    """Without a system role, whose text opens the next turn instead, and with turns that alternate."""
    turns: list[Message] = []
    for message in conversation:
        role = "user" if message["role"] == "system" else message["role"]
        if turns and turns[-1]["role"] == role:
            both = filter(None, (turns[-1]["content"], message["content"]))
            turns[-1] = {"role": role, "content": "\n\n".join(both)}
        else:
            turns.append({"role": role, "content": message["content"]})
    return turns


def count_tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> int:
    """Length in tokens that a text has in a prompt."""
    return len(text_tokens(tokenizer, text))


@lru_cache(maxsize=65_536)
def _piece(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, ...]:
    text = plain(text)
    tokens = _encoded(tokenizer, text)
    return tuple(_encoded(tokenizer, plain_for(tokenizer, text)) if counted(tokenizer, tokens) else tokens)


def text_tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """A piece of what the assistant says, tokenised by itself: plain text, without any marker."""
    return list(_piece(tokenizer, text))


def standalone_tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """A text that stands alone, as plain text behind the token that begins texts, if the tokenizer has one."""
    begin = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    return begin + _encoded(tokenizer, plain_for(tokenizer, plain(text)))


def answer_tokens(tokenizer: PreTrainedTokenizerBase, answers: Sequence[str]) -> list[list[int]]:
    """Tokens of each answer as an assistant's turn, up to and including the template's end token.

    The end token is the first one behind the answer's text. Space that the template puts before an answer
    belongs to it. Raises GenRecError if the template glues the answer to the prompt, because then the prompt
    would not be a prefix in tokens.
    """
    start = prompt_tokens(tokenizer, QUESTION)
    prompt = _rendered(tokenizer, QUESTION, ask=True)
    result = []
    for written in answers:
        answer = plain_for(tokenizer, plain(written))
        full = _rendered(tokenizer, [*QUESTION, {"role": "assistant", "content": answer}])
        begin = full.find(answer, len(prompt))
        if not full.startswith(prompt) or begin < 0 or full[len(prompt) : begin].strip():
            raise GenRecError("the model's chat template does not put the assistant's text right after its prompt")
        encoding = tokenizer(full, add_special_tokens=False, return_offsets_mapping=True)
        tokens: list[int] = encoding["input_ids"]
        if tokens[: len(start)] != start:
            raise GenRecError(f"the model's tokenizer merges the answer {answer!r} with the prompt before it")
        end = begin + len(answer)
        stop = next((i for i, (_, right) in enumerate(encoding["offset_mapping"]) if right > end), None)
        if stop is None:
            raise GenRecError("the model's chat template does not end the assistant's turn")
        if encoding["offset_mapping"][stop][0] < end:
            raise GenRecError(f"the model's tokenizer merges the answer {answer!r} with the token after it")
        result.append(tokens[len(start) : stop + 1])
    return result


@dataclass(frozen=True)
class _Frame:
    """What a template makes of conversations with the same roles, whatever they say."""

    folds: bool  # whether they must be folded first
    markers: Mapping[int, int]


def _fitted(tokenizer: PreTrainedTokenizerBase, conversation: Sequence[Message]) -> tuple[list[Message], list[int]]:
    """The messages that the template takes, and their tokens, with no marker but the template's own."""
    shape = tuple((message["role"], bool(message["content"].strip())) for message in conversation)
    frame = _frame(tokenizer, str(tokenizer.chat_template), shape)
    messages = [{**message, "content": plain(message["content"])} for message in conversation]
    tokens = _tokens(tokenizer, folded(messages) if frame.folds else messages)
    if counted(tokenizer, tokens) != frame.markers:
        messages = [{**message, "content": plain_for(tokenizer, message["content"])} for message in messages]
        tokens = _tokens(tokenizer, folded(messages) if frame.folds else messages)
        if counted(tokenizer, tokens) != frame.markers:
            raise GenRecError(
                "a text in the prompt contains what the model's chat template or tokenizer takes for a mark between "
                f"turns: {' '.join(conversation[-1]['content'].split())[-200:]!r}. Remove it from the data."
            )
    return (folded(messages) if frame.folds else messages), tokens


@lru_cache(maxsize=2048)
def _frame(tokenizer: PreTrainedTokenizerBase, template: str, shape: tuple[tuple[str, bool], ...]) -> _Frame:
    """Find out with harmless contents how a template renders these roles (with a content or without)."""
    said = [f"text-{i}." if filled else "" for i, (_, filled) in enumerate(shape)]
    harmless = [{"role": role, "content": text} for (role, _), text in zip(shape, said, strict=True)]
    problem: GenRecError | None = None
    for folds in (False, True):
        messages = folded(harmless) if folds else harmless
        try:
            text = _rendered(tokenizer, messages, ask=True)
        except GenRecError as error:
            problem = problem or error
            continue
        if all(words in text for words, (role, _) in zip(said, shape, strict=True) if role != "assistant"):
            return _Frame(folds, counted(tokenizer, _encoded(tokenizer, text)))
    raise problem or GenRecError("the model's chat template leaves out a part of what it is given to say")


def _tokens(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> list[int]:
    return _encoded(tokenizer, _rendered(tokenizer, messages, ask=True))


def _encoded(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    tokens: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return tokens


def _rendered(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], *, ask: bool = False) -> str:
    """The conversation as text; `ask` opens the assistant's turn."""
    try:
        text: str = tokenizer.apply_chat_template(list(messages), add_generation_prompt=ask, tokenize=False)
    except Exception as error:  # a template is a program that came with the model: it may fail in any way
        _refuse(error)
    return text


def _refuse(error: Exception) -> NoReturn:
    said = " ".join(str(error).split())[:300]
    raise GenRecError(f"the model's chat template cannot be used: {type(error).__name__}: {said}") from error
