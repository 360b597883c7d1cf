"""Backups: from any store into any other, and profiles byte for byte."""

import json
import os
import stat
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_store import WILLING, a_profile, a_visit, fill

from genrec.errors import GenRecError
from genrec.profiles.profile import write_profiles
from genrec.store.dump import dump, dump_profiles, load
from genrec.store.opening import open_store
from genrec.store.protocol import ConflictError, ConsentError
from genrec.store.records import Answer, Checkin, Feedback, Person, Place, Settings, Version

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]


@pytest.mark.slow
@pytest.mark.parametrize("second", KINDS)
@pytest.mark.parametrize("first", KINDS)
def test_a_dump_makes_the_same_store(first, second, new_address, opened, tmp_path):
    one, other = opened(new_address(first)), opened(new_address(second))
    fill(one)
    assert dump(one, tmp_path / "a.jsonl") == load(other, tmp_path / "a.jsonl") == sum(one.counts().values())
    dump(other, tmp_path / "b.jsonl")
    assert (tmp_path / "b.jsonl").read_bytes() == (tmp_path / "a.jsonl").read_bytes()
    assert other.checkins().frame.equals(one.checkins().frame)
    assert other.checkins().pois.equals(one.checkins().pois)
    assert stat.S_IMODE((tmp_path / "a.jsonl").stat().st_mode) == 0o600
    # and goes on where the first one was
    assert other.save_profile(a_profile("u0"), by="u0", base=2).number == 3
    assert other.add_checkins([a_visit("u1", poi_id="p1")]) == 1


ids = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
moments = st.datetimes(datetime(1970, 1, 2), datetime(2100, 12, 30), timezones=st.just(UTC))
jsons = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)


def degrees(limit):
    return st.floats(-limit, limit).map(lambda value: value + 0.0)  # SQLite knows one zero only


@st.composite
def contents(draw):
    """The records of a store that can be: what is referred to is there."""
    people = draw(st.lists(ids, unique=True, max_size=4))
    pois = draw(st.lists(ids, unique=True, min_size=1, max_size=4))
    position = {"latitude": degrees(90), "longitude": degrees(180)}
    strength = st.floats(0, 2)
    records = [
        Person(id=id_, created=draw(moments), strength=draw(strength), consent=draw(st.booleans())) for id_ in people
    ]
    for poi_id in pois:
        said_of_it = {"category": draw(texts), "name": draw(st.none() | texts), "region": draw(st.none() | texts)}
        where = {name: draw(values) for name, values in position.items()}
        owner = draw(st.sampled_from([None, *people]))
        records.append(Place(poi_id=poi_id, owner=owner, **said_of_it, **where))
    kinds = ("checkin", "profile", "feedback")
    of_people = {kind: [(one, id_) for one in people for id_ in draw(st.sets(ids, max_size=3))] for kind in kinds}
    for person, id_ in of_people["checkin"]:
        time = draw(moments).replace(tzinfo=None)
        utc_time = draw(st.sampled_from([None, time]))
        visit = {"poi_id": draw(st.sampled_from(pois)), "time": time, "utc_time": utc_time}
        records.append(Checkin(person=person, id=id_, **visit))
    for number, (person, text) in enumerate(of_people["profile"], start=1):
        records.append(Version(person=person, number=number, at=draw(moments), by=draw(texts), text=text))
    for id_ in draw(st.lists(ids, unique=True, max_size=3)):
        used = draw(st.dictionaries(texts, jsons, max_size=3))
        person = draw(st.sampled_from([None, *people]))
        records.append(Answer(id=id_, person=person, at=draw(moments), method="fusion", used=used, places=pois))
    for person, id_ in of_people["feedback"]:
        records.append(Feedback(person=person, id=id_, kind="hide", poi_id=pois[0], at=draw(moments)))
    return records


def in_any_order(records):
    return sorted(record.model_dump_json() for record in records)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=10, deadline=None)
