"""What the columns of a file are: the known formats, the user's own mapping, and guesses from names."""

import csv
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from genrec.columns import (
    CATEGORY,
    CATEGORY_ID,
    LATITUDE,
    LONGITUDE,
    NAME,
    OFFSET,
    POI_ID,
    REGION,
    TIME,
    USER,
    UTC,
)
from genrec.errors import InputError
from genrec.reading.header import first_lines, read_header
from genrec.reading.known import CANDIDATES, GEOJSON, HEADERLESS, HEADERS, OF_ONE_PERSON, loose, plain
from genrec.reading.source import Source
from genrec.reading.text import TextFile, show
from genrec.reading.times import DATE, is_clock

CHECKIN_COLUMNS = (USER, POI_ID, TIME, UTC, OFFSET, DATE, LATITUDE, LONGITUDE, CATEGORY, CATEGORY_ID, NAME, REGION)
POI_COLUMNS = (POI_ID, LATITUDE, LONGITUDE, CATEGORY, CATEGORY_ID, NAME, REGION)
OF_POIS = "pois."  # prefix in a mapping: the column is in the file of POIs, whatever the other file has

_POSITION = (LATITUDE, LONGITUDE)
_TOGETHER = (_POSITION, (CATEGORY, CATEGORY_ID), (NAME,), (REGION,))


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
        of_one_person: whether all check-ins are of the person whose file it is, whom it does not name.

    """

    delimiter: str
    quoted: bool
    header: tuple[str, ...]
    first_row: int
    columns: dict[str, int]
    notes: tuple[str, ...]
    of_one_person: bool = False

    @property
    def width(self) -> int:
        """Fields per record."""
        return len(self.header)

    def label(self, column: str) -> str:
        """What the file calls the canonical `column`."""
        return self.header[self.columns[column]]

    def find(self, name: str) -> int | None:
        """The position of the column of this name, which may lack the type in `name:type`."""
        names = (self.header, _bare(self.header))
        return next((found.index(name) for found in names if name and name in found), None)


def recognise(source: Source, pois: Source | None, mapping: Mapping[str, str]) -> tuple[Layout, Layout | None]:
    """Find the columns of a file of check-ins, and of the file of their POIs if there is one.

    `mapping` (canonical -> column of a file) overrides what is recognised, in the file that has the column. What the
    file of POIs says about places comes from there, the rest from the check-ins.

    Raises:
        InputError: a required column is missing, there twice, or could be any of several.

    """
    outer = _shape(source, USER)
    if pois is None:
        layout = _settle(source, outer, _applied(mapping, [(source, outer)])[0], CHECKIN_COLUMNS)
        _require(source, layout, _needed(layout, ()), "")
        return _with_note_of_kinds(layout, layout), None
    inner = _shape(pois, POI_ID)
    own, theirs = _applied(mapping, [(source, outer), (pois, inner)])
    taken = {c for group in _TOGETHER if own.keys() & set(group) for c in group}
    places = _settle(pois, inner, theirs, [c for c in POI_COLUMNS if c not in taken])
    _require(pois, places, [POI_ID, *(_POSITION if places.columns.keys() & set(_POSITION) else ())], "")
    if places.columns.keys() == {POI_ID}:
        raise InputError(
            f"nothing but ids of POIs; the columns are: {_listed(places.header)}.",
            file=pois.path,
            row=_header_row(pois, places),
            fix="Say which is which: --columns category=...",
        )
    layout = _settle(source, outer, own, [c for c in CHECKIN_COLUMNS if c == POI_ID or c not in places.columns])
    _require(source, layout, _needed(layout, places.columns), f"; those of {pois.path.name}: {_listed(places.header)}")
    return _with_note_of_kinds(layout, places), places


def recognise_places(source: Source) -> Layout:
    """Find the columns of a file of places that have no check-ins: positions, and what else there is.

    Raises InputError if it has no positions.
    """
    layout = _settle(source, _shape(source, POI_ID), {}, POI_COLUMNS)
    if missing := [column for column in _POSITION if column not in layout.columns]:
        raise InputError(
            f"no column for {', '.join(missing)}; the columns are: {_listed(layout.header)}.",
            file=source.path,
            row=_header_row(source, layout),
            fix="Name them in the first line: category, latitude, longitude, name.",
        )
    return layout


def _needed(layout: Layout, elsewhere: Collection[str]) -> list[str]:
    needed = [USER, POI_ID, UTC if UTC in layout.columns else TIME, *_POSITION]
    return [c for c in needed if not (c == USER and layout.of_one_person) and (c == POI_ID or c not in elsewhere)]


def _with_note_of_kinds(layout: Layout, places: Layout) -> Layout:
    if CATEGORY in layout.columns or CATEGORY in places.columns:
        return layout
    note = "no column of categories found: all places are of an unknown kind (--columns category=... names it)"
    return replace(layout, notes=(*layout.notes, note))


def _require(source: Source, layout: Layout, required: Sequence[str], others: str) -> None:
    """Raise an InputError if a column is missing; `others` lists those of the other file."""
    missing = [column for column in required if column not in layout.columns]
    if not missing:
        return
    row, of_pois = _header_row(source, layout), "--pois FILE if the positions are in a file of POIs"
    no_positions = missing == list(_POSITION) and not others
    if no_positions and isinstance(source, TextFile) and row is None:
        raise InputError(
            "these check-ins have no positions.", file=source.path, fix="Name the file of POIs: --pois FILE."
        )
    what = "" if isinstance(source, TextFile) else f"this looks like {source.kind}, and it has "
    fix = "Say which is which" if row is None else "The first line must name the columns; say which is which"
    raise InputError(
        f"{what}no column for {', '.join(missing)}; the columns are: {_listed(layout.header)}{others}.",
        file=source.path,
        row=row,
        fix=f"{fix}: --columns {','.join(f'{c}=...' for c in missing)}" + (f"; {of_pois}." if no_positions else ""),
    )


def _header_row(source: Source, layout: Layout) -> int | None:
    """The line of the header, if the file has lines and one of them is a header."""
    return layout.first_row - 1 if isinstance(source, TextFile) and layout.first_row > 1 else None


def _shape(source: Source, first: str) -> Layout:
    """The layout of a file, without the columns unless it is in a known format without a header."""
    if not isinstance(source, TextFile):
        return Layout("", False, source.names, 1, {}, ())
    lines, row = first_lines(source)
    for name, fields, pattern in HEADERLESS:
        same_width = lines[0].count("\t") == len(fields) - 1
        if fields[0] == first and same_width and any(re.fullmatch(pattern, line) for line in lines):
            return Layout("\t", False, fields, 1, {c: i for i, c in enumerate(fields)}, (f"format: {name}",))
    delimiter, header = read_header(source.path, lines, row)
    return Layout(delimiter, True, header, row + 1, {}, ())


def _applied(mapping: Mapping[str, str], files: Sequence[tuple[Source, Layout]]) -> list[dict[str, str]]:
    """What of the mapping is for each file (check-ins, POIs): for those that have the column.

    Where both do, what is said about places is for the file of POIs, and the id of the POI for both.

    Raises:
        InputError: no file has the column, or nothing has such a canonical name.

    """
    applied: list[dict[str, str]] = [{} for _ in files]
    for key, name in mapping.items():
        canonical = key.removeprefix(OF_POIS) if len(files) > 1 else key
        if canonical not in (CHECKIN_COLUMNS if key == canonical else POI_COLUMNS):
            known = ", ".join(CHECKIN_COLUMNS)
            raise InputError(f"--columns knows no {show(key)}; it knows {known}.", file=files[0][0].path)
        able = [i for i, (_, layout) in enumerate(files) if not layout.columns and layout.find(name) is not None]
        able = [i for i in able if (i == 1 or key == canonical) and (i == 0 or canonical in POI_COLUMNS)]
        if not able:
            raise _no_such_column(name, files[1:] if key != canonical else files)
        for i in able if canonical == POI_ID else able[-1:]:
            applied[i][canonical] = name
    return applied


def _no_such_column(name: str, files: Sequence[tuple[Source, Layout]]) -> InputError:
    source, layout = files[0]
    if layout.columns and len(files) == 1:
        known = layout.notes[0].removeprefix("format: ")
        return InputError(f"read as {known}, which has no header: --columns does not apply.", file=source.path)
    named = [(source, layout) for source, layout in files if not layout.columns]
    listed = [f"those of {other.path.name}: {_listed(columns.header)}" for other, columns in named[1:]]
    source, layout = named[0] if named else files[0]
    return InputError(
        "; ".join([f"no such column; the columns are: {_listed(layout.header)}", *listed]) + ".",
        file=source.path,
        row=_header_row(source, layout),
        column=name,
    )


def _settle(source: Source, shape: Layout, mapping: Mapping[str, str], wanted: Sequence[str]) -> Layout:
    """The layout with the wanted columns: from the user's mapping, else a known header, else the names."""
    if shape.columns:
        return replace(shape, columns={c: i for c, i in shape.columns.items() if c in wanted})
    header = shape.header
    columns = {c: i for c, name in mapping.items() if (i := shape.find(name)) is not None}
    title, names = next(((t, n) for t, n in HEADERS if set(n.values()) <= set(header)), ("", {}))
    columns |= {c: header.index(name) for c, name in names.items() if c in wanted and c not in mapping}
    for canonical in wanted:
        if canonical not in columns:
            # In a known format, the "type" is that of the record ("checkin"); in GeoJSON, one of the properties.
            of_record = title not in {"", GEOJSON}
            taken = {*columns.values(), *(i for i, name in enumerate(header) if of_record and name == "type")}
            free = {name: i for i, name in enumerate(_bare(header)) if i not in taken}
            guess = _guess(canonical, free, header, source, _header_row(source, shape))
            columns |= {} if guess is None else {canonical: guess}
    _settle_time_columns(columns, mapping, _sample(source, shape))
    guessed = [c for c in wanted if c in columns and c not in mapping and header[columns[c]] != c]
    found = f"columns of {title}" if title else "columns guessed"
    notes = [f"{found}: {', '.join(f'{c}={show(header[columns[c]])[1:-1]}' for c in guessed)}"] if guessed else []
    of_one_person = title in OF_ONE_PERSON and USER not in columns
    return replace(shape, columns=columns, notes=tuple(notes), of_one_person=of_one_person)


