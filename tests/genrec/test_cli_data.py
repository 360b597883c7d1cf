"""`genrec data` on good files and on every fault that a file of check-ins can have."""

import json
import sys
from pathlib import Path

import polars as pl
import pytest

from genrec.cli import main

HEADER = "user_id,poi_id,time,latitude,longitude\n"
GOOD = "u1,p1,2012-04-14 08:00:00,51.05,-114.07\n"
TSMC = "470\tp1\tc1\tBar\t40.7\t-74.0\t-240\tTue Apr 03 18:00:09 +0000 2012\n"


def row(**values: str) -> str:
    fields = dict(zip(HEADER.strip().split(","), GOOD.strip().split(","), strict=True)) | values
    return ",".join(fields.values()) + "\n"


def dated(*times: str) -> str:
    return HEADER + "".join(row(time=time) for time in times)


def genrec(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run the command as a shell would; its exit code."""
    monkeypatch.setattr(sys, "argv", ["genrec", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        main()
    return int(exit_.value.code or 0)


# What the file holds; the start of where the message points (after the file's name); words of the reason.
FILE_FAULTS: dict[str, tuple[str | bytes, str, str]] = {
    "empty": ("", "", "empty"),
    "only white space": ("\n \n\t\n", "", "empty"),
    "no rows": (HEADER, "", "a header but no rows"),
    "NUL byte": (HEADER + GOOD + "u\0,p\n", ", row 3", "binary"),
    "gzip": (b"\x1f\x8b\x08\x00rest", "", "gzip"),
    "zip": (b"PK\x03\x04rest", "", "zip archive"),
    "parquet": (b"PAR1rest", "", "Parquet"),
    "UTF-16": ((HEADER + GOOD).encode("utf-16"), "", "UTF-16"),
    "UTF-16 without a mark": ((HEADER + GOOD).encode("utf-16-le"), "", "UTF-16"),
    "huge line": (HEADER + GOOD + "x" * (3 << 20), ", row 3", "longer than 1 MB"),
    "huge header": ("x" * (3 << 20), ", row 1", "longer than 1 MB"),
    "missing column": (
        "user_id,poi_id,time,latitude\nu,p,t,1\n",
        ", row 1",
        "no column for longitude; the columns are",
    ),
    "no header": (GOOD, ", row 1", "The first line must name the columns"),
    "duplicate column": (HEADER.replace("poi_id", "user_id"), ", row 1, column 'user_id'", "two columns"),
    "ambiguous column": (HEADER.replace("user_id", "uid,user") + "a," + GOOD, ", row 1", "--columns user_id=..."),
    "one column": ("hello world\nthere\n", ", row 1", "single column"),
    "open quote in the header": ('user_id,"poi_id\n' + GOOD, ", row 1", "open quote"),
    "ambiguous dates": (dated("3/4/2012 08:00", "5/6/2012 08:00"), ", column 'time'", "--day-first or --month-first"),
    "offsets in hours": (
        HEADER.replace("time", "utc_time,timezone") + GOOD.replace(":00,", ":00,-6,"),
        ", column 'utc_offset'",
        "hours",
    ),
}

# As above, in files of which row 2 or another is sound: these can be skipped.
ROW_FAULTS: dict[str, tuple[str | bytes, str, str]] = {
    "date of no kind": (dated("yesterday", "2012-04-03 08:00:00"), ", row 2, column 'time'", "not a date"),
    "empty date": (dated("2012-04-03 08:00:00", ""), ", row 3, column 'time'", "empty"),
    "impossible date": (
        dated("2012-04-03 08:00:00", "2012-02-31 08:00:00"),
        ", row 3, column 'time'",
        "no possible date",
    ),
    "year": (dated("2012-04-03 08:00:00", "1312-04-03 08:00:00"), ", row 3, column 'time'", "between 1970 and 2100"),
    "contradicting dates": (dated("13/4/2012 08:00", "4/14/2012 08:00"), ", row 3, column 'time'", "contradicts"),
    "mixed naive and aware": (
        dated("2012-04-03 08:00:00", "2012-04-03 08:00:00Z"),
        ", row 3, column 'time'",
        "mixed time zones",
    ),
    "NaN": (HEADER + GOOD + row(latitude="nan"), ", row 3, column 'latitude'", "between -90 and 90"),
    "infinite": (HEADER + GOOD + row(longitude="-inf"), ", row 3, column 'longitude'", "between -180 and 180"),
    "out of range": (HEADER + GOOD + row(longitude="181"), ", row 3, column 'longitude'", "between -180 and 180"),
    "no number": (HEADER + GOOD + row(latitude="north"), ", row 3, column 'latitude'", "not a number"),
    "no position": (HEADER + GOOD + row(latitude=""), ", row 3, column 'latitude'", "empty"),
    "swapped": (
        HEADER + GOOD + row(latitude="-114.07", longitude="51.05"),
        ", row 3, column 'latitude'",
        "swapped",
    ),
    "two commas": (
        (HEADER + GOOD + row(latitude="51#05#1")).replace(",", ";").replace("#", ","),
        ", row 3, column 'latitude'",
        "not a number",
    ),
    "empty user": (HEADER + GOOD + row(user_id=" "), ", row 3, column 'user_id'", "id is empty"),
    "empty POI": (HEADER + GOOD + row(poi_id=""), ", row 3, column 'poi_id'", "id is empty"),
    "too few fields": (HEADER + "u,p\n" + GOOD, ", row 2", "2 fields where the file has 5"),
    "too many fields": (HEADER + GOOD + GOOD.strip() + ",x\n", ", row 3", "6 fields where the file has 5"),
    "too many fields, quoted": (HEADER + '"u",p,t,1,2,3\n' + GOOD, ", row 2", "6 fields where the file has 5"),
    "open quote": (HEADER + '"u1,p1,2012-04-03 08:00:00,51,-114\n' + GOOD * 2, ", row 2", "open or misplaced quote"),
    "open quote at the end": (HEADER + GOOD + '"u1,p1', ", row 3", "open or misplaced quote"),
    "misplaced quote": (HEADER + GOOD + '"u"1,p1,2012-04-03 08:00:00,51,-114\n', ", row 3", "open or misplaced quote"),
    "garbage": (HEADER + GOOD + row(time="\x1b[31m" + "x" * 5000), ", row 3, column 'time'", r"'\x1b[31mxxx"),
    "headerless": (TSMC + TSMC.replace("40.7", "n/a"), ", row 2, column 'latitude'", "not a number"),
    "offset": (TSMC + TSMC.replace("-240", "-4000"), ", row 2, column 'utc_offset'", "offset in minutes"),
}


@pytest.mark.parametrize("fault", [*FILE_FAULTS, *ROW_FAULTS])
def test_a_fault_is_one_line_that_says_where(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content, where, reason = (FILE_FAULTS | ROW_FAULTS)[fault]
    path = tmp_path / "in.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert genrec(monkeypatch, "data", "prepare", path, "--out", tmp_path / "out") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"error: {path}{where}: ")
    assert reason in captured.err
    assert captured.err.count("\n") == 1
    assert len(captured.err) < 400
    assert captured.err.strip().isprintable()
    assert [p.name for p in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize("fault", [*ROW_FAULTS])
def test_faulty_rows_can_be_skipped_and_are_kept_aside(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content, where, reason = ROW_FAULTS[fault]
    path, folder = tmp_path / "in.csv", tmp_path / "out"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    lines = content.decode() if isinstance(content, bytes) else content
    assert genrec(monkeypatch, "data", "prepare", path, "--out", folder, "--on-bad-rows", "skip") == 0
    assert "skipped 1 bad rows" in capsys.readouterr().err
    rejects = pl.read_csv(folder / "rejects.csv", infer_schema=False)
    assert rejects.columns == ["row", "column", "reason", "line"]
    [(line, column, why, text)] = rejects.rows()
    assert where == f", row {line}" + (f", column '{column}'" if column else "")
    assert reason in why
    assert text == lines.split("\n")[int(line) - 1]
    assert len(pl.read_parquet(folder / "checkins.parquet")) > 0


@pytest.mark.parametrize("fault", [*FILE_FAULTS])
def test_a_faulty_file_cannot_be_skipped(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = FILE_FAULTS[fault][0]
    (tmp_path / "in.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    arguments = ("data", "prepare", tmp_path / "in.csv", "--out", tmp_path / "out", "--on-bad-rows", "skip")
    assert genrec(monkeypatch, *arguments) == 2
    assert not (tmp_path / "out").exists()


def test_nothing_is_left_when_all_rows_are_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "in.csv"
    path.write_text(HEADER + row(latitude="91") * 3)
    assert genrec(monkeypatch, "data", "prepare", path, "--out", tmp_path / "out", "--on-bad-rows", "skip") == 2
    assert "all 3 rows are bad; the first: " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_open_quote_does_not_swallow_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in.csv").write_text(HEADER + GOOD + '"u1,p1\n' + "".join(row(user_id=f"v{i}") for i in range(50)))
    monkeypatch.chdir(tmp_path)
    assert genrec(monkeypatch, "data", "prepare", "in.csv", "--out", "out", "--on-bad-rows", "skip") == 0
    assert len(pl.read_parquet(tmp_path / "out" / "checkins.parquet")) == 51
    assert (tmp_path / "out" / "rejects.csv").read_text().count("\n") == 2


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("nowhere.csv",), "no such file"),
        ((".",), "not a prepared one"),
        (
            ("in.csv", "--columns", "user_id=Nobody"),
            "row 1, column 'Nobody': no such column; the columns are: user_id,",
        ),
        (("in.csv", "--columns", "user=user_id"), "--columns knows no 'user'"),
        (("in.csv", "--columns", "user_id"), "is not NAME=COLUMN"),
        (("in.csv", "--columns", "user_id=a,user_id=b"), "twice"),
        (("in.csv", "--timezone", "Mars/Olympus"), "not an IANA time zone"),
        (("out", "--timezone", "Asia/Tokyo"), "do not apply to a prepared folder"),
    ],
)
def test_mistakes_on_the_command_line(
    arguments: tuple[str, ...],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.csv").write_text(HEADER + GOOD)
    assert genrec(monkeypatch, "data", "prepare", "in.csv", "--out", "out") == 0
    capsys.readouterr()
    assert genrec(monkeypatch, "data", "describe", *arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert reason in captured.err


def test_a_flag_settles_ambiguous_dates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "in.csv"
    path.write_text(dated("3/4/2012 08:00"))
    for flag, day in (("--day-first", "2012-04-03"), ("--month-first", "2012-03-04")):
        assert genrec(monkeypatch, "data", "describe", path, flag, "--json") == 0
        assert json.loads(capsys.readouterr().out)["period"]["first"].startswith(day)


def test_describe_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "in.csv"
    path.write_text(dated("2012-04-03 08:00", "2012-04-04 08:00") + row(user_id="u2") + row(poi_id="p2"))
    assert genrec(monkeypatch, "data", "describe", path, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["users"], facts["pois"], facts["categories"], facts["check_ins"]) == (2, 2, 0, 4)
    assert facts["check_ins_per_user"] == {"min": 1, "median": 2.0, "mean": 2.0, "max": 3}
    assert facts["revisit_share"] == 0.25  # only u1's second visit to p1
    assert genrec(monkeypatch, "data", "describe", path) == 0
    assert "25.0% of check-ins" in capsys.readouterr().out


def test_counts_are_written_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "in.csv"
    path.write_text(dated(*[f"2012-04-{1 + i // 1440:02} {i // 60 % 24:02}:{i % 60:02}" for i in range(12_345)]))
    assert genrec(monkeypatch, "data", "describe", path) == 0
    assert "min 12,345, median 12,345, mean 12,345, max 12,345" in capsys.readouterr().out


def test_rejects_lie_in_the_current_folder_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.csv").write_text(HEADER + GOOD + "u,p\n")
    assert genrec(monkeypatch, "data", "describe", "in.csv", "--on-bad-rows", "skip") == 0
    assert Path("in.rejects.csv").read_text().splitlines()[1] == '3,,2 fields where the file has 5.,"u,p"'


def test_a_folder_of_something_else_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, folder = tmp_path / "in.csv", tmp_path / "rankers"
    path.write_text(HEADER + GOOD)
    folder.mkdir()
    (folder / "fusion.json").write_text("{}")
    assert genrec(monkeypatch, "data", "prepare", path, "--out", folder) == 2
    assert "rankers holds something else (fusion.json)" in capsys.readouterr().err
    assert [file.name for file in folder.iterdir() if file.name[0] != "."] == ["fusion.json"]


def test_another_city_is_not_added_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, folder = tmp_path / "in.csv", tmp_path / "out"
    path.write_text(HEADER + GOOD)
    assert genrec(monkeypatch, "data", "prepare", path, "--out", folder) == 0
    path.write_text(HEADER + row(time="2012-05-01 08:00:00", latitude="40.7", longitude="-74.0"))
    assert "WARNING" not in capsys.readouterr().err
    assert genrec(monkeypatch, "data", "prepare", path, "--out", folder) == 0
    assert "1 POIs are more than 1 km" in capsys.readouterr().err
