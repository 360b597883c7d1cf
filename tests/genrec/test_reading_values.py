"""One id in several spellings, and values that stand for nothing."""

import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrec import prepared
from genrec.checkins import Checkins
from genrec.cli import main
from genrec.errors import InputError
from genrec.ids import aligned, settled, whole
from genrec.reading.nothing import MARKS
from genrec.reading.reader import read_checkins

HEADER = "user_id,poi_id,time,latitude,longitude,category,name,region\n"


def rows(*pairs: tuple[str, str], day: int = 1) -> str:
    return "".join(f"{u},{p},2024-01-{day + i:02} 09:00:00,40.7,-73.9,Bar,x,y\n" for i, (u, p) in enumerate(pairs))


def read(folder: Path, text: str, name: str = "in.csv", **options: object) -> Checkins:
    (folder / name).write_text(HEADER + text)
    return read_checkins(folder / name, **options)  # type: ignore[arg-type]


def ids(checkins: Checkins) -> tuple[list[str], list[str]]:
    return sorted(checkins.frame["user_id"].unique()), sorted(checkins.pois["poi_id"])


spellings = st.from_regex(r"\A-?[0-9]{1,3}(\.[05]{1,2})?\Z") | st.sampled_from(["v1.0", "1e3", "", "é"])


class TestIds:
    def test_within_a_file(self, tmp_path: Path) -> None:
        checkins = read(tmp_path, rows(("1", "7"), ("1.0", "7.0"), ('"1"', '"7.00"'), ("01", "007")))
        assert ids(checkins) == (["01", "1"], ["007", "7"])
        assert any("2 ids of POIs are decimals: read as whole numbers" in note for note in checkins.notes)

    def test_real_decimals_stay(self, tmp_path: Path) -> None:
        assert ids(read(tmp_path, rows(("1.0", "12.5"), ("2.0", "13.0")))) == (["1", "2"], ["12.5", "13.0"])

    @pytest.mark.parametrize("first", ["{}", "{}.0"])
    @pytest.mark.parametrize("second", ["{}", "{}.0"])
    def test_across_files_of_a_folder(self, tmp_path: Path, first: str, second: str) -> None:
        for i, spelling in enumerate((first, second)):
            text = rows(
                (spelling.format(1), spelling.format(7)), (spelling.format(2), spelling.format(8)), day=1 + 5 * i
            )
            done = prepared.prepare(read(tmp_path, text), tmp_path / "out")
        assert (done.users, done.pois, done.check_ins, done.new_pois) == (2, 2, 4, 0)
        assert done.notes == read_checkins(tmp_path / "out").notes

    def test_a_folder_with_decimals_keeps_its_spelling(self, tmp_path: Path) -> None:
        prepared.prepare(read(tmp_path, rows(("1.5", "12.5"), ("2.0", "13.0"))), tmp_path / "out")
        prepared.prepare(read(tmp_path, rows(("2.0", "13.0"), ("2", "13"), day=5)), tmp_path / "out")
        assert ids(read_checkins(tmp_path / "out")) == (["1.5", "2.0"], ["12.5", "13.0"])

    @pytest.mark.parametrize("pois", ["7,40,-73\n8,41,-73\n", "7.0,40,-73\n8.0,41,-73\n", "7.0,40,-73\n8.5,41,-73\n"])
    def test_check_ins_and_a_file_of_pois(self, tmp_path: Path, pois: str) -> None:
        (tmp_path / "pois.csv").write_text("poi_id,latitude,longitude\n" + pois)
        checkins = read(tmp_path, rows(("1", "7"), ("1", "7.0")), pois_file=tmp_path / "pois.csv")
        assert checkins.pois["latitude"].to_list() == [40]
        with pytest.raises(InputError, match=r"'9\.0' is not in the file of POIs"):
            read(tmp_path, rows(("1", "9.0")), pois_file=tmp_path / "pois.csv")

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.from_regex(r"\A-?[0-9]{1,3}(\.[05]{1,2})?\Z") | st.sampled_from(["v1.0", "1e3", "", "é"]), min_size=1
        )
    )
    def test_a_column_has_one_spelling_of_each(self, values: list[str]) -> None:
        column = pl.Series(values, dtype=pl.Categorical)
        once, respelled = settled(column)
        assert settled(once)[1] == 0
        assert (respelled == 0) == (once.cast(pl.String).to_list() == values)
        known = once.cast(pl.String).unique()
        assert aligned(known, known) == {}
        assert set(aligned(whole(known), known).values()) <= set(known)


