"""The synthetic city: sound, reproducible, and true to what its documentation claims about its users."""

import datetime
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from genrec.city import City, CityConfig, build_city
from genrec.city.persona import FIELDS
from genrec.city.world import CATEGORIES
from genrec.errors import GenRecError
from genrec.geo import haversine_km

COLUMNS = ["user_id", "poi_id", "time", "utc_time", "category", "category_id", "latitude", "longitude", "name"]
EVENING = pl.col("time").dt.hour() >= 18
NIGHTLIFE = ("Bar", "Pub", "Nightclub")
HOMES = ("Home (private)", "Residential Building")
CULTURE = ("Museum", "Art Gallery", "Theater", "Movie Theater", "Library")
LEARNED = ("Library", "Bookstore", "Museum", "Theater")
UPSCALE = ("Gourmet Shop", "Boutique", "Golf Course", "Steakhouse")
DISCOUNT = ("Discount Store", "Thrift Store", "Bus Station")
COMMUNITY = ("Church", "Community Center", "Playground")
HEALTH = ("Hospital", "Medical Center", "Drugstore / Pharmacy")


@pytest.fixture(scope="module")
def city() -> City:
    return build_city(CityConfig(users=1200, pois=1500, checkins=150_000, seed=7))


@pytest.fixture(scope="module")
def joined(city: City) -> pl.DataFrame:
    """Check-ins with the truth about their users and the opening dates of their places."""
    truth = city.users.unnest("persona").drop("routines", "favourite_categories")
    return city.checkins.join(truth, on="user_id").join(city.pois.select("poi_id", "opened", "district"), on="poi_id")


@pytest.fixture(scope="module")
def users(joined: pl.DataFrame) -> pl.DataFrame:
    """Statistics per user with enough check-ins to have some."""
    kinds = {
        **{"homes": HOMES, "nightlife": NIGHTLIFE, "culture": CULTURE, "learned": LEARNED, "upscale": UPSCALE},
        **{"discount": DISCOUNT, "community": COMMUNITY, "health": HEALTH, "park": ["Park"], "campus": ["University"]},
        **{"ethnic": ["Indian Restaurant", "Japanese Restaurant"], "fast": ["Fast Food Restaurant"]},
        **{"teen": ["Mall", "Movie Theater", "Fast Food Restaurant"], "playground": ["Playground"]},
        **{"school": ["Elementary School", "High School"]},
    }
    spread = ((pl.col("latitude").var() + pl.col("longitude").var() * 0.587) ** 0.5 * 111).alias("radius_km")
    return (
        joined.group_by("user_id")
        .agg(
            pl.len().alias("visits"),
            (pl.n_unique("poi_id") / pl.len()).alias("distinct"),
            EVENING.mean().alias("evening"),
            spread,
            *(pl.col("category").is_in(names).mean().alias(kind) for kind, names in kinds.items()),
        )
        .filter(pl.col("visits") >= 20)
        .join(joined.unique("user_id").select("user_id", "occupation", *FIELDS, "education"), on="user_id")
    )


def test_checkins_are_sound(city: City, joined: pl.DataFrame) -> None:
    checkins = city.checkins
    assert checkins.columns == COLUMNS
    assert checkins.null_count().sum_horizontal().item() == 0
    assert checkins["time"].is_sorted()
    assert checkins.select("user_id", "time").is_unique().all()
    assert (joined["opened"] <= joined["time"].dt.date()).all()
    assert (joined["arrived"].str.to_date() <= joined["time"].dt.date()).all()
    assert checkins["time"].min() >= datetime.datetime(2024, 1, 1)
    assert checkins["time"].max() < datetime.datetime(2024, 1, 1) + datetime.timedelta(days=120)
    assert ((checkins["utc_time"] - checkins["time"]) == datetime.timedelta(hours=2)).all()
    centre = haversine_km(40.0, -30.0, checkins["latitude"].to_numpy(), checkins["longitude"].to_numpy())
    assert centre.max() < 30
    per_poi = checkins.unique(COLUMNS[1:2] + COLUMNS[4:])
    assert per_poi.height == per_poi["poi_id"].n_unique()


