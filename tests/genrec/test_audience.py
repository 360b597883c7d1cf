"""Who is likely to come to places that have just opened."""

import csv
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import at, made_checkins, make
from made_city import csv_of, failed
from made_trained import city, cml

from genrec.audience import Reach, audience, calibrated, traits
from genrec.evidence import Evidence
from genrec.reading.places import read_places

HEADER = "category,latitude,longitude,name\n"


def opened(tmp_path, *rows):
    path = tmp_path / "places.csv"
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return path


def test_those_come_first_who_like_the_kind(tmp_path):
    places = read_places(opened(tmp_path, "Gym,51.0,-114.0,Iron", "Pub,51.0,-114.0,The Fox"))
    for space in (None, cml()):
        reach = calibrated(city(), cml=space) if space is None else Reach(space.trained.audience, 1)
        listed = audience(Evidence(city(), at(40)), places, reach, space)
        assert listed["probability"].is_between(0, 1).all()
        for place, odd in (("1", True), ("2", False)):
            best = listed.filter(poi_id=place)
            assert best["rank"].to_list() == list(range(1, 11))
            assert best["probability"].is_sorted(descending=True)
            assert all((int(user[1:]) % 2 == 1) == odd for user in best["user_id"][:4]), space


def test_probabilities_are_calibrated_where_nothing_tells_people_apart():
    """Half of the people come to each place that opens: one half or the other, by a coin."""
    coin = np.random.default_rng(0)
    kinds = ["Park"] * 41
    visits = [(f"u{user}", 0, at(day)) for user in range(60) for day in range(5)]
    visits += [
        (f"u{user}", place, at(10, place / 9)) for place in range(1, 41) for user in range(60) if coin.random() < 0.5
    ]
    checkins = make(visits, kinds)
    checkins = replace(checkins, pois=checkins.pois.with_columns(latitude=pl.lit(51.0)))
    reach = calibrated(checkins, 300)
    assert reach is not None
    listed = audience(Evidence(checkins, at(9)), checkins.pois[1:3], reach)
    assert (listed["probability"] - 0.5).abs().max() < 0.05


def test_calibration_sees_the_first_rows_only_before_the_places_open():
    frame = city().frame
    evidence = Evidence(city(), frame["time"][240])
    users = sorted(set(evidence.past.frame["user_id"]))
    before = traits(evidence, users, city().pois[-2:], None)
    assert np.isfinite(before).all() and before.shape == (len(users), 2, 6)


def test_without_new_places_there_is_nothing_to_calibrate_on(tmp_path, genrec):
    checkins = make([("a", 0, at(day)) for day in range(20)])
    assert calibrated(checkins) is None
    places = opened(tmp_path, "Gym,51.0,-114.0,Iron")
    failed(genrec("audience", places, "--checkins", csv_of(checkins, tmp_path / "one.csv")), "no place opened")


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["Gym", "Zoo", "", "unknown"]), st.floats(-89, 89), st.floats(-179, 179)),
        min_size=1,
        max_size=4,
    )
)
def test_any_places_have_an_audience(tmp_path_factory, rows):
    path = opened(
        tmp_path_factory.mktemp("places"),
        *(f"{kind},{lat:.4f},{lon:.4f}," for kind, lat, lon in rows if (round(lat, 4), round(lon, 4)) != (0, 0)),
        "Gym,51,-114,x",
    )
    places = read_places(path)
    for space in (None, cml()):
        listed = audience(Evidence(city(), at(40)), places, Reach((-1.0, *[0.5] * 5), 1), space)
        assert len(listed) == 10 * len(places)
        assert listed["probability"].is_between(0, 1).all()


def test_the_command_lists_and_exports(tmp_path, genrec):
    checkins = csv_of(city(), tmp_path / "checkins.csv")
    places = opened(tmp_path, "Gym,51.0,-114.0,Iron", "Zoo,51.1,-114.0,")
    code, out, err = genrec("audience", places, "--checkins", checkins, "--top", 3)
    assert code == 0 and "1: Iron, Gym" in out and "2: Zoo" in out and len(out.splitlines()) == 8
    assert "within" in err
    code, out, _ = genrec("audience", places, "--checkins", checkins, "--top", 2, "--out", tmp_path / "who.csv")
    assert code == 0
    rows = list(csv.DictReader((tmp_path / "who.csv").open()))
    assert [(row["poi_id"], row["rank"]) for row in rows] == [("1", "1"), ("1", "2"), ("2", "1"), ("2", "2")]
    assert all(0 <= float(row["probability"]) <= 1 for row in rows)


def test_the_command_takes_trained_rankers_of_the_same_catalogue(tmp_path, genrec):
    cml().save(tmp_path / "rankers")
    places = opened(tmp_path, "Gym,51.0,-114.0,Iron")
    other = csv_of(make([("a", day % 5, at(day)) for day in range(9)]), tmp_path / "other.csv")
    result = genrec("audience", places, "--checkins", other, "--rankers", tmp_path / "rankers")
    failed(result, "another catalogue of places")


@pytest.mark.parametrize(
    ("content", "reasons"),
    [
        ("", ["empty"]),
        (HEADER, ["no rows"]),
        ("category,name\nGym,Iron\n", ["latitude, longitude"]),
        (HEADER + "Gym,91,-114,Iron\n", ["row 2", "latitude", "91"]),
        (HEADER + "Gym,51,,Iron\n", ["row 2", "longitude", "empty"]),
        (HEADER + "Gym,0,0,Iron\n", ["row 2", "0, 0"]),
        (HEADER + "Gym,51\n", ["row 2"]),
        ("poi_id,latitude,longitude\n1,51,-114\n1,52,-114\n", ["two places", "'1'"]),
    ],
)
def test_bad_places_are_one_line(tmp_path, genrec, content, reasons):
    checkins = csv_of(city(), tmp_path / "checkins.csv")
    path = tmp_path / "places.csv"
    path.write_text(content)
    failed(genrec("audience", path, "--checkins", checkins, "--out", tmp_path / "who.csv"), "places.csv", *reasons)
    assert not (tmp_path / "who.csv").exists()
    failed(genrec("audience", tmp_path / "none.csv", "--checkins", checkins), "no such file")


@settings(max_examples=25, deadline=None)
@given(made_checkins(), st.integers(1, 200))
def test_traits_are_those_of_each_person_in_turn(checkins, days):
    """Counted for everybody at once, and by hand."""
    evidence = Evidence(checkins, at(days / 4))
    past, places = evidence.past.frame, checkins.pois
    users = sorted(past["user_id"].unique())
    found = traits(evidence, users, places, None)
    everybody = np.array([past.filter(pl.col("poi") == poi).height for poi in range(len(places))]) + 1
    for row, user in enumerate(users):
        own = past.filter(user_id=user)
        late = own.filter(pl.col("time") >= evidence.as_of - timedelta(days=60))
        km = 111.195 * 0.009 * abs(own["poi"].unique().cast(pl.Int64).to_numpy()[:, None] - np.arange(len(places)))
        share = np.array([(own["poi"] == poi).sum() for poi in range(len(places))]) + 5 * everybody / everybody.sum()
        wanted = [
            np.full(len(places), np.log1p(len(late))),
            np.full(len(places), np.log1p(own["poi"].n_unique())),
            -np.log1p(km.min(axis=0) / 0.5),
            np.log(share / share.sum() / (everybody / everybody.sum())),
        ]
        assert np.allclose(found[row, :, 1:5].T, wanted, rtol=1e-4)
