"""Open a file of check-ins or places, whatever kind it is of."""

from pathlib import Path

from genrec.files import require_regular
from genrec.reading.json_file import JSON_START, open_json
from genrec.reading.parquet_file import MAGIC, open_parquet
from genrec.reading.source import Source
from genrec.reading.text import MAX_LINE_BYTES, inspect


def open_source(path: Path) -> Source:
    """The file, ready to be read.

    Raises:
        InputError: it does not exist, is empty, damaged, or of no kind that can be read.

    """
    require_regular(path)
    with path.open("rb") as file:
        if file.read(len(MAGIC)) == MAGIC:
            return open_parquet(path)
    text = inspect(path)
    return open_json(text) if JSON_START.match(text.start(MAX_LINE_BYTES)) else text
