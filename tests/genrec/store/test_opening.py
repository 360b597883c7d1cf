"""What can be wrong with a store before anything is read from it: one line, and nothing is touched."""

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from made_store import WILLING, fill
from sqlalchemy import create_engine

from genrec.errors import GenRecError
from genrec.store.opening import open_store
from genrec.store.sql.tables import VERSION_TABLE, metadata


def refusal(address, **options):
    with pytest.raises(GenRecError) as refused:
        open_store(str(address), **options)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("address", "problem"),
    [("mysql://ann:secret@host/db", "begin with mysql://"), ("postgresql://ann:secret@host:port/db", "not a URL"),
     ("https://ann:secret@host", "begin with https://"), ("postgresql://ann:secret@/db?host=/nowhere", "/nowhere"),
     ("postgresql://ann:secret@127.0.0.1:1/db?password=secret", "refused")],
)  # fmt: skip
def test_an_address_that_is_none_is_said_without_its_password(address, problem):
    told = refusal(address)
    assert problem in told
    assert "secret" not in told


def test_files_that_cannot_be_stores_stay_as_they_are(tmp_path):
    text = tmp_path / "in.csv"
    text.write_text("user_id,poi_id\n" * 100)
    assert "in.csv is not a database" in refusal(text)
    assert text.read_text() == "user_id,poi_id\n" * 100
    assert "is a folder" in refusal(tmp_path)
    assert "its folder does not exist" in refusal(tmp_path / "no" / "store.db")
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in refusal(tmp_path / "pipe")
    assert "no such store" in refusal(tmp_path / "store.db", create=False)
    assert not (tmp_path / "store.db").exists()


def test_the_database_of_another_program_is_left_alone(tmp_path):
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE people (id)")
    before = path.read_bytes()
    assert "is a database of another program" in refusal(path)
    assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_a_schema_of_another_program_in_postgresql_is_left_alone(new_address, server):
    address = new_address("postgresql")
    schema = address.rpartition("%3D")[2]
    server.sql(f"CREATE TABLE {schema}.people (id int)")
    assert "another program" in refusal(address)
    assert server.sql(f"SELECT count(*) FROM pg_tables WHERE schemaname = '{schema}'") == "1\n"


def test_a_newer_schema_is_said_to_be_newer(address, opened):
    opened(address).add_people(["ann"], WILLING)
    execute(address, f"UPDATE {VERSION_TABLE} SET version_num = '99'")
    assert "newer GenRec (its schema is 99, this one knows 3); update GenRec" in refusal(address)
    execute(address, f"UPDATE {VERSION_TABLE} SET version_num = '3'")
    assert opened(address).person("ann").id == "ann"


def execute(address, statement):
    with engine(address).begin() as connection:
        connection.exec_driver_sql(statement)


def engine(address):
    return create_engine(
        address.replace("postgresql://", "postgresql+psycopg://") if "://" in address else f"sqlite:///{address}"
    )


def test_the_migrations_make_the_tables_that_the_program_uses(address, opened):
    opened(address)
    with engine(address).connect() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


def test_opening_again_finds_everything(address, opened):
    fill(opened(address))
    before = list(opened(address).records())
    assert list(opened(address).records()) == before


@pytest.mark.slow
def test_many_may_open_a_new_store_at_once(address):
    code = "import sys; from genrec.store.opening import open_store; print(open_store(sys.argv[1]).people())"
    processes = [subprocess.Popen([sys.executable, "-c", code, address], stdout=subprocess.PIPE) for _ in range(3)]
    assert [process.communicate()[0] for process in processes] == [b"[]\n"] * 3


def test_a_new_file_is_for_its_owner_only(tmp_path, opened):
    opened(str(tmp_path / "store.db")).add_people(["ann"], WILLING)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_what_another_process_is_writing_is_said_to_be_locked(tmp_path, opened, monkeypatch):
    monkeypatch.setattr("genrec.store.sql.database.BUSY_SECONDS", 0.2)
    store = opened(str(tmp_path / "store.db"))
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(GenRecError, match="another process"):
            store.add_people(["ann"], WILLING)
        assert store.people() == []  # readers do not wait
        other.execute("ROLLBACK")
    assert store.add_people(["ann"], WILLING) == 1


def test_a_damaged_database_is_said_to_be_damaged(tmp_path):
    path = tmp_path / "store.db"
    store = open_store(str(path))
    fill(store)
    store.close()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    assert "damaged" in refusal(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "address"),
    [("sqlalchemy", "store.db"), ("alembic", "store.db"), ("psycopg", "postgresql://localhost/db")],
)
def test_a_missing_package_is_named_with_its_extra(package, address, tmp_path):
    (tmp_path / "in.jsonl").touch()
    code = f"import sys; sys.modules[{package!r}] = None; from genrec.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "store", "load", "in.jsonl", "--store", address],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"needs the package {package}" in done.stderr
    assert "pip install 'genrec[app]'" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_values_stay_out_of_errors_and_logs(address, opened, caplog):
    """Whatever goes wrong in the database: what people wrote is not repeated."""
    caplog.set_level("INFO")
    store = opened(address)
    store.add_people(["ann"], WILLING)
    execute(address, "DROP TABLE feedback")
    execute(address, "ALTER TABLE people RENAME COLUMN strength TO other")
    with pytest.raises(GenRecError) as refused:
        store.add_people(["a secret"], WILLING)
    assert "secret" not in str(refused.value)
    assert "secret" not in caplog.text
    assert "\n" not in str(refused.value)
