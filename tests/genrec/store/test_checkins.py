"""Check-ins and places, in both databases."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import polars as pl
import psycopg
import pytest
from hypothesis import given, settings
from made import at, made_checkins, make
from made_city import town
from made_store import WILLING, a_place, a_visit, an_answer, said
from sqlalchemy import event

from genrec.checkins import Checkins
from genrec.errors import GenRecError
from genrec.prepared import prepare
from genrec.reading.reader import read_checkins
from genrec.recommender import Recommender
from genrec.store.opening import open_store
from genrec.store.protocol import ConflictError, Imported, MissingError
from genrec.store.records import Settings


def rows(checkins: Checkins) -> list[tuple[object, ...]]:
    """Check-ins whatever the index of their places, and the order of equal moments of different people."""
    return (
        checkins.frame.join(checkins.pois, on="poi")
        .select("user_id", "time", "poi_id", "utc_time")
        .sort(pl.all())
        .rows()
    )


@pytest.fixture
def ready(store):
    store.add_people(["ann", "bob"], WILLING)
    store.add_places([a_place("p"), a_place("q", category="Gym")])
    return store


def test_visits_come_back_as_they_were_sent(ready):
    visits = [
        a_visit("ann", "2", "q", hour=9, utc_time=at(hour=15)), a_visit("ann", "1", hour=8), a_visit("bob", "1", hour=7)
    ]  # fmt: skip
    assert ready.add_checkins(visits) == 3
    assert ready.visits("ann") == [visits[1], visits[0]]
    assert ready.visits("bob") == [visits[2]]
    frame = ready.frame("ann")
    assert frame.columns == ["user_id", "poi", "time", "utc_time"]
    assert frame.schema == town().frame.schema
    assert frame.select("user_id", "poi", "time").rows() == [("ann", 0, at(hour=8)), ("ann", 1, at(hour=9))]


def test_the_same_visit_twice_is_one_and_another_with_its_id_is_refused(ready):
    assert ready.add_checkins([a_visit(), a_visit()]) == 1
    assert ready.add_checkins([a_visit(), a_visit(id_="2"), a_visit("bob")]) == 2
    for other in (a_visit(hour=9), a_visit(poi_id="q"), a_visit(utc_time=at(hour=8))):
        with pytest.raises(ConflictError, match="'1'"):
            ready.add_checkins([a_visit(id_="3"), other])
    with pytest.raises(ConflictError, match="'4'"):
        ready.add_checkins([a_visit(id_="4"), a_visit(id_="4", hour=9)])
    assert [visit.id for visit in ready.visits("ann")] == ["1", "2"]


def test_all_visits_of_a_call_are_added_or_none(ready):
    with pytest.raises(MissingError, match="nowhere"):
        ready.add_checkins([a_visit(), a_visit(id_="2", poi_id="nowhere")])
    with pytest.raises(MissingError, match="carl"):
        ready.add_checkins([a_visit(), a_visit("carl")])
    assert ready.visits("ann") == []
    assert ready.add_checkins([]) == 0


def test_many_who_send_the_same_visits_at_once_add_them_once(ready):
    visits = [a_visit(person, str(i), hour=i) for i in range(50) for person in ("ann", "bob")]
    with ThreadPoolExecutor(6) as pool:
        added = list(pool.map(ready.add_checkins, [visits, visits[::-1]] * 3))
    assert sum(added) == 100
    assert len(ready.visits("ann")) == 50


def test_an_index_of_a_place_never_changes(ready):
    before = ready.catalogue()
    assert ready.add_places([a_place("r"), a_place("p"), a_place("s")]) == [2, 0, 3]
    assert ready.catalogue()[: len(before)].equals(before)
    with pytest.raises(ConflictError, match="'q'"):
        ready.add_places([a_place("t"), a_place("q", category="Bar")])
    assert ready.catalogue()["poi_id"].to_list() == ["p", "q", "r", "s"]


def test_places_added_at_once_get_different_indices(ready):
    def add(number):
        return ready.add_places([a_place(f"{number}-{i}") for i in range(5)] + [a_place("shared")])

    with ThreadPoolExecutor(6) as pool:
        indices = list(pool.map(add, range(6)))
    assert len({row[-1] for row in indices}) == 1
    assert len({index for row in indices for index in row}) == 31
    assert ready.catalogue()["poi"].to_list() == list(range(2 + 31))


def test_people_who_import_at_once_do_not_wait_for_each_other(store):
    people = [f"u{i}" for i in range(30)]

    def work(number):
        order = people if number % 2 else people[::-1]
        store.import_checkins(make([(user, number % 8, at(hour=i)) for i, user in enumerate(order)]), WILLING)
        store.add_places([a_place(f"den {number}", owner=order[0])])
        return store.add_checkins([a_visit(user, f"{number}", f"den {number}") for user in order])

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(6))) == [30] * 6


@pytest.mark.slow
def test_many_writers_get_their_turn(new_address, opened, monkeypatch):
    monkeypatch.setattr("genrec.store.sql.database.BUSY_SECONDS", 0.2)
    store = opened(new_address("sqlite"))
    store.add_people(["ann"], WILLING)
    with ThreadPoolExecutor(40) as pool:
        list(pool.map(lambda i: store.add_answer(an_answer("ann", str(i))), range(200)))
    assert len(store.answers("ann")) == 200


def test_imported_check_ins_rank_as_those_of_the_file(store):
    checkins = town()
    assert store.import_checkins(checkins, WILLING) == Imported(3, len(checkins.pois), len(checkins.frame))
    kept = store.checkins()
    assert rows(kept) == rows(checkins)
    assert kept.pois.select(checkins.pois.columns).equals(checkins.pois)
    assert not kept.dates_only
    [here] = Recommender(kept).rank([("u0", at(11, 12))], "habits")
    [there] = Recommender(checkins).rank([("u0", at(11, 12))], "habits")
    assert here.places == there.places


def test_an_import_again_adds_what_is_new_and_nothing_twice(store):
    store.import_checkins(town(2), Settings())
    assert store.import_checkins(town(2), WILLING) == Imported(0, 0, 0)
    assert store.import_checkins(town(3), WILLING) == Imported(1, 0, len(town(3).frame) - len(town(2).frame))
    assert [person.consent for person in store.people()] == [False, False, True]
    assert rows(store.checkins()) == rows(town(3))


def test_equal_times_keep_the_order_of_the_file(store):
    days = make([("ann", poi, at(day)) for day in range(3) for poi in (4, 1, 7, 1, 0)])
    store.import_checkins(days, WILLING)
    kept = store.checkins()
    assert kept.frame.equals(days.frame)
    assert kept.dates_only
    assert store.frame("ann").equals(days.frame)


def test_a_visit_that_was_sent_is_not_imported_again(store):
    store.import_checkins(make([("ann", 0, at(1))]), WILLING)
    store.add_checkins([a_visit("ann", "1", "p0", hour=8)])
    assert (
        store.import_checkins(make([("ann", 0, at(1)), ("ann", 0, at(hour=8))]), WILLING).checkins == 1
    )  # no UTC there
    assert store.import_checkins(make([("ann", 0, at(1)), ("ann", 0, at(hour=8))]), WILLING).checkins == 0


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(made_checkins(min_size=0), made_checkins(min_size=0))
def test_imports_add_up_as_in_a_prepared_folder(tmp_path_factory, first, second):
    folder = tmp_path_factory.mktemp("add")
    store = open_store(str(folder / "store.db"))
    for checkins in (first, second):
        store.import_checkins(checkins, WILLING)
        if len(checkins.frame):
            prepare(checkins, folder / "prepared")
    if len(first.frame) or len(second.frame):
        assert rows(store.checkins()) == rows(read_checkins(folder / "prepared"))
    store.close()


def test_names_that_cannot_be_kept_stop_an_import_in_one_line(store):
    checkins = town(1)
    pois = checkins.pois.with_columns(pl.lit("a\0b").alias("name"))
    with pytest.raises(GenRecError, match="a place: name: holds a character") as refused:
        store.import_checkins(Checkins(checkins.frame, pois, "made", []), WILLING)
    assert "\n" not in str(refused.value)
    assert store.counts() == dict.fromkeys(store.counts(), 0)


def test_an_empty_store_has_empty_check_ins(store):
    kept = store.checkins()
    assert (len(kept.frame), len(kept.pois), kept.dates_only) == (0, 0, False)
    assert kept.frame.schema == town().frame.schema


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
def test_what_is_asked_of_a_person_looks_through_no_table(ready, address):
    """Whatever the number of people and check-ins: each statement finds its rows by an index."""
    visits = [a_visit("ann", str(i), hour=i) for i in range(3)] + [a_visit("bob")]
    ready.add_checkins(visits)
    asked = []
    event.listen(ready._database.engine, "before_cursor_execute", lambda *seen: asked.append(seen[2:4]))
    assert ready.add_checkins(visits) == 0
    ready.visits("ann"), ready.frame("ann"), ready.person("ann"), ready.people(after="a", limit=1)
    ready.profile("ann"), ready.history("ann"), ready.feedback("ann"), ready.answers("ann"), list(ready.records("ann"))
    ready.add_answer(an_answer())
    ready.add_feedback(said(answer="a1"))
    ready.change_settings("ann", WILLING)
    selects = [(statement, values) for statement, values in asked if statement.startswith(("SELECT", "UPDATE"))]
    assert len(selects) > 15
    with closing(sqlite3.connect(address)) as connection:
        for statement, values in selects:
            steps = [step for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
            assert not [step for step in steps if step.startswith("SCAN")], (statement, steps)


@pytest.mark.slow
def test_postgresql_has_indices_of_people_too(new_address, opened):
    address = new_address("postgresql")
    opened(address)
    with psycopg.connect(address) as connection:
        connection.execute("SET enable_seqscan = off")  # which it prefers for few rows
        for table in ("checkins", "profiles", "feedback", "answers"):
            steps = connection.execute(f"EXPLAIN SELECT * FROM {table} WHERE person = 1").fetchall()
            assert "Seq Scan" not in str(steps)