@given(records=contents())
def test_whatever_a_store_holds_survives_a_dump(kind, request, tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("dump")
    paths = [str(folder / "1.db"), str(folder / "2.db")]
    if kind == "postgresql":
        paths[1] = request.getfixturevalue("server").new_database()
    first, second = map(open_store, paths)
    assert first.restore(records) == len(records)
    dump(first, folder / "a.jsonl")
    load(second, folder / "a.jsonl")
    dump(second, folder / "b.jsonl")
    assert in_any_order(second.records()) == in_any_order(records)
    assert (folder / "b.jsonl").read_bytes() == (folder / "a.jsonl").read_bytes()
    assert [record.poi_id for record in records if isinstance(record, Place)] == second.catalogue()["poi_id"].to_list()
    first.close()
    second.close()


def test_a_file_of_profiles_comes_back_byte_for_byte(store, tmp_path):
    path, back = tmp_path / "profiles.jsonl", tmp_path / "back.jsonl"
    write_profiles(path, [a_profile("u2"), a_profile("u0", "Likes téa."), a_profile("u1")])
    path.write_text(path.read_text().replace('"u1","as_of":', '"u1",  "as_of" :'))
    assert load(store, path) == 3
    assert dump_profiles(store, back) == 3
    assert back.read_bytes() == path.read_bytes()
    assert load(store, path) == 0  # again
    write_profiles(path, [a_profile("u0", "Likes coffee.")])
    assert load(store, path) == 1
    assert [version.number for version in store.history("u0")] == [1, 2]


def test_a_file_of_profiles_is_not_loaded_against_somebody_s_will(store, tmp_path):
    store.add_people(["u1"], Settings(consent=False))
    write_profiles(tmp_path / "profiles.jsonl", [a_profile("u0"), a_profile("u1")])
    with pytest.raises(ConsentError, match="u1"):
        load(store, tmp_path / "profiles.jsonl")
    assert [person.id for person in store.people()] == ["u1"]


def test_a_dump_is_of_one_moment(store):
    """What is written while it is made is in it as a whole or not at all."""
    fill(store)
    before = list(store.records())
    dumped = store.records()
    seen = [next(dumped)]
    store.add_people(["late"], WILLING)
    store.add_checkins([a_visit("late", poi_id="p1"), a_visit("u0", poi_id="p1")])
    store.save_profile(a_profile("u0"), by="late", base=2)
    assert [*seen, *dumped] == before
    assert len(list(store.records())) == len(before) + 4


@pytest.fixture
def made_dump(new_address, opened, tmp_path):
    store = opened(new_address("sqlite"))
    fill(store)
    dump(store, tmp_path / "dump.jsonl")
    return tmp_path / "dump.jsonl"


def test_a_damaged_dump_changes_nothing(made_dump, store):
    lines = made_dump.read_text().splitlines(keepends=True)
    half = lines[-2][: len(lines[-2]) // 2]
    damaged = {
        "not a whole dump": [lines[:-1], [*lines, lines[1]], [*lines[:5], *lines[6:]], [lines[0], *lines[4:]]],
        "not a line of a dump": [[*lines[:-2], half], [*lines[:4], "{}\n", *lines[4:]], [*lines[:4], "\n"]],
        "not a dump of a store": [lines[1:], []],
        "there is no person": [[lines[0], *lines[20:]]],
    }
    for problem, files in damaged.items():
        for content in files:
            made_dump.write_text("".join(content))
            with pytest.raises(GenRecError, match=problem if "person" in problem else f"{problem}|no person|no place"):
                load(store, made_dump)
            assert store.counts() == dict.fromkeys(store.counts(), 0)


def test_a_dump_is_loaded_into_an_empty_store_only(made_dump, store):
    store.add_people(["somebody"], WILLING)
    with pytest.raises(ConflictError, match="empty"):
        load(store, made_dump)
    assert store.counts()["people"] == 1


@pytest.mark.slow
def test_a_dump_that_fails_leaves_the_file_before(made_dump, new_address, opened, monkeypatch):
    before = made_dump.read_bytes()
    store = opened(new_address("sqlite"))
    fill(store)

    records = list(store.records())

    def broken(_):
        yield from records[:5]
        raise OSError("the disk is gone")

    monkeypatch.setattr(type(store), "records", broken)
    with pytest.raises(OSError, match="gone"):
        dump(store, made_dump)
    assert made_dump.read_bytes() == before
    assert not [path for path in made_dump.parent.iterdir() if path.name.endswith(".tmp")]


def test_the_commands_back_up_and_restore(genrec, address, opened, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    fill(opened(address))
    monkeypatch.setenv("GENREC_STORE", address)
    code, out, err = genrec("store", "dump", "backup.jsonl")
    assert (code, err) == (0, "")
    (tmp_path / "backup.jsonl").chmod(0o644)
    code, out, err = genrec("store", "dump", "backup.jsonl")
    assert (code, err) == (0, "note: the dump that was in backup.jsonl is replaced\n")
    assert stat.S_IMODE((tmp_path / "backup.jsonl").stat().st_mode) == 0o600
    records = len((tmp_path / "backup.jsonl").read_text().splitlines()) - 2
    assert out == f"backup.jsonl: {records:,} records\n"
    monkeypatch.delenv("GENREC_STORE")
    assert genrec("store", "load", "backup.jsonl")[:2] == (0, f"backup.jsonl: {records:,} new records\n")
    assert genrec("store", "dump", "again.jsonl")[0] == 0
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "backup.jsonl").read_bytes()
    assert genrec("store", "dump", "profiles.jsonl", "--profiles")[:2] == (0, "profiles.jsonl: 1 profiles\n")
    assert json.loads((tmp_path / "profiles.jsonl").read_text())["user_id"] == "u0"
    assert genrec("profile", "show", "u0")[0] == 0


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("dump x.jsonl", "no such store. Name it with --store"),
        ("dump x.jsonl --store in.csv", "not a database"),
        ("dump pipe --store good.db", "not a regular file"),
        ("dump good.db --store good.db", "is not a dump"),
        ("dump in.csv --store good.db", "Name another file"),
        ("dump in.csv --store good.db --profiles", "Name another file"),
        ("dump . --store good.db", "is a folder"),
        ("load no.jsonl", "no such file"),
        ("load in.csv", "not a line of a dump"),
        ("load .", "not a regular file"),
        ("load in.csv --store ftp://x", "ftp://"),
    ],
)
def test_what_the_commands_cannot_do_is_one_line(words, problem, genrec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    (tmp_path / "in.csv").write_text("user_id,poi_id\n1,2\n")
    os.mkfifo(tmp_path / "pipe")
    open_store("good.db").close()
    code, out, err = genrec("store", *words.split())
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert problem in err
    assert (tmp_path / "in.csv").read_text() == "user_id,poi_id\n1,2\n"
    assert not (tmp_path / "x.jsonl").exists()
