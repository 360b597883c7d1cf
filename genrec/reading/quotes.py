"""What the quotes, delimiters and line ends of a block of CSV mean: the rules of Python's csv module, in arrays.

A quote opens a field only at the field's start, and closes one only before a delimiter or the end of a line; within a
quoted field a doubled quote stands for one; in any other field a quote is a letter like others. So most runs of quotes
tell what comes after them, whatever came before, and a whole block is read at once. Where the rules are broken, csv
itself is asked (`genrec.reading.records`): such records are `unsure` here.
"""

import csv
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genrec.reading.text import Block

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_QUOTE, _NEWLINE, _RETURN, _SPACE = (ord(letter) for letter in '"\n\r ')
_CONTROLS = (*range(1, 9), *range(14, 32))  # letters that are neither white space nor likely in text
_NONE: Ints = np.empty(0, np.int64)


@dataclass(frozen=True, eq=False)
class Marks:
    """The records of a block that starts with a record.

    Attributes:
        lines: (records,) the first line of each, from 0.
        ends: (records,) the position just after each.
        fields: (records,) how many fields each has; none if its quotes break the rules.
        blank: (records,) which are blank lines.
        unsure: (records,) which ones csv has to judge.
        separators: (bytes,) which bytes separate fields.
        dropped: positions of quotes that do not belong to a value, ascending.

    """

    lines: Ints
    ends: Ints
    fields: Ints
    blank: Flags
    unsure: Flags
    separators: Flags
    dropped: Ints

    def unquoted(self, block: Block, which: Ints, delimiter: str) -> tuple[bytes, str, str]:
        """Some of the records without quotes around values: text, what separates fields, what ends records."""
        if len(which) == len(self.lines) and not len(self.dropped):
            return block.data, delimiter, "\n"
        separator, end = delimiter, "\n"
        letters = np.frombuffer(block.data, np.uint8).copy()
        if len(self.dropped):
            separator, end = _spare(block.data)
            last = self.ends - 1
            letters[last[letters[last] == _NEWLINE]] = ord(end)
            letters[self.separators] = ord(separator)
        wanted = np.zeros(len(self.lines), np.bool_)
        wanted[which] = True
        kept = np.repeat(wanted, np.diff(self.ends, prepend=0))
        kept[self.dropped] = False
        return letters[kept].tobytes(), separator, end


def _spare(data: bytes) -> list[str]:
    """Two letters that the data do not have; fewer if there are not two."""
    return list(islice((chr(code) for code in _CONTROLS if code not in data), 2))


class _Quotes(NamedTuple):
    """What quotes mean: bytes `inside` quoted fields, quotes that are `dropped`, and `faults` (positions)."""

    inside: Flags
    dropped: Ints
    faults: Ints


def read_marks(block: Block, delimiter: str, width: int, *, quoted: bool) -> Marks:
    """Find the records, which should have `width` fields; without `quoted`, a quote is a letter like others."""
    letters = np.frombuffer(block.data, np.uint8)
    separators = letters == ord(delimiter)
    last_lines, dropped, faults = np.arange(len(block.ends)), _NONE, _NONE
    returns = np.flatnonzero(letters == _RETURN) if b"\r" in block.data else _NONE
    stray = returns[~np.isin(letters[np.minimum(returns + 1, len(letters) - 1)], (_NEWLINE, _RETURN))]
    if quoted and b'"' in block.data:
        inside, dropped, faults = _follow(letters, ord(delimiter))
        separators &= ~inside
        returns, stray = returns[~inside[returns]], stray[~inside[stray]]
        last_lines = np.flatnonzero(~inside[block.ends - 1] | (block.ends == len(letters)))
    if quoted:
        faults = np.concatenate([faults, stray])
    ends = block.ends[last_lines]
    lines = np.append(0, last_lines[:-1] + 1)
    fields = _per_record(np.flatnonzero(separators), ends) + 1
    sizes, ended = np.diff(ends, prepend=0), letters[ends - 1] == _NEWLINE
    blank = sizes - ended == _per_record(returns, ends)
    several = last_lines > lines
    faulty = _per_record(np.sort(faults), ends) > 0
    unsure = several & (faulty | (fields != width))
    if quoted:
        unsure |= (sizes > csv.field_size_limit()) | (len(dropped) > 0 and len(_spare(block.data)) < 2)
        unsure[-1] |= faulty[-1]
    fields[faulty & ~unsure] = 0
    return Marks(lines, ends, fields, blank, unsure, separators, dropped)