def test_sizes(city: City) -> None:
    assert city.checkins.height == pytest.approx(150_000, rel=0.01)
    assert city.users.height == city.checkins["user_id"].n_unique() == 1200
    assert city.pois.height == city.pois["poi_id"].n_unique() == city.pois["name"].n_unique() == 1500
    assert set(city.pois["category"]) == {category.name for category in CATEGORIES}
    counts = city.checkins.group_by("user_id").len().join(city.users, on="user_id")
    assert (counts["len"] == counts["checkins"]).all()


@pytest.mark.parametrize(
    "sizes",
    [
        {"users": 1, "pois": 51, "days": 1, "checkins": 12},
        {"users": 3, "pois": 51, "days": 400},
        {"users": 40, "pois": 60, "days": 10, "checkins": 40},
        {"users": 30, "pois": 80, "days": 30, "checkins": 8000},
    ],
)
def test_extreme_sizes(sizes: dict[str, int]) -> None:
    city = build_city(CityConfig(**sizes))
    target = sizes.get("checkins", 0.7 * sizes["users"] * sizes["days"])
    assert city.checkins.height == pytest.approx(target, rel=0.1)
    assert city.checkins["user_id"].n_unique() == sizes["users"]
    opened = city.checkins.join(city.pois, on="poi_id")
    assert (opened["opened"] <= opened["time"].dt.date()).all()


@pytest.mark.parametrize(
    ("sizes", "word"),
    [
        ({"users": 0}, "users"),
        ({"pois": 50}, "pois"),
        ({"days": 0}, "days"),
        ({"seed": -1}, "seed"),
        ({"users": 10, "checkins": 9}, "too few"),
        ({"users": 1, "days": 2, "checkins": 25}, "too many"),
    ],
)
def test_impossible_sizes(sizes: dict[str, int], word: str) -> None:
    with pytest.raises(GenRecError, match=word):
        build_city(CityConfig(**sizes))