class TestNothing:
    @pytest.mark.parametrize(
        "mark", ["", "NULL", "null", r"\N", "nan", "NaN", "None", "N/A", "NA", "<NA>", "#N/A", "-"]
    )
    def test_marks(self, tmp_path: Path, mark: str) -> None:
        good = rows(("ann", "p1"), ("ann", "p2"))
        checkins = read(tmp_path, good.replace("Bar,x,y", f"{mark},{mark},{mark}", 1))
        assert checkins.pois["category"].to_list() == ["unknown", "Bar"]
        assert checkins.pois["name"].to_list() == [None, "x"]
        assert "1 check-ins have no category" in checkins.notes
        for word, column in (("ann", "user_id"), ("p1", "poi_id")):
            with pytest.raises(InputError, match=f"row 2, column '{column}': the id is empty"):
                read(tmp_path, good.replace(word, mark, 1))
        rejects = tmp_path / "rejects.csv"
        rest = read(tmp_path, good.replace("ann", mark, 1), on_bad_rows="skip", rejects=rejects)
        assert len(rest.frame) == 1

    def test_names_that_are_none_of_them(self, tmp_path: Path) -> None:
        checkins = read(tmp_path, rows(("Nana", "p-1"), ("Anna", "N")).replace("Bar,x,y", "Nanny,-x,NA"))
        assert checkins.pois.select("category", "name", "region").rows() == [("Nanny", "-x", "NA")] * 2

    def test_a_category_called_unknown_is_not_known(self, tmp_path: Path) -> None:
        checkins = read(tmp_path, rows(("ann", "p1")).replace("Bar", "Unknown"))
        assert checkins.pois["category"].to_list() == ["unknown"]
        assert "1 check-ins have no category" in checkins.notes

    def test_no_column_of_categories(self, tmp_path: Path) -> None:
        (tmp_path / "in.csv").write_text("user_id,poi_id,time,lat,lon\nann,p1,2024-01-01 09:00:00,1,2\n")
        assert "1 check-ins have no category" in read_checkins(tmp_path / "in.csv").notes

    def test_null_island(self, tmp_path: Path) -> None:
        good = rows(("ann", "p1"), ("ann", "p2"), ("ann", "p3"), ("ann", "p4"))
        bad = good.replace("40.7,-73.9", "0.0,0", 1).replace("40.7", "0", 1)
        with pytest.raises(InputError, match="row 2, column 'latitude': the position 0, 0 stands for one that"):
            read(tmp_path, bad)
        checkins = read(tmp_path, bad, on_bad_rows="skip", rejects=tmp_path / "rejects.csv")
        assert checkins.pois["latitude"].to_list() == [0, 40.7, 40.7]
        assert any("skipped 1 bad rows" in note for note in checkins.notes)

    @settings(max_examples=40, deadline=None)
    @given(mark=st.sampled_from(sorted(MARKS)), data=st.data())
    def test_no_spelling_of_a_mark_is_a_category(self, mark: str, data: st.DataObject) -> None:
        from genrec.reading.nothing import is_nothing

        spelled = "".join(data.draw(st.sampled_from([c, c.upper()])) for c in mark)
        for column in ("user_id", "poi_id", "category", "name"):
            assert is_nothing(pl.Series(column, [spelled, None, f"{spelled}x"])).to_list() == [True, False, False]


@pytest.mark.parametrize("columns", ["user_id=\udcff", "\udcff=user_id", "\udcff", "user_id=" + "9" * 5000])
def test_columns_that_are_no_text(
    tmp_path: Path, columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.csv").write_text(HEADER + rows(("ann", "p1")))
    monkeypatch.setattr(sys, "argv", ["genrec", "data", "describe", str(tmp_path / "in.csv"), "--columns", columns])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