def _per_record(positions: Ints, ends: Ints) -> Ints:
    """How many of the positions, which ascend, are in each record."""
    return np.diff(np.searchsorted(positions, ends), prepend=0)


def _follow(letters: NDArray[np.uint8], delimiter: int) -> _Quotes:
    """Follow the quotes of a block from run to run; a run is of quotes side by side.

    Outside of quoted fields, a run at the start of a field opens one with its first quote, and any other run is
    letters. Inside, pairs are letters, and a quote that is left over closes the field.
    """
    quotes = np.flatnonzero(letters == _QUOTE)
    heads = np.flatnonzero(np.diff(quotes, prepend=-2) != 1)
    first, length = quotes[heads], np.diff(np.append(heads, len(quotes)))
    odd = (length & 1).astype(np.bool_)
    opens, closes = _opens(letters, first, delimiter), _closes(letters, first + length, delimiter)
    # What a run leaves behind: these always the inside of a field, those always the outside, some the other side
    # than before; and all others the same side.
    settles_inside, settles_outside, turns = opens & ~closes, odd & ~opens, odd & opens & closes
    after = _sides(settles_inside, settles_outside, turns)
    before = np.append(False, after[:-1])
    faulty = np.where(before, odd, opens & ~odd) & ~closes
    faults = first[faulty]
    if after[-1]:
        faults = np.append(faults, len(letters) - 1)  # a field that does not end in the block
    changes = np.zeros(len(letters), np.int8)
    changes[first] = after.astype(np.int8) - before
    inside = np.cumsum(changes, dtype=np.int8).astype(np.bool_)
    kept = np.where(before, length // 2, np.where(opens, (length - 1) // 2, length))
    dropped = np.arange(len(quotes)) - np.repeat(heads, length) < np.repeat(length - kept, length)
    return _Quotes(inside, quotes[dropped], faults)


def _opens(letters: NDArray[np.uint8], first: Ints, delimiter: int) -> Flags:
    """Whether only spaces lie between each position and the start of a field, if no field is open there."""
    before = first - 1
    spaced = np.flatnonzero((letters[before] == _SPACE) & (before >= 0))
    if len(spaced):
        spaces = np.flatnonzero(letters == _SPACE)
        heads = spaces[np.diff(spaces, prepend=-2) != 1]
        before[spaced] = heads[np.searchsorted(heads, before[spaced], side="right") - 1] - 1
    last = letters[before]
    return np.asarray((before < 0) | (last == delimiter) | (last == _NEWLINE))


def _closes(letters: NDArray[np.uint8], after: Ints, delimiter: int) -> Flags:
    """Whether a field may end before each position."""
    at_end = after == len(letters)
    following = letters[np.where(at_end, 0, after)]
    return np.asarray(at_end | (following == delimiter) | (following == _NEWLINE) | (following == _RETURN))


def _sides(inside: Flags, outside: Flags, turns: Flags) -> Flags:
    """The side after each run: that of the last one that settles it, turned as often as since."""
    settled = np.maximum.accumulate(np.where(inside | outside, np.arange(len(turns), dtype=np.int32), np.int32(-1)))
    turned = np.append(np.int32(0), np.cumsum(turns, dtype=np.int32))
    since = turned[1:] - turned[settled + 1]
    return np.asarray((inside[settled] & (settled >= 0)) ^ (since & 1).astype(np.bool_))
