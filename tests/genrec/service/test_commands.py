"""`genrec app` and `genrec key`."""

import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest
from made_city import failed

from genrec.store.opening import open_store

from .conftest import done, eventually


def test_a_key_is_made_listed_and_dropped(genrec, tmp_path):
    at = ["--store", tmp_path / "store.db"]
    open_store(str(tmp_path / "store.db")).close()
    code, key, err = genrec("key", "add", *at)
    assert code == 0 and key.startswith("genrec_") and "hash alone" in err
    id_ = key.split("_")[1]
    _, listed, _ = genrec("key", "list", *at)
    assert listed.startswith(f"{id_}  ") and "operator" in listed and key.split("_", 2)[2].strip() not in listed
    failed(genrec("key", "add", *at, "--person", "nobody"), "no person 'nobody'")
    assert genrec("key", "drop", id_, *at)[0] == 0
    failed(genrec("key", "drop", id_, *at), "no key")
    assert genrec("key", "list", *at)[1] == ""


def test_others_are_let_in_with_keys_only(genrec, data, tmp_path):
    failed(genrec("app", data, "--store", tmp_path / "a.db", "--host", "0.0.0.0"), "no keys", "genrec key add")
    assert not list(tmp_path.glob("a.db*"))


def test_what_cannot_be_served_is_said_in_a_line_and_leaves_no_store(genrec, data, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    at = ["--store", tmp_path / "a.db"]
    for command in (["app"], ["key", "add", *at], ["key", "add"], ["store", "dump", tmp_path / "d"]):
        failed(genrec(*command), "no such store", "genrec app my.csv")
    failed(genrec("app", tmp_path, *at))
    failed(genrec("store", "load", data, *at), "row 1")
    assert not list(tmp_path.rglob("*.db*"))
    failed(genrec("app", data, *at, "--adapter", "x", "--no-adapter"), "exclude each other")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        failed(genrec("app", data, *at, "--port", taken.getsockname()[1]), "cannot listen there", "--port")


@pytest.mark.slow
def test_a_file_is_served_until_it_is_interrupted(data, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from genrec.cli import main; main()", "app", str(data), "--port", str(port)]
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}
    for _ in range(2):  # the second time everything is in the store
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            try:
                assert process.stdout.readline().startswith(f"http://127.0.0.1:{port} ")
                url = f"http://127.0.0.1:{port}"
                eventually(lambda url=url: is_ready(url))
                assert len(done(httpx.get(f"{url}/v1/people"))["people"]) == 3
                assert done(httpx.post(f"{url}/v1/recommend", json={"person": "u0"}))["used"]["checkins"] == 32
            finally:
                process.send_signal(signal.SIGINT)
        assert process.returncode in {0, 130}
    assert [path.name for path in (tmp_path / "genrec").glob("*.db")] == ["genrec.db"]


def is_ready(url):
    try:
        return httpx.get(f"{url}/health/ready").status_code == 200
    except httpx.TransportError:
        return False