def _sample(source: Source, shape: Layout) -> list[list[str]]:
    """The fields of the first records."""
    if isinstance(source, TextFile):
        lines, _ = first_lines(source)
        try:
            return [*csv.reader(lines[1:], delimiter=shape.delimiter, skipinitialspace=True)]
        except csv.Error:  # a lone carriage return, say: the rows themselves will be told
            return []
    return [[value or "" for value in record] for record in source.sample]


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


def _guess(
    canonical: str, free: Mapping[str, int], header: Sequence[str], source: Source, row: int | None
) -> int | None:
    """The one column whose name means `canonical`; its very name wins, and what may mean something else loses."""
    if canonical in free:
        return free[canonical]
    ways = [{i: way(name) for name, i in free.items()} for way in (plain, loose)]
    by_sureness = ([i for i, name in names.items() if name in some] for some in CANDIDATES[canonical] for names in ways)
    found = next(filter(None, by_sureness), [])
    if len(found) > 1:
        raise InputError(
            f"{canonical} could be any of {_listed(header[i] for i in found)}.",
            file=source.path,
            row=row,
            fix=f"Choose: --columns {canonical}=...",
        )
    return found[0] if found else None


def _bare(header: tuple[str, ...]) -> tuple[str, ...]:
    """The names without their types, if all have one (`user_id:token`, as in RecBole and LibCity)."""
    parted = [name.rpartition(":") for name in header]
    typed = all(name and re.fullmatch(r"[a-z_]+", kind) for name, _, kind in parted)
    return tuple(name for name, _, _ in parted) if typed else header


def _listed(names: Iterable[str]) -> str:
    shown = [show(name)[1:-1] for name in names if name]
    return ", ".join(shown[:40]) + (f" and {len(shown) - 40} more" if len(shown) > 40 else "")
