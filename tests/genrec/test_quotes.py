"""Records found in arrays are those that Python's csv module finds line by line."""

import csv
import io
from collections.abc import Iterator
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from genrec.reading import records
from genrec.reading.formats import Layout
from genrec.reading.records import _split
from genrec.reading.text import Block

WIDTH = 3
COLUMNS = ["user_id", "poi_id", "name"]
Read = tuple[int, list[str | None] | str, str]  # line, fields or what is wrong, text


def block_of(text: str, row: int = 1) -> Block:
    data = text.encode()
    ends = [i + 1 for i, letter in enumerate(data) if letter == ord("\n")]
    if ends[-1:] != [len(data)]:
        ends.append(len(data))
    return Block(data, row, np.array(ends, np.int64))


def layout(delimiter: str, *, quoted: bool = True) -> Layout:
    places = {column: i for i, column in enumerate(COLUMNS)}
    return Layout(delimiter, quoted, tuple(COLUMNS), 1, places, ())


def by_csv(text: str, delimiter: str, *, last: bool) -> tuple[list[Read], int, str]:
    """What csv reads of a block, a record at a time: the records, the number of blank lines, what is left."""
    lines = list(io.StringIO(text, newline="\n"))
    found: list[tuple[int, list[str | None] | str]] = []
    blanks, rest = 0, len(lines)
    for start, end, fields in csv_records(lines, delimiter):
        if fields == []:
            blanks += 1
            continue
        if fields is None and end == len(lines) and not last:
            rest = start
            break
        if fields is None:
            found.append((start, records._BAD_QUOTE))
        elif len(fields) != WIDTH:
            found.append((start, f"{len(fields)} fields where the file has {WIDTH}."))
        else:
            found.append((start, [field.strip() or None for field in fields]))
    starts = [start for start, _ in found] + [rest]
    texts = ["".join(lines[i:j]).strip("\r\n") for i, j in pairwise(starts)]
    return (
        [(start, what, text) for (start, what), text in zip(found, texts, strict=True)],
        blanks,
        "".join(lines[rest:]),
    )


def csv_records(lines: list[str], delimiter: str) -> Iterator[tuple[int, int, list[str] | None]]:
    start = 0
    while start < len(lines):
        begun = start
        reader = csv.reader(lines[begun:], delimiter=delimiter, strict=True, skipinitialspace=True)
        try:
            for fields in reader:
                end = begun + reader.line_num
                yield start, end, fields
                if end - start > 1 and len(fields) != WIDTH:
                    start += 1
                    break
                start = end
        except csv.Error:
            yield start, begun + reader.line_num, None
            start += 1


def by_arrays(text: str, delimiter: str, *, last: bool) -> tuple[list[Read], int, str]:
    read, rest = _split(block_of(text), layout(delimiter), COLUMNS, last=last)
    rows = [list(row) for row in read.fields.rows()]
    assert all(row == [None] * WIDTH for i, row in enumerate(rows) if i in read.broken)
    found = [
        (int(line) - 1, read.broken.get(i, row), read.text(i))
        for i, (line, row) in enumerate(zip(read.rows, rows, strict=True))
    ]
    return found, read.blanks, rest.data.decode() if rest else ""


def some_csv(draw: Random) -> str:
    """Lines of fields with and without quotes, whole and damaged."""
    sound = draw.random() < 0.5
    values = ["a", "é b", " c ", "12", "", "1.5"]
    odd = (
        ['a ""b""', "two\nlines", "x,y", "x;y", "a\r\nb", '""', " ", '5""'] if sound else ['"', 'a"', '"a', '" "', "\r"]
    )

    def field() -> str:
        value = draw.choice(values if draw.random() < 0.7 else values + odd)
        if value in odd or draw.random() < 0.4:
            return draw.choice(["", "", " "]) + f'"{value}"'
        return value if draw.random() < 0.8 else draw.choice(['12" wide', 'say "x"', f" {value}", 'wide 12"'])

    lines = [
        draw.choice(",;" if draw.random() < 0.1 else ",").join(
            field() for _ in range(WIDTH if draw.random() < 0.9 else draw.randrange(5))
        )
        for _ in range(draw.randrange(1, 9))
    ]
    text = draw.choice(["\n", "\n", "\r\n", "\r\r\n"]).join(lines) + draw.choice(["", "\n", "\r\n", "\n\n", "\r"])
    for _ in range(0 if sound else draw.randrange(3)):
        at = draw.randrange(len(text) + 1)
        text = text[:at] + draw.choice(['"', "\n", ",", " ", "\r", "", "x"]) + text[at + draw.randrange(2) :]
    return text or "\n"


texts = st.integers(0, 2**40).map(Random).map(some_csv) | st.text('"" ,\n\ra;\t', min_size=1, max_size=30)


@settings(max_examples=400, deadline=None)
@given(texts, st.sampled_from(",;\t"), st.booleans())
@example('"a,b,c\n' + "x,y,z\n" * 3, ",", True)
@example('1,"' + "x" * 140_000 + '",3\n1,"2",3\n', ",", True)
@example("".join(map(chr, (*range(1, 9), *range(14, 32), 97))) + ',"2",3\n', ",", True)
@example("x^,2,3\n1,2,3", ",", True)
def test_what_arrays_find_is_what_csv_reads(text, delimiter, last):
    assert by_arrays(text, delimiter, last=last) == by_csv(text, delimiter, last=last)


def test_sound_records_and_literal_quotes_need_no_csv(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with quotes everywhere is as fast as one without: csv is for what is broken."""
    monkeypatch.setattr(records, "_by_csv", None)
    text = ('"a", "say ""x"", and\nmore","1,5"\n12" wide,x "y",wide 12"\r\n"","",""\n\n' * 3).replace(
        "\n\n", "\n \n", 0
    )
    found, blanks, rest = by_arrays(text, ",", last=True)
    assert found == by_csv(text, ",", last=True)[0]
    assert (len(found), blanks, rest) == (9, 3, "")
