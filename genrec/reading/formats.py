"""What the columns of a file are: the known formats, the user's own mapping, and guesses from names."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from genrec.columns import CATEGORY, CATEGORY_ID, LATITUDE, LONGITUDE, NAME, POI_ID, REGION, TIME, USER, UTC
from genrec.errors import InputError
from genrec.reading.text import TextFile, show
from genrec.reading.times import DATE, is_clock

OFFSET = "utc_offset"  # minutes that local time is ahead of UTC; read, then folded into the two times

CHECKIN_COLUMNS = (USER, POI_ID, TIME, UTC, OFFSET, DATE, LATITUDE, LONGITUDE, CATEGORY, CATEGORY_ID, NAME, REGION)
POI_COLUMNS = (POI_ID, LATITUDE, LONGITUDE, CATEGORY, CATEGORY_ID, NAME, REGION)

HEAD_BYTES, HEAD_LINES = 1 << 20, 20


@dataclass(frozen=True)
class Layout:
    """Where the canonical columns of a file are.

    Attributes:
        delimiter: what separates fields.
        quoted: whether a double quote can enclose a field.
        header: the name of every column, in the file's order (canonical names where the file has none).
        first_row: the line of the first record.
        columns: canonical name -> position of its field, from 0.
        notes: what was recognised or guessed, one line each.

    """

    delimiter: str
    quoted: bool
    header: tuple[str, ...]
    first_row: int
    columns: dict[str, int]
    notes: tuple[str, ...]

    @property
    def width(self) -> int:
        """Fields per record."""
        return len(self.header)

    def label(self, column: str) -> str:
        """What the file calls the canonical `column`."""
        return self.header[self.columns[column]]


_NUMBER = r"-?\d+(?:\.\d+)?"
_TWITTER = r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d{2} \d{2}:\d{2}:\d{2} [+-]\d{4} \d{4}"
# Tab-separated files without a header: name, columns, what a line looks like.
_HEADERLESS = (
    (
        "Foursquare TSMC2014",
        (USER, POI_ID, CATEGORY_ID, CATEGORY, LATITUDE, LONGITUDE, OFFSET, UTC),
        rf"[^\t]+\t[^\t]+\t[^\t]*\t[^\t]*\t{_NUMBER}\t{_NUMBER}\t-?\d+\t{_TWITTER}",
    ),
    ("Foursquare TIST2015", (USER, POI_ID, UTC, OFFSET), rf"[^\t]+\t[^\t]+\t{_TWITTER}\t-?\d+"),
    (
        "Gowalla (SNAP)",
        (USER, UTC, LATITUDE, LONGITUDE, POI_ID),
        rf"[^\t]+\t\d{{4}}-\d\d-\d\dT[\d:]+Z\t{_NUMBER}\t{_NUMBER}\t[^\t]+",
    ),
    (
        "Foursquare TIST2015 POIs",
        (POI_ID, LATITUDE, LONGITUDE, CATEGORY, REGION),
        rf"[^\t]+\t{_NUMBER}\t{_NUMBER}\t[^\t]*\t[A-Za-z]{{2}}",
    ),
)

# Files with a header whose names would mislead a guess, or make it ambiguous.
_HEADERS: tuple[tuple[str, dict[str, str]], ...] = (
    (
        "GETNext",
        {USER: "user_id", POI_ID: "POI_id", CATEGORY_ID: "POI_catid", CATEGORY: "POI_catname", LATITUDE: "latitude"}
        | {LONGITUDE: "longitude", OFFSET: "timezone", UTC: "UTC_time", TIME: "local_time"},
    ),
    (
        "LLM4POI / STHGCN",
        {USER: "UserId", POI_ID: "PoiId", CATEGORY_ID: "PoiCategoryId", CATEGORY: "PoiCategoryName"}
        | {LATITUDE: "Latitude", LONGITUDE: "Longitude", TIME: "UTCTimeOffset"},
    ),
    (
        "Massive-STEPS",
        {USER: "user_id", POI_ID: "venue_id", CATEGORY: "venue_category", CATEGORY_ID: "venue_category_id"}
        | {LATITUDE: "latitude", LONGITUDE: "longitude", TIME: "timestamp"},
    ),
    (
        "CLSPRec",  # its Local_Time is UTC
        {USER: "UserId", POI_ID: "VenueId", CATEGORY: "Category", LATITUDE: "Latitude", LONGITUDE: "Longitude"}
        | {UTC: "time_sort", TIME: "Local_Time_True"},
    ),
)

# Names that people give to the columns, in lower case and without punctuation.
_SYNONYMS = {
    USER: "userid user uid username userindex visitorid personid person",
    POI_ID: "poiid poi venueid venue placeid place locationid locid businessid spotid",
    TIME: "time localtime localdatetime timelocal timestamp datetime checkintime checkindatetime visittime visitedat "
    "checkinat createdat",
    UTC: "utctime timeutc utc utcdatetime datetimeutc utctimestamp timestamputc",
    DATE: "date checkindate visitdate localdate datelocal",
    OFFSET: "utcoffset timezoneoffset tzoffset timezone timezoneoffsetminutes utcoffsetminutes",
    LATITUDE: "latitude lat venuelatitude poilatitude poilat venuelat",
    LONGITUDE: "longitude lon lng long venuelongitude poilongitude poilon venuelon venuelng",
    CATEGORY: "category categoryname venuecategory venuecategoryname poicategory poicategoryname poicatname catname "
    "placecategory placetype venuetype poitype type kind",
    CATEGORY_ID: "categoryid venuecategoryid poicategoryid poicatid catid",
    NAME: "name venuename poiname placename locationname",
    REGION: "region city venuecity poicity district neighborhood neighbourhood",
}
_CANDIDATES = {canonical: frozenset(names.split()) for canonical, names in _SYNONYMS.items()}


def recognise_checkins(text: TextFile, mapping: Mapping[str, str], *, positions_elsewhere: bool) -> Layout:
    """Find the columns of a check-in file; `mapping` (canonical -> file column) overrides what is recognised.

    Raises:
        InputError: a required column is missing, there twice, or could be any of several.

    """
    wanted = [c for c in CHECKIN_COLUMNS if c == POI_ID or not (positions_elsewhere and c in POI_COLUMNS)]
    layout = _recognise(text, mapping, wanted)
    required = [USER, POI_ID, UTC if UTC in layout.columns else TIME]
    if not positions_elsewhere:
        if layout.first_row == 1 and LATITUDE not in layout.columns:
            raise InputError(
                "these check-ins have no positions.", file=text.path, fix="Name the file of POIs: --pois FILE."
            )
        required += [LATITUDE, LONGITUDE]
    return _checked(layout, required, text.path)


def recognise_pois(text: TextFile) -> Layout:
    """Find the columns of a file of POIs.

    Raises:
        InputError: there is no column for the POI's id or its position.

    """
    return _checked(_recognise(text, {}, POI_COLUMNS), [POI_ID, LATITUDE, LONGITUDE], text.path)


def _checked(layout: Layout, required: Sequence[str], path: Path) -> Layout:
    missing = [column for column in required if column not in layout.columns]
    if missing:
        raise InputError(
            f"no column for {', '.join(missing)}; the columns are: {_listed(layout.header)}.",
            file=path,
            row=layout.first_row - 1,
            fix=f"The first line must name the columns; say which is which: --columns {missing[0]}=...",
        )
    return layout


def _recognise(text: TextFile, mapping: Mapping[str, str], wanted: Sequence[str]) -> Layout:
    lines = _first_lines(text)
    for name, fields, pattern in _HEADERLESS:
        same_width = lines[0].count("\t") == len(fields) - 1
        if fields[0] == wanted[0] and same_width and any(re.fullmatch(pattern, line) for line in lines):
            if mapping:
                raise InputError(f"read as {name}, which has no header: --columns does not apply.", file=text.path)
            positions = {column: i for i, column in enumerate(fields) if column in wanted}
            return Layout("\t", False, fields, 1, positions, (f"format: {name}",))
    delimiter, header, row = _header(text.path, lines)
    columns, note = _match(header, mapping, wanted, text.path, row)
    _settle_time_columns(columns, mapping, [*csv.reader(lines[row:], delimiter=delimiter, skipinitialspace=True)])
    guessed = [c for c in wanted if c in columns and c not in mapping and header[columns[c]] != c]
    notes = [f"{note}: {', '.join(f'{c}={header[columns[c]]}' for c in guessed)}"] if guessed else []
    if CATEGORY in wanted and CATEGORY not in columns:
        notes.append(
            "no column of categories found: all places are of an unknown kind (--columns category=... names it)"
        )
    return Layout(delimiter, True, header, row + 1, columns, tuple(notes))


def _settle_time_columns(columns: dict[str, int], mapping: Mapping[str, str], rows: list[list[str]]) -> None:
    """Leave out a guessed column of offsets or dates that the others have no need of; dates alone are the times."""
    if OFFSET in columns and OFFSET not in mapping and TIME in columns and UTC in columns:
        del columns[OFFSET]
    if DATE not in columns:
        return
    if TIME not in columns:
        if DATE in mapping or UTC not in columns:
            columns[TIME] = columns[DATE]
        del columns[DATE]
    elif DATE not in mapping:
        times = [row[columns[TIME]].strip() for row in rows if len(row) > columns[TIME]]
        if not any(is_clock(time) for time in times):
            del columns[DATE]


def _first_lines(text: TextFile) -> list[str]:
    """The first lines of the file as an editor shows them."""
    block = next(text.blocks(HEAD_BYTES))
    return [line.rstrip("\r") for line in block.data.decode("utf-8").split("\n")[:HEAD_LINES]]


def _header(path: Path, lines: list[str]) -> tuple[str, tuple[str, ...], int]:
    """(delimiter, names of the columns, line number) of the header: the first line that is not blank."""
    row = next(i for i, line in enumerate(lines) if line.strip()) + 1
    line = lines[row - 1]
    try:
        split = {d: next(csv.reader([line], delimiter=d, strict=True, skipinitialspace=True)) for d in "\t,;|"}
    except csv.Error as error:
        raise InputError(f"the header has an open quote ({error}).", file=path, row=row) from error
    delimiter = max(split, key=lambda d: len(split[d]))
    header = tuple(name.strip() for name in split[delimiter])
    if len(header) == 1:
        raise InputError(
            f"the header {show(line)} has a single column.",
            file=path,
            row=row,
            fix="Separate columns by comma, tab or ;.",
        )
    twice = [name for name, count in Counter(header).items() if name and count > 1]
    if twice:
        raise InputError(
            "two columns have this name.", file=path, row=row, column=show(twice[0])[1:-1], fix="Rename one."
        )
    return delimiter, header, row


def _match(
    header: tuple[str, ...], mapping: Mapping[str, str], wanted: Sequence[str], path: Path, row: int
) -> tuple[dict[str, int], str]:
    """Canonical name -> position, from the user's mapping, else a known header, else the names."""
    for canonical, name in mapping.items():
        if canonical not in wanted:
            raise InputError(f"--columns knows no {show(canonical)}; it knows {', '.join(wanted)}.", file=path)
        if name not in header:
            raise InputError(f"no such column; the columns are: {_listed(header)}.", file=path, row=row, column=name)
    known = ((title, names) for title, names in _HEADERS if set(names.values()) <= set(header))
    title, names = next(known, ("", {}))
    names = {c: name for c, name in names.items() if c in wanted} | dict(mapping)
    for canonical in wanted:
        taken = set(names.values())
        if canonical not in names and (guess := _guess(canonical, [n for n in header if n not in taken], path, row)):
            names[canonical] = guess
    return {c: header.index(name) for c, name in names.items()}, f"columns of {title}" if title else "columns guessed"


def _guess(canonical: str, header: Sequence[str], path: Path, row: int) -> str | None:
    """The one column whose name means `canonical`; its very name wins."""
    if canonical in header:
        return canonical
    found = [name for name in header if re.sub(r"[\W_]", "", name.lower()) in _CANDIDATES[canonical]]
    if len(found) > 1:
        raise InputError(
            f"{canonical} could be any of {_listed(found)}.",
            file=path,
            row=row,
            fix=f"Choose: --columns {canonical}=...",
        )
    return found[0] if found else None


def _listed(names: Iterable[str]) -> str:
    shown = [show(name)[1:-1] for name in names if name]
    return ", ".join(shown[:40]) + (f" and {len(shown) - 40} more" if len(shown) > 40 else "")
