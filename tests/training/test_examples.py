"""Training examples are the prompts of service, each visit is learned once, and other ids change nothing else."""

import random
import re
from collections import Counter
from datetime import timedelta

import numpy as np
import pytest
from made import at, make
from made_city import csv_of, town

from genrec.columns import POI_ID, TIME, USER
from genrec.rankers.ranking_prompt import MOST_VISITS
from training.data.cities import told, training_city
from training.data.examples import (
    NAMED,
    TrainingExample,
    _questions,
    learnable,
    only_named,
    read,
    relabelled,
    training_examples,
)
from training.recipe import Cities, Data


def words(text):
    return len(text.split())


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return csv_of(town(3), tmp_path_factory.mktemp("data") / "in.csv")


def answers(example):
    return [example.messages[i]["content"] for i in sorted(example.supervised)]


def test_each_visit_is_learned_once(path):
    data = Data(checkins=path, targets="every", moments=2)
    examples = training_examples(data, 0, words)
    _, visits = learnable(read(data), data)
    assert Counter(a for e in examples for a in answers(e)) == Counter(str(visit.target) for visit in visits)
    assert len(examples) < len(visits), "several answers a conversation"


def test_long_trajectories_are_told_in_windows():
    visits = [("u", i % 3, at(0) + timedelta(hours=i)) for i in range(60)]
    _, found = learnable(make(visits), Data(checkins="x", targets="every", moments=1))
    for most, half in ((MOST_VISITS, 4), (9, 5)):
        questions = list(_questions(found, most))
        assert sum(new for _, new in questions) == len(found)
        assert [new for _, new in questions][:3] == [most + 1, half, half]


def test_more_visits_in_a_conversation(path):
    few, many = (Data(checkins=path, targets="every", moments=1, visits=visits) for visits in (2, 9))
    few, many = (training_examples(data, 0, words) for data in (few, many))
    assert Counter(a for e in few for a in answers(e)) == Counter(a for e in many for a in answers(e))
    assert max(len(e.supervised) for e in few) == 3 < max(len(e.supervised) for e in many) <= 10


def test_answers_that_nothing_names():
    told = [
        {"role": "system", "content": "Goes to POI 7 (Bar). 12 visits"},
        {"role": "user", "content": "At Tue 10:00 (likely 5 40%, 6 20% near) you visit POI"},
        {"role": "assistant", "content": "6"},
        {"role": "user", "content": "At Tue 12:00 (likely 5 40%) you visit POI"},
        {"role": "assistant", "content": "12"},
        {"role": "user", "content": "At Tue 13:00 you visit POI"},
        {"role": "assistant", "content": "12"},
        {"role": "user", "content": "At Tue 14:00 (likely 40 40%) you visit POI"},
        {"role": "assistant", "content": "7"},
        {"role": "user", "content": "At Tue 15:00 you visit POI"},
        {"role": "assistant", "content": "9"},
    ]
    example = TrainingExample(tuple(told), frozenset({2, 4, 6, 8, 10}), 0)
    assert only_named(example).supervised == {2, 6, 8}
    assert only_named(relabelled(example, random.Random(0), 100)).supervised == {2, 6, 8}


def test_examples_of_named_answers(path, monkeypatch):
    monkeypatch.setattr("training.data.examples.NAMED", NAMED | {"user": r"^\b$"})  # what habits say counts for nothing
    data = Data(checkins=path, targets="every", moments=1, budget=1)
    every, named = (training_examples(data.model_copy(update={"named": only}), 0, words) for only in (False, True))
    assert named == [fewer for example in every if (fewer := only_named(example)).supervised]
    assert named != every


def test_final_visits_only(path):
    examples = training_examples(Data(checkins=path, moments=2), 0, words)
    assert all(example.supervised == {len(example.messages) - 1} for example in examples)


def test_nothing_of_later_rows_is_seen(path):
    checkins = town(3)
    seen, visits = learnable(checkins, Data(checkins=path, train="rolling"))
    assert len(seen.frame) == (len(checkins.frame) + 1) // 2
    assert max(visit.time for visit in visits) <= seen.frame[TIME].max()
    assert all(visit.as_of <= visit.time for visit in visits)


def test_relabelling_changes_ids_and_nothing_else(path):
    data = Data(checkins=path, targets="every", moments=2, level="full")
    for example in training_examples(data, 0, words):
        other = relabelled(example, random.Random(1), 8)
        assert other.supervised == example.supervised
        pairs = [
            (ours, theirs)
            for a, b in zip(example.messages, other.messages, strict=True)
            for ours, theirs in zip(re.findall(r"\w+", a["content"]), re.findall(r"\w+", b["content"]), strict=True)
            if ours != theirs
        ]
        mapping = dict(pairs)
        assert all(mapping[ours] == theirs for ours, theirs in pairs), "an id has one other id"
        assert len(set(mapping.values())) == len(mapping), "and no two share one"
        assert [re.sub(r"\d+", "", m["content"]) for m in other.messages] == [
            re.sub(r"\d+", "", m["content"]) for m in example.messages
        ]
        for i in example.supervised:
            assert other.messages[i]["content"] == mapping.get(
                example.messages[i]["content"], example.messages[i]["content"]
            )


def test_times_and_probabilities_keep_their_digits():
    turn = {"role": "user", "content": "At Mon 12:30 (likely 12 30% near, 30 12%) you visit POI"}
    made = relabelled(
        TrainingExample((turn, {"role": "assistant", "content": "30"}), frozenset({1}), 0), random.Random(0), 50
    )
    found = re.fullmatch(
        r"At Mon 12:30 \(likely (\d+) 30% near, (\d+) 12%\) you visit POI", made.messages[0]["content"]
    )
    assert found[2] == made.messages[1]["content"] != found[1]


def test_people_rarely_tell_of_a_place_twice_a_day():
    from genrec.city import CityConfig, build_city

    visits = build_city(CityConfig(users=20, pois=200, days=60, checkins=4000)).checkins
    kept = told(visits, np.random.default_rng(0))

    def repeats(frame):
        day = frame[TIME].dt.date()
        return frame.with_columns(day=day).select(USER, POI_ID, "day").is_duplicated().mean()

    assert len(kept) > 400
    assert kept.join(visits, on=visits.columns, how="anti").is_empty()
    assert repeats(kept) < 0.6 * repeats(visits)


@pytest.mark.slow
def test_cities_differ_and_are_the_same_again(monkeypatch):
    monkeypatch.setattr("training.data.cities.USERS", 12)
    first, again, other = (training_city(seed) for seed in (1, 1, 2))
    assert first.frame.equals(again.frame)
    assert len(first.pois) != len(other.pois)
    data = Data(cities=Cities(count=2, first_seed=1), relabel=True, targets="every", moments=2, limit=20)
    examples = training_examples(data, 0, words)
    assert len(examples) == 20
    assert examples == training_examples(data, 0, words)
