"""Text from data, files and servers, unable to command the terminal that shows it."""

import re
import sys

# Control characters but for tab and line feed (ESC, carriage return, C1), what turns the direction of writing,
# separators of lines, and halves of characters, which cannot be encoded.
_COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def visible(text: str) -> str:
    r"""The text with such characters written as `\u001b`: so JSON stays the same JSON."""
    return _COMMANDS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def one_line(text: str, longest: int = 300) -> str:
    """The beginning of a text, without line breaks."""
    return " ".join(text[: 10 * longest].split())[:longest]


def note(text: str) -> None:
    """Print a line to stderr, where it cannot mix with a command's result."""
    print(visible(text), file=sys.stderr, flush=True)
