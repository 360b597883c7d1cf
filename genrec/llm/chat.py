"""How a chat template turns messages and answers into tokens."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from genrec.errors import GenRecError
from genrec.llm.backend import Message


def prompt_tokens(tokenizer: PreTrainedTokenizerBase, conversation: Sequence[Message]) -> list[int]:
    """The conversation up to where the assistant's answer starts."""
    tokens: list[int] = tokenizer.apply_chat_template(
        list(conversation), add_generation_prompt=True, tokenize=True, return_dict=False
    )
    return tokens


def answer_tokens(tokenizer: PreTrainedTokenizerBase, answers: Sequence[str]) -> list[list[int]]:
    """Tokens of each answer as an assistant's turn, up to and including the template's end token.

    The end token is the first one behind the answer's text. Raises GenRecError if the template
    glues the answer to the prompt, because then the prompt would not be a prefix in tokens.
    """
    question: list[Message] = [{"role": "user", "content": "?"}]
    start = prompt_tokens(tokenizer, question)
    prompt: str = tokenizer.apply_chat_template(question, add_generation_prompt=True, tokenize=False)
    result = []
    for answer in answers:
        full: str = tokenizer.apply_chat_template([*question, {"role": "assistant", "content": answer}], tokenize=False)
        if not full.startswith(prompt + answer):
            raise GenRecError("the model's chat template does not put the assistant's text right after its prompt")
        encoding = tokenizer(full, add_special_tokens=False, return_offsets_mapping=True)
        tokens: list[int] = encoding["input_ids"]
        if tokens[: len(start)] != start:
            raise GenRecError(f"the model's tokenizer merges the answer {answer!r} with the prompt before it")
        end = len(prompt) + len(answer)
        stop = next(i for i, (_, right) in enumerate(encoding["offset_mapping"]) if right > end)
        if encoding["offset_mapping"][stop][0] < end:
            raise GenRecError(f"the model's tokenizer merges the answer {answer!r} with the token after it")
        result.append(tokens[len(start) : stop + 1])
    return result
