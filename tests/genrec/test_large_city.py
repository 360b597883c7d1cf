"""A city drawn for many people together: as sound as a small one, and by the same laws."""

import json
from pathlib import Path

import polars as pl
import pytest

from genrec import city
from genrec.city import CityConfig, build_city, write_city
from genrec.geo import haversine_km

CONFIG = CityConfig(users=800, pois=1500, days=60, checkins=40_000, seed=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(city, "LARGE", 1)
        patch.setattr(city.large, "BLOCK", 300)
        assert write_city(CONFIG, folder) == pytest.approx(40_000, rel=0.01)
    return folder


@pytest.fixture(scope="module")
def checkins(folder: Path) -> pl.DataFrame:
    return pl.read_csv(folder / "checkins.csv", try_parse_dates=True)


def test_it_is_sound(folder: Path, checkins: pl.DataFrame) -> None:
    pois = pl.read_csv(folder / "truth_pois.csv", try_parse_dates=True)
    truth = pl.DataFrame([json.loads(line) for line in (folder / "truth_users.jsonl").read_text().splitlines()])
    small = build_city(CityConfig(users=5, pois=60, days=9))
    assert checkins.columns == small.checkins.columns and truth.columns == small.users.columns
    assert truth["user_id"].to_list() == [f"u{number:04d}" for number in range(1, 801)]
    assert checkins["time"].is_sorted() and checkins.select("user_id", "time").is_unique().all()
    assert ((checkins["utc_time"] - checkins["time"]).dt.total_hours() == 2).all()
    joined = checkins.join(pois.select("poi_id", "opened"), on="poi_id").join(truth, on="user_id")
    assert len(joined) == len(checkins)
    assert (joined["opened"] <= joined["time"].dt.date()).all()
    assert (joined["arrived"].str.to_date() <= joined["time"].dt.date()).all()
    counts = checkins["user_id"].value_counts().join(truth, on="user_id")
    assert len(counts) == 800 and (counts["count"] == counts["checkins"]).all()
    kinds = dict(zip(pois["poi_id"], pois["category"], strict=True))
    assert {kinds[home] for home in truth["home"]} <= {"Home (private)", "Residential Building"}
    routines = [routine for row in truth["routines"] for routine in row]
    assert all(kinds[routine["poi_id"]] == routine["category"] for routine in routines)


@pytest.mark.slow
def test_it_follows_the_laws_of_a_small_one(checkins: pl.DataFrame) -> None:
    figures = [_figures(frame) for frame in (checkins, build_city(CONFIG).checkins)]
    for name, (large, small) in {name: [each[name] for each in figures] for name in figures[0]}.items():
        assert large == pytest.approx(small, rel=0.12, abs=0.02), name


def _figures(frame: pl.DataFrame) -> dict[str, float]:
    steps = frame.sort("user_id", "time").with_columns(
        pl.col("latitude", "longitude").shift().over("user_id").name.suffix("_before")
    )
    steps = steps.drop_nulls()
    km = pl.Series(haversine_km(*(steps[c] for c in ("latitude", "longitude", "latitude_before", "longitude_before"))))
    share = {kind: (frame["category"] == kind).mean() for kind in ("Office", "Coffee Shop", "Residential Building")}
    return {
        "places a visit": frame.select("user_id", "poi_id").n_unique() / len(frame),
        "median step": km.median(),
        "far step": km.quantile(0.9),
        "stays": (km == 0).mean(),
        "evening": (frame["time"].dt.hour() >= 18).mean(),
        "places": frame["poi_id"].n_unique(),
        "busiest decile": frame["poi_id"].value_counts(sort=True)["count"][:150].sum() / len(frame),
        **share,
    }  # type: ignore[dict-item]


def test_equal_settings_give_equal_bytes(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(city, "LARGE", 1)
    monkeypatch.setattr(city.large, "BLOCK", 300)
    write_city(CONFIG, tmp_path)
    for path in folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
