"""Text from data and people, unable to become the structure of a conversation.

A chat template writes a conversation with markers between the turns, and a tokenizer takes a marker for what it is
wherever it stands: in the name of a place, too. So every marker inside a content is broken by a space behind its
first character, `<end_of_turn>` into `< end_of_turn>`: no longer the marker, yet plain to a reader.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from transformers import PreTrainedTokenizerBase

# What known templates write, for servers whose tokenizer nobody tells, and for templates whose markers are plain text.
_KNOWN = re.compile(
    r"""
    <(?=[|\uff5c])          # <|im_end|>, <|eot_id|>, and DeepSeek's
    | [|\uff5c](?=>)
    | <(?=/?(?:s|bos|eos|pad|unk|mask|sep|cls|start_of_turn|end_of_turn|turn|think|tool_call|tool_response)>)
    | <(?=<\s*/?\s*SYS\s*>) # <<SYS>>
    | \[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|THINK|BOS|EOS|gMASK)\])
    """,
    re.VERBOSE | re.IGNORECASE,
)
_LOOKS_LIKE_A_MARKER = re.compile(r"[<\[{(|\uff5c].*[>\]})|\uff5c]", re.DOTALL)
_HALVES = re.compile("[\ud800-\udfff]")
_ROUNDS = 4  # of breaking what a tokenizer still takes for a marker; one is enough for all but strange normalisers


def plain(text: str) -> str:
    """The text without the markers of any known template, and without halves of characters, which cannot be encoded."""
    return _KNOWN.sub(r"\g<0> ", _HALVES.sub("\ufffd", text))


def plain_for(tokenizer: PreTrainedTokenizerBase, text: str) -> str:
    """The text without anything that the tokenizer takes for a marker, however it is written."""
    known = markers(tokenizer)
    for _ in range(_ROUNDS):
        encoding = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        found = zip(encoding["input_ids"], encoding["offset_mapping"], strict=True)
        spans = [span for token, span in found if token in known]
        if not spans:
            break
        for start, end in reversed(spans):
            text = text[:start] + _broken(text[start:end]) + text[end:]
    return text


def _broken(marker: str) -> str:
    """A marker with a space inside; a marker of one character by its code point."""
    inner = marker.strip()
    return marker.replace(inner, f"{inner[0]} {inner[1:]}") if len(inner) > 1 else f"U+{ord(inner or marker):04X}"


def counted(tokenizer: PreTrainedTokenizerBase, tokens: Iterable[int]) -> Mapping[int, int]:
    """How often each marker occurs among tokens."""
    known = markers(tokenizer)
    return Counter(token for token in tokens if token in known)


@lru_cache(maxsize=8)
def markers(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """The tokens that are structure: special ones, and added ones that look like it.

    Not the one for unknown characters, which any text may hold, nor white space, nor added words.
    """
    special: Sequence[int] = tokenizer.all_special_ids
    known = {
        number
        for number, token in tokenizer.added_tokens_decoder.items()
        if (token.special and token.content.strip()) or _LOOKS_LIKE_A_MARKER.fullmatch(token.content.strip())
    }
    return frozenset(known | set(special)) - {tokenizer.unk_token_id}
