"""Stores to try: each test of `store` runs on SQLite and on a PostgreSQL server of its own."""

import os

import pytest
from made_postgres import binaries, postgres

from genrec.store.opening import open_store

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]


@pytest.fixture(scope="session")
def server():
    programs = binaries()
    if programs is None:
        why = "PostgreSQL is not installed (Debian: apt-get install postgresql)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)
    with postgres(programs) as running:
        yield running


@pytest.fixture
def new_address(request, tmp_path):
    """Addresses of empty databases of a kind."""
    files = iter(range(100))

    def make(kind):
        if kind == "sqlite":
            return str(tmp_path / f"store{next(files)}.db")
        return request.getfixturevalue("server").new_database()

    return make


@pytest.fixture
def opened():
    """Opens stores, and closes them after the test."""
    stores = []

    def make(address, **options):
        stores.append(open_store(address, **options))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.fixture(params=BOTH)
def address(request, new_address):
    return new_address(request.param)


@pytest.fixture
def store(address, opened):
    return opened(address)