def test_same_seed_same_bytes_on_any_number_of_cores(tmp_path: Path) -> None:
    files = ("checkins.csv", "truth_pois.csv", "truth_users.jsonl")
    build_city(CityConfig(users=30, pois=100, days=20, seed=5)).write(tmp_path / "a")
    script = (
        "import pathlib, sys; from genrec.city import CityConfig, build_city; "
        "build_city(CityConfig(users=30, pois=100, days=20, seed=5)).write(pathlib.Path(sys.argv[1]))"
    )
    environment = {**os.environ, "POLARS_MAX_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "b")], check=True, env=environment)
    build_city(CityConfig(users=30, pois=100, days=20, seed=6)).write(tmp_path / "c")
    for file in files:
        first, second, other = ((tmp_path / run / file).read_bytes() for run in "abc")
        assert first == second
        assert first != other
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(files)


def test_written_files_read_back(tmp_path: Path) -> None:
    city = build_city(CityConfig(users=20, pois=100, days=20))
    city.write(tmp_path)
    lines = (tmp_path / "checkins.csv").read_text().splitlines()
    assert lines[0] == ",".join(COLUMNS)
    assert datetime.datetime.strptime(lines[1].split(",")[2], "%Y-%m-%d %H:%M:%S")
    assert pl.read_csv(tmp_path / "checkins.csv", try_parse_dates=True).equals(city.checkins)
    truth = [json.loads(line) for line in (tmp_path / "truth_users.jsonl").read_text().splitlines()]
    known = set(city.pois["poi_id"])
    for user in truth:
        persona = user["persona"]
        assert all(persona[field] in options for field, options in FIELDS.items())
        assert persona["education"] in ("some schooling", "high school", "college and beyond")
        places = [user["home"], user["work"], user["study"], *(routine["poi_id"] for routine in user["routines"])]
        assert {place for place in places if place is not None} <= known
        assert user["work"] is None or user["study"] is None
    assert (tmp_path / "truth_pois.csv").read_text().startswith("poi_id,category")


def test_statistics_are_those_of_a_city(city: City, users: pl.DataFrame) -> None:
    checkins = city.checkins
    revisits = 1 - checkins.unique(["user_id", "poi_id"]).height / checkins.height
    assert 0.55 < revisits < 0.8
    counts = checkins.group_by("user_id").len()["len"].sort(descending=True)
    assert counts[:120].sum() > 0.3 * counts.sum(), "activity has no heavy tail"
    assert counts.quantile(0.05) < 0.15 * counts.mean(), "no cold users"
    gaps = checkins.sort("user_id", "time").select(pl.col("time").diff().over("user_id")).to_series()
    assert 0.1 < (gaps > datetime.timedelta(hours=24)).mean() < 0.5, "no sessions with pauses between"
    assert 1 < users["radius_km"].median() < 10
    assert city.pois.filter(pl.col("opened") > datetime.date(2024, 1, 1)).height > 100


def test_visits_per_rank_fall_as_a_power_law(city: City) -> None:
    ranked = city.checkins.filter(pl.len().over("user_id") >= 100).group_by("user_id", "poi_id").len()
    ranked = ranked.with_columns(pl.col("len").rank("ordinal", descending=True).over("user_id").alias("rank"))
    mean = ranked.filter(pl.col("rank") <= 20).group_by("rank").agg(pl.col("len").sum()).sort("rank")
    slope = np.polyfit(np.log(mean["rank"].to_numpy()), np.log(mean["len"].to_numpy()), 1)[0]
    assert -1.6 < slope < -0.8


def test_next_visits_depend_on_the_hour_and_weekday(city: City) -> None:
    """What most helps a recommender: the history at this time of the week beats the history as a whole."""
    checkins = city.checkins.with_columns(
        (pl.col("time").dt.weekday() > 5).alias("weekend"), (pl.col("time").dt.hour() // 3).alias("part")
    )
    cut = int(0.8 * checkins.height)
    past, future = checkins[:cut], checkins[cut:]

    def accuracy(*keys: str) -> float:
        counts = past.group_by("user_id", *keys, "poi_id").len().sort("len", "poi_id", descending=True)
        best = counts.group_by("user_id", *keys, maintain_order=True).first().rename({"poi_id": "guess"})
        return future.join(best, on=["user_id", *keys]).select((pl.col("guess") == pl.col("poi_id")).mean()).item()

    overall, timed = accuracy(), accuracy("weekend", "part")
    assert 0.13 < overall < 0.35
    assert timed > overall + 0.05


def test_routines_show(city: City) -> None:
    routines = city.users.explode("routines").drop_nulls("routines").select("user_id", "routines").unnest("routines")
    slots = city.checkins.with_columns(
        (pl.col("time").dt.weekday() - 1).cast(pl.Int64).alias("weekday"),
        pl.col("time").dt.hour().cast(pl.Int64).alias("hour"),
    ).join(routines, on=["user_id", "weekday", "hour"], suffix="_routine")
    kept = slots["poi_id"] == slots["poi_id_routine"]
    assert slots.height > 0.1 * city.checkins.height
    # Without the routine, the place is still chosen now and then.
    assert slots["strength"].mean() - 0.02 < kept.mean() < slots["strength"].mean() + 0.1


# Field, option with more, option with less, statistic, least ratio of the means.
EFFECTS = [
    ("openness", "high", "low", "distinct", 1.2),
    ("openness", "high", "low", "culture", 1.8),
    ("openness", "high", "low", "ethnic", 2.0),
    ("extraversion", "high", "low", "evening", 1.4),
    ("extraversion", "high", "low", "nightlife", 3.0),
    ("extraversion", "high", "low", "visits", 1.2),
    ("agreeableness", "high", "low", "community", 2.0),
    ("neuroticism", "high", "low", "homes", 1.2),
    ("neuroticism", "low", "high", "radius_km", 1.1),
    ("age_group", "older adult", "adult", "park", 1.7),
    ("age_group", "older adult", "adult", "health", 1.7),
    ("age_group", "adult", "older adult", "evening", 1.5),
    ("age_group", "adult", "older adult", "nightlife", 3.0),
    ("age_group", "adolescent", "adult", "teen", 1.8),
    ("age_group", "child", "adult", "playground", 2.5),
    ("education", "college and beyond", "some schooling", "learned", 1.5),
    ("socio_economic_status", "upper", "lower", "upscale", 5.0),
    ("socio_economic_status", "lower", "upper", "discount", 4.0),
    ("socio_economic_status", "lower", "upper", "fast", 1.5),
]


@pytest.mark.parametrize(("field", "more", "less", "statistic", "ratio"), EFFECTS)
def test_effects(users: pl.DataFrame, field: str, more: str, less: str, statistic: str, ratio: float) -> None:
    mean = {option: users.filter(pl.col(field) == option)[statistic].mean() for option in (more, less)}
    assert mean[more] > ratio * mean[less], f"{statistic} by {field}: {mean}"


@pytest.mark.parametrize("statistic", ["distinct", "evening", "radius_km", "homes"])
def test_gender_has_no_effect(users: pl.DataFrame, statistic: str) -> None:
    female, male = (users.filter(pl.col("gender") == gender)[statistic].mean() for gender in ("female", "male"))
    assert female == pytest.approx(male, rel=0.1)


def test_pupils_and_students_study(users: pl.DataFrame) -> None:
    shares = users.group_by("occupation").agg(pl.col("campus", "school").mean()).rows_by_key("occupation", unique=True)
    assert shares["student"][0] > 0.1
    assert shares["pupil"][1] > 0.1
    assert shares["worker"] == shares["none"] == (0, 0)
    assert users.filter(pl.col("age_group").is_in(["child", "adolescent"]))["nightlife"].max() == 0


def test_conscientiousness_means_stronger_routines_and_regular_hours(city: City, joined: pl.DataFrame) -> None:
    routines = city.users.unnest("persona").select("conscientiousness", "routines").explode("routines").drop_nulls()
    by_trait = routines.unnest("routines").group_by("conscientiousness").agg(pl.len(), pl.col("strength").mean())
    high, low = (by_trait.row(by_predicate=pl.col("conscientiousness") == o, named=True) for o in ("high", "low"))
    assert high["len"] > 1.3 * low["len"]
    assert high["strength"] > low["strength"] + 0.25
    at_work = joined.filter(pl.col("poi_id") == pl.col("work"))
    outside = ~pl.col("time").dt.hour().is_between(8, 16)
    shares = dict(at_work.group_by("conscientiousness").agg(outside.mean()).iter_rows())
    assert shares["high"] < 0.01 < 0.1 < shares["low"]


def test_status_decides_neighbourhood_and_education_the_workplace(city: City) -> None:
    users = city.users.unnest("persona")
    homes = users.join(city.pois, left_on="home", right_on="poi_id")
    rich = pl.col("district").is_in(["Hillcrest", "Lakeside"]).mean().alias("rich")
    by_status = dict(homes.group_by("socio_economic_status").agg(rich).iter_rows())
    assert by_status["upper"] > 2 * by_status["middle"] > 2 * by_status["lower"]
    work = users.join(city.pois, left_on="work", right_on="poi_id")
    factory = dict(work.group_by("education").agg((pl.col("category") == "Factory").mean()).iter_rows())
    assert factory["some schooling"] > factory["high school"] > factory["college and beyond"] == 0


def test_exploration_slows_down(city: City) -> None:
    """With S places known a new one comes with probability rho S^-gamma, so the share of new places must fall."""
    seen = city.checkins.filter(pl.len().over("user_id") >= 200).with_columns(
        pl.int_range(pl.len()).over("user_id").alias("visit"),
        pl.struct("user_id", "poi_id").is_first_distinct().alias("new"),
    )
    early, middle, late = (
        seen.filter(pl.col("visit").is_between(*span, closed="left"))["new"].mean()
        for span in itertools.pairwise([0, 20, 80, 200])
    )
    assert early > middle > late > 0.05
