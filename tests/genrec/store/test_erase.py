"""Who is erased leaves no byte behind; others lose nothing."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from made import at, make
from made_store import NOON, WILLING, a_place, a_profile, a_visit, an_answer, said

from genrec.errors import GenRecError
from genrec.store.protocol import Imported, MissingError
from genrec.store.records import Person, Version

NAME = "marguerite"
WORDS = ["Zymurgy delights her.", "Quokkas bore her."]


def traces(folder: Path, but: str = "-") -> list[str]:
    """Which files hold something of the person."""
    marks = [NAME.encode(), b"Zymurgy", b"Quokkas", b"xylograph", b"Wombat Den"]
    files = [path for path in folder.rglob("*") if path.is_file() and but not in path.parts]
    return [f"{path.name}: {mark}" for path in files for mark in marks if mark in path.read_bytes()]


def live(store, person: str) -> None:
    """All that can be kept of somebody, among others, and changed again and again."""
    store.add_people([person], WILLING)
    store.add_places([a_place(f"den of {person}", name="Wombat Den" if person == NAME else None, owner=person)])
    visits = [a_visit(person, f"{person} {i}", f"den of {person}" if i % 3 else "p", hour=i) for i in range(300)]
    store.add_checkins(visits)
    for number, words in enumerate([[], WORDS[:1], WORDS[1:], WORDS] if person == NAME else [[], ["Runs."]]):
        text = a_profile("u0", *words).model_dump_json().replace('"u0"', f'"{person}"')
        store.save_profile(type(a_profile()).model_validate_json(text), by=person, base=number)
    for i in range(8):
        answer = an_answer(person, f"{person} a{i}", used={"words": "a xylograph"} if person == NAME else {})
        store.add_answer(answer)
        store.add_feedback(said(person, f"{person} f{i}", answer=answer.id))


@pytest.fixture
def lived(store):
    store.add_places([a_place("p")])
    store.add_people(["carl"], WILLING)
    for person in ("anton", NAME, "zoe"):
        live(store, person)
    store.add_checkins([a_visit("carl", "1", "den of zoe")])
    return store


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
def test_no_file_of_sqlite_holds_a_trace(lived, tmp_path):
    assert traces(tmp_path)
    others = {person: list(lived.records(person)) for person in ("anton", "zoe")}
    lived.erase(NAME)
    assert traces(tmp_path) == []
    assert {person: list(lived.records(person)) for person in ("anton", "zoe")} == others


@pytest.mark.parametrize("seed", [13, 14, 39])
def test_no_trace_is_left_where_sqlite_has_moved_rows(seed, new_address, opened, tmp_path):
    """Rows of all lengths in any order: without a rewrite of the file, copies stay where they have been."""
    chance = random.Random(seed)
    people = ("anton", NAME, "zoe")

    def id_of(person):
        return f"{chance.random()} {person} {'x' * chance.randrange(150)}"

    visits = [a_visit(person, id_of(person), hour=i) for i in range(500) for person in people]
    answers = [
        an_answer(person, id_of(person), used={"w": person * chance.randrange(100)})
        for _ in range(300)
        for person in people
    ]
    chance.shuffle(visits)
    chance.shuffle(answers)
    store = opened(new_address("sqlite"))
    store.restore([*(Person(id=person) for person in people), a_place(), *visits, *answers])
    store.erase(NAME)
    assert traces(tmp_path) == []
    assert store.counts()["checkins"] == 1000


@pytest.mark.slow
@pytest.mark.parametrize("address", [pytest.param("postgresql")], indirect=True)
def test_no_table_of_postgresql_holds_a_trace(lived, server):
    """Its write-ahead log is a log: it keeps what was written until the server reuses it."""
    server.sql("ANALYZE")
    server.sql("CHECKPOINT")
    data = server.folder / "data"
    assert traces(data, but="pg_wal")
    others = list(lived.records("zoe"))
    lived.erase(NAME)
    server.sql("CHECKPOINT")
    assert traces(data, but="pg_wal") == []
    assert list(lived.records("zoe")) == others


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
def test_an_erasure_that_was_interrupted_is_repeated(lived, address, tmp_path):
    with closing(sqlite3.connect(address)) as connection:
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=OFF")
        connection.execute("DELETE FROM people WHERE id = ?", [NAME])
        connection.execute("UPDATE places SET poi_id = 'x', name = NULL WHERE poi_id LIKE ?", [f"%{NAME}"])
        connection.commit()
    assert traces(tmp_path)
    with pytest.raises(MissingError):
        lived.erase(NAME)
    assert traces(tmp_path) == []


def test_places_of_one_s_own_lose_everything_but_their_index(lived):
    index = dict(zip(*lived.catalogue().select("poi_id", "poi"), strict=True))
    before = lived.catalogue()
    lived.erase(NAME)
    lived.erase("zoe")  # of whose place somebody else knows
    after = lived.catalogue()
    assert len(after) == len(before)
    blank = after.row(index[f"den of {NAME}"], named=True)
    assert (blank["poi_id"], blank["category"], blank.get("name")) == (f"erased {blank['poi']}", "unknown", None)
    assert after.row(index["den of zoe"], named=True)["poi_id"] == "den of zoe"
    lived.add_people(["zoe"], WILLING)
    assert list(lived.records("zoe"))[1:] == []


def test_a_place_that_everybody_may_know_stays(store):
    store.import_checkins(make([("ann", 1, at())]), WILLING)
    store.erase("ann")
    assert "p1" in store.catalogue()["poi_id"].to_list()


def test_a_reader_that_keeps_the_log_alive_is_reported(new_address, opened, monkeypatch):
    monkeypatch.setattr("genrec.store.sql.database.BUSY_SECONDS", 0.2)
    address = new_address("sqlite")
    store = opened(address)
    store.add_people(["ann"], WILLING)
    reader = sqlite3.connect(address, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM people").fetchall()
    with pytest.raises(GenRecError, match="another process"):
        store.erase("ann")
    reader.close()
    assert store.people() == []


def test_who_was_erased_does_not_come_back_with_a_file(store):
    file = make([("ann", 1, at()), ("bob", 2, at()), ("ann", 2, at(hour=1)), ("12", 2, at(hour=2))])
    store.import_checkins(file, WILLING)
    for person in ("ann", "12"):
        store.erase(person)
    assert store.import_checkins(file, WILLING) == Imported(0, 0, 0, erased=2)
    spelled = make([("12.0", 2, at(hour=3)), ("ann", 3, at())])
    assert store.import_checkins(spelled, WILLING) == Imported(0, 0, 0, erased=2)
    line = Version(person="ann", number=1, at=NOON, by="a model", text=a_profile().model_dump_json())
    assert store.import_profiles([line], WILLING) == 0
    assert [person.id for person in store.people()] == ["bob"]
    assert store.frame("bob")["poi"].to_list() == [2]


def test_places_that_only_they_have_been_to_do_not_come_back_either(store):
    store.add_people(["ann"], WILLING)
    store.erase("ann")
    file = make([("ann", 0, at()), ("ann", 3, at(hour=1)), ("bob", 3, at(hour=2)), ("bob", 4, at(hour=3))])
    assert store.import_checkins(file, WILLING).erased == 1
    pois = store.catalogue()["poi_id"].to_list()
    assert "p0" not in pois  # it may be their home
    assert [pois[poi] for poi in store.frame("bob")["poi"]] == ["p3", "p4"]


def test_an_operator_may_let_them_come_back(store):
    file = make([("ann", 1, at())])
    store.import_checkins(file, WILLING)
    store.erase("ann")
    store.add_people(["ann"], WILLING)
    assert store.counts()["erased"] == 0
    assert store.import_checkins(file, WILLING) == Imported(0, 0, 1)


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
def test_a_backup_remembers_who_was_erased(store, new_address, opened):
    file = make([("ann", 1, at()), ("bob", 2, at())])
    store.import_checkins(file, WILLING)
    store.erase("ann")
    records = list(store.records())
    assert not any("ann" in record.model_dump_json() for record in records)
    copy = opened(new_address("sqlite"))
    copy.restore(records)
    assert copy.import_checkins(file, WILLING) == Imported(0, 0, 0, erased=1)
