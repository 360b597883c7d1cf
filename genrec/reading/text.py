"""A text file as blocks of whole lines, after making sure that it is text."""

import codecs
import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from genrec.errors import InputError
from genrec.files import require_regular
from genrec.reading.encoding import Encoding, western

BLOCK_BYTES, MAX_BLOCK_LINES = 8 << 20, 500_000
MAX_LINE_BYTES = 1 << 20
MAX_RATIO, RATIO_APPLIES_FROM = 200, 64 << 20  # check-ins compress by 5 to 50 times; a bomb by 1,000

Progress = Callable[[int, int], None]
"""Called with the bytes read so far and the bytes in all (of the file on disk)."""

_MAGIC = {
    b"\x1f\x8b": "gzip data",
    b"PK\x03\x04": "a zip archive (an Excel .xlsx workbook is one)",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"ARROW1": "an Arrow file",
    b"SQLite format 3": "an SQLite database",
    b"%PDF": "a PDF",
    b"\xfd7zXZ": "xz data",
    b"\x28\xb5\x2f\xfd": "zstd data",
    b"BZh": "bzip2 data",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"\x80\x02": "a Python pickle",
    b"\x80\x03": "a Python pickle",
    b"\x80\x04": "a Python pickle",
    b"\x80\x05": "a Python pickle",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"{\\rtf": "a Rich Text document",
}
_NOT_ASCII = bytes(range(0x80, 0x100))
_BLANK = b"\xef\xbb\xbf \t\r\n"


@dataclass(frozen=True)
class Block:
    """Whole lines of UTF-8 text.

    Attributes:
        data: the bytes; only the last line of a file may lack its newline.
        first_row: number of the first line (1-based, as a text editor counts).
        ends: for each line the position just after it.

    """

    data: bytes
    first_row: int
    ends: NDArray[np.int64]

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where each line starts."""
        return np.concatenate([np.zeros(1, np.int64), self.ends[:-1]])

    def line(self, line: int) -> str:
        """The text of one line, with its newline."""
        return self.data[int(self.ends[line - 1]) if line else 0 : int(self.ends[line])].decode("utf-8")

    def from_line(self, line: int) -> "Block":
        """The block without its first `line` lines."""
        cut = int(self.starts[line]) if line < len(self.ends) else len(self.data)
        return Block(self.data[cut:], self.first_row + line, self.ends[line:] - cut)

    def parts(self) -> Iterator["Block"]:
        """The block in parts of at most `MAX_BLOCK_LINES` lines: very short lines cost many times their bytes."""
        for line in range(0, len(self.ends), MAX_BLOCK_LINES):
            start = int(self.ends[line - 1]) if line else 0
            ends = self.ends[line : line + MAX_BLOCK_LINES]
            yield Block(self.data[start : int(ends[-1])], self.first_row + line, ends - start)


@dataclass(frozen=True)
class TextFile:
    """A file known to be text.

    Attributes:
        path: where it is.
        encoding: UTF-8, or one of Western Europe if it is not valid UTF-8.
        skip: how many bytes of UTF-8 byte-order marks it starts with.
        size: how many bytes it has, unpacked.
        notes: repairs, one line each.

    """

    path: Path
    encoding: Encoding
    skip: int
    size: int
    notes: tuple[str, ...]

    def start(self, size: int) -> str:
        """The first `size` bytes; a letter that is cut at the end goes."""
        with _opened(self.path) as (stream, _):
            stream.read(self.skip)
            return stream.read(size).decode(self.encoding, errors="ignore")

    def blocks(self, block_bytes: int = BLOCK_BYTES, progress: Progress | None = None) -> Iterator[Block]:
        """Yield the text in blocks of about `block_bytes`, re-encoded as UTF-8, never cutting a line.

        Raises:
            InputError: a line is longer than 1 MB (it is never read whole).

        """
        row, rest, total = 1, b"", self.path.stat().st_size
        with _opened(self.path) as (stream, raw):
            stream.read(self.skip)
            while chunk := stream.read(block_bytes):
                cut = chunk.rfind(b"\n") + 1
                if cut:
                    block = self._block(rest + chunk[:cut], row)
                    row, rest = row + len(block.ends), b""
                    yield from block.parts()
                rest += chunk[cut:]
                if len(rest) > MAX_LINE_BYTES:
                    raise _too_long(self.path, row)
                if progress:
                    progress(raw.tell(), total)
        if rest:
            yield self._block(rest, row)

    def _block(self, data: bytes, row: int) -> Block:
        if self.encoding != "utf-8":
            data = data.decode(self.encoding).encode("utf-8")
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")) + 1
        if not data.endswith(b"\n"):
            ends = np.append(ends, len(data))
        long = np.diff(ends, prepend=0) > MAX_LINE_BYTES
        if long.any():
            raise _too_long(self.path, row + int(long.argmax()))
        return Block(data, row, ends)


def inspect(path: Path) -> TextFile:
    """Read the file once to see whether it is text, and in which encoding.

    Raises:
        InputError: it does not exist, is empty, or is not text.

    """
    require_regular(path)
    _check_magic(path)
    decoder = codecs.getincrementaldecoder("utf-8")()
    done, not_ascii = 0, 0
    limit = max(RATIO_APPLIES_FROM, MAX_RATIO * path.stat().st_size)
    invalid: int | None = None
    empty = True
    with _opened(path) as (stream, _):
        while chunk := stream.read(MAX_LINE_BYTES):
            if (at := chunk.find(b"\0")) >= 0:
                row = _row_at(path, done + at)
                raise InputError("a NUL byte: this is binary data, not text.", file=path, row=row)
            if invalid is None and (at := _invalid_utf8(decoder, chunk)) >= 0:
                invalid = done + at
            if not chunk.isascii():
                not_ascii += len(chunk) - len(chunk.translate(None, _NOT_ASCII))
            done += len(chunk)
            empty = empty and not chunk.strip(_BLANK)
            if done > limit:
                raise InputError(
                    f"unpacks to more than {MAX_RATIO} times its size: these are not check-ins.",
                    file=path,
                    fix="Unpack it yourself (gunzip) if they are.",
                )
    if empty:
        raise InputError("the file is empty.", file=path)
    if invalid is None and _invalid_utf8(decoder, b"", final=True) >= 0:
        invalid = done
    skip = len(re.match(rb"(?:\xef\xbb\xbf)*", _head(path))[0])  # type: ignore[index]  # it matches nothing, too
    marks = skip // len(codecs.BOM_UTF8)
    notes = [f"dropped {marks} byte-order mark{'s' * (marks > 1)} at the start"] if marks else []
    if invalid is None:
        return TextFile(path, "utf-8", skip, done, tuple(notes))
    row = _row_at(path, invalid)
    encoding = _western(path, row)
    name = "Latin-1" if encoding == "latin-1" else "Windows-1252"
    notes.append(f"not valid UTF-8 (first in row {row}): read {not_ascii:,} letters as {name}")
    return TextFile(path, encoding, skip, done, tuple(notes))


def _western(path: Path, row: int) -> Encoding:
    """The encoding of a file that is not UTF-8, as `row` shows first."""
    with _opened(path) as (stream, _):
        encoding = western(iter(partial(stream.read, MAX_LINE_BYTES), b""))
    if encoding is None:
        raise InputError(
            "this row is not UTF-8, and the file is not Western European text (Latin-1) either.",
            file=path,
            row=row,
            fix="Mend the row, or save the file as UTF-8: iconv -f SHIFT_JIS -t UTF-8 FILE > NEW (or from GB18030, "
            "EUC-KR, WINDOWS-1251, ...).",
        )
    return encoding


def _invalid_utf8(decoder: codecs.IncrementalDecoder, chunk: bytes, final: bool = False) -> int:
    """Position of the first invalid byte of `chunk`, or -1."""
    if chunk.isascii() and not final and decoder.getstate()[0] == b"":
        return -1
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError as error:
        return max(0, error.start - (len(error.object) - len(chunk)))
    return -1


def _row_at(path: Path, position: int) -> int:
    """The line that holds the byte at `position`."""
    row = 1
    with _opened(path) as (stream, _):
        while position > 0 and (chunk := stream.read(min(position, MAX_LINE_BYTES))):
            row, position = row + chunk.count(b"\n"), position - len(chunk)
    return row


def _check_magic(path: Path) -> None:
    with _opened(path) as (_, raw):
        first = raw.read(16)
    compressed = path.suffix == ".gz" and first.startswith(b"\x1f\x8b")
    for magic, what in _MAGIC.items():
        if first.startswith(magic) and not compressed:
            raise InputError(f"this looks like {what}, not text.", file=path, fix="Export it as CSV.")
    head = _head(path)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or head[1:8:2] in (b"\0\0\0\0", b"\0\0\0"):
        raise InputError("this looks like UTF-16 text.", file=path, fix="Save it as UTF-8.")
    if head.lstrip(_BLANK).startswith((b"<?xml", b"<!", b"<html", b"<kml", b"<gpx")):
        raise InputError("this looks like XML or HTML (KML and GPX are), not CSV.", file=path, fix="Export it as CSV.")


def _head(path: Path) -> bytes:
    with _opened(path) as (stream, _):
        return stream.read(4096)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """The decompressed stream and the file under it; what goes wrong becomes one line."""
    try:
        with path.open("rb") as raw:
            yield cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if path.suffix == ".gz" else raw, raw
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot be read ({error}).", file=path) from error


def _too_long(path: Path, row: int) -> InputError:
    return InputError(
        "the line is longer than 1 MB.", file=path, row=row, fix="Is this a CSV file with one check-in per line?"
    )


def show(value: str) -> str:
    """A value from a file as one short printable word of a message."""
    return repr(value if len(value) <= 60 else value[:57] + "...")
