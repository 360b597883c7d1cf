"""Work that several processes share: the result is that of one, whoever is killed."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from made_city import csv_of, town
from made_work import Repeat

from genrec.checkins import Checkins
from genrec.errors import GenRecError
from genrec.jobs.job import HERE, Placing, home_of, results
from genrec.jobs.parts import Done, Parts
from genrec.jobs.processes import WorkerError
from genrec.jobs.worker import Opening, shared
from genrec.prepared import load, prepare

CHUNKS = [[f"u{i}", f"v{i}"] for i in range(9)]
TWO = Placing(workers=2)


@pytest.fixture(scope="module")
def checkins(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "prepared"
    prepare(town(3), folder)
    return Checkins(*load(folder))


def done(work, checkins, home, placing=TWO, made_from=(), **options):
    elsewhere = placing.elsewhere(work, checkins, dict(made_from))
    return {n: one.lines for n, one in results(CHUNKS, lambda: work(checkins), home, elsewhere, **options)}


def expected(checkins):
    return {n: [f"{item} of {len(checkins.frame)}" for item in chunk] for n, chunk in enumerate(CHUNKS)}


@pytest.mark.slow
def test_the_same_in_the_order_of_the_chunks(checkins, tmp_path):
    alone, shared = Repeat(tmp_path / "alone"), Repeat(tmp_path / "shared", pause=0.01)
    here = done(alone, checkins, tmp_path / "job", HERE)
    assert here == done(shared, checkins, tmp_path / "job") == expected(checkins)
    assert list(here) == list(range(len(CHUNKS)))
    assert sorted(shared.done()) == sorted(alone.done())
    assert os.getpid() in alone.workers()
    assert os.getpid() not in shared.workers()
    assert not (tmp_path / "job").exists()


def test_nothing_is_opened_if_nothing_is_missing(tmp_path, checkins):
    def never(checkins):
        raise AssertionError

    for placing in (HERE, TWO):
        assert done(never, checkins, tmp_path / "job", placing, finished=range(len(CHUNKS))) == {}


@pytest.mark.slow
def test_errors_of_workers_are_errors_of_the_job(checkins, tmp_path):
    for work, kind, said in (
        (Repeat(tmp_path / "a", refuses="u4"), GenRecError, "^u4 is nobody$"),
        (Repeat(tmp_path / "b", breaks="v4"), WorkerError, "ZeroDivisionError: v4"),
        (Repeat(tmp_path / "c", dies="u4"), GenRecError, "ended 3 times .by signal 9.. Is there enough memory"),
    ):
        with pytest.raises(kind, match=said):
            done(work, checkins, tmp_path / "job")
        assert not [pid for pid in work.workers() if Path(f"/proc/{pid}").exists()]


@pytest.mark.slow
def test_what_a_killed_job_has_finished_is_taken_if_it_is_of_the_same(checkins, tmp_path):
    home = tmp_path / "job"
    broken = Repeat(tmp_path / "a", pause=0.02, refuses="u5")
    with pytest.raises(GenRecError):
        done(broken, checkins, home)
    for made_from, kept in (({}, True), ({"k": 1}, False)):
        parts = Parts(home)
        there = parts.finished()
        parts.put(7, Done(["by hand"], 1.0))
        again = done(Repeat(tmp_path / f"log {kept}"), checkins, home, made_from=made_from)
        assert again[7] == (["by hand"] if kept else expected(checkins)[7])
        assert set(Repeat(tmp_path / f"log {kept}").done()).isdisjoint(f"u{n}" for n in there) or not kept
        if kept:
            parts.begin({"other": "job"}, CHUNKS)


def test_data_that_change_meanwhile_are_noticed(tmp_path):
    prepare(town(3), tmp_path / "city")
    checkins = Checkins(*load(tmp_path / "city"))
    opening = Opening(tmp_path / "job", Repeat(tmp_path / "log"), shared(checkins, tmp_path / "job"))
    assert opening.data.folder == tmp_path / "city", "a prepared folder is read where it is"
    opening.open().do(0, ["u0"])
    assert Parts(tmp_path / "job").get(0).lines == [f"u0 of {len(checkins.frame)}"]
    prepare(town(5), tmp_path / "city")
    with pytest.raises(GenRecError, match="has changed"):
        opening.open()
    assert shared(checkins, tmp_path / "job").folder == tmp_path / "job" / "checkins"


@pytest.mark.slow
def test_check_ins_of_a_filter_are_not_read_from_their_folder(checkins, tmp_path):
    fewer = replace(checkins, frame=checkins.frame[:-2])
    assert done(Repeat(tmp_path / "log"), fewer, tmp_path / "job") == expected(fewer)


def commands(folder):
    source = csv_of(town(12), folder / "in.csv")
    asks = folder / "asks.txt"
    asks.write_text("".join(f"u{i},2024-01-{10 + i % 3} 08:00\n" for i in range(12)))
    return {
        "profiles": ["profile", source, "--writer", "habits"],
        "rankings": ["recommend", source, "--by", "habits", "--users-from", asks],
    }


SMALL = "import genrec.profiles.run as p, genrec.cli.batch as b; p.TEMPLATED = b.BATCH = 2; "


def start(*arguments):
    program = f"{SMALL}from genrec.cli import main; main()"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def children(pid):
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


@pytest.mark.slow
@pytest.mark.parametrize("what", ["profiles", "rankings"])
def test_commands_end_the_same_whoever_is_killed(what, tmp_path):
    arguments = commands(tmp_path)[what]
    whole, killed = tmp_path / "whole.jsonl", tmp_path / "killed.jsonl"
    assert start(*arguments, "--out", whole).wait() == 0
    draw = random.Random(2)
    for victim in ("driver", "worker"):
        process = start(*arguments, "--out", killed, "--workers", 2)
        until = time.monotonic() + 60
        while not home_of(killed).exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(draw.uniform(0.5, 3))
        workers = children(process.pid)
        with suppress(ProcessLookupError):
            os.kill(process.pid if victim == "driver" or not workers else workers[-1], signal.SIGKILL)
        process.communicate()
    last = start(*arguments, "--out", killed, "--workers", 3)
    assert last.communicate()[1] is not None
    assert last.returncode == 0
    assert killed.read_bytes() == whole.read_bytes()
    assert len(killed.read_text().splitlines()) == 12
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


HERE_FIRST = os.pathsep.join(str(Path(__file__).parents[up]) for up in range(3))
ENVIRONMENT = os.environ | {
    "PYTHONPATH": HERE_FIRST,  # Ray's workers need it
    "RAY_AUTH_MODE": "disabled",  # a token in the home folder would be asked for, and not be sent
}
PROGRAM = (
    "import json, sys\n"
    "from pathlib import Path\nfrom made_work import Repeat\nfrom test_jobs import *\n"
    "if __name__ == '__main__':\n"
    "    work, placing = eval(sys.argv[2]), eval(sys.argv[3])\n"
    "    print(json.dumps(done(work, Checkins(*load(Path(sys.argv[1]))), work.log.with_name('job'), placing)))\n"
)


def begin(work, checkins, placing):
    """The job in a process of its own; its home lies beside the log."""
    work, placing = (repr(each).replace("PosixPath", "Path") for each in (work, placing))
    arguments = [checkins.source, work, placing]
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)


def wait_for(what, seconds=300):
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture(scope="session")
def leaving():
    """Processes that must end by themselves: some of Ray's give up after a minute, so other tests go on meanwhile."""
    processes = []
    yield processes
    assert not psutil.wait_procs(processes, timeout=120)[1]


@pytest.mark.slow
@pytest.mark.parametrize("placing", [TWO, replace(TWO, ray="local")], ids=["processes", "ray"])
def test_whoever_is_killed_the_end_is_the_same_and_nobody_is_left(placing, checkins, tmp_path, leaving):
    """A worker first, whose work is done again by another one; then the driver, and with it all that it started."""
    if placing.ray:
        pytest.importorskip("ray")
    work = Repeat(tmp_path / "log", pause=0.1, dies="u4", once=True)
    driver = begin(work, checkins, placing)
    wait_for(lambda: work.done().count("u4") == 2 or driver.poll() is not None)
    assert driver.poll() is None, driver.communicate()[1]
    started = psutil.Process(driver.pid).children(recursive=True)
    assert len(work.workers()) == 3
    driver.kill()
    driver.communicate()
    assert not psutil.wait_procs([each for each in started if each.pid in work.workers()], timeout=60)[1]
    finished = Parts(tmp_path / "job").finished()
    assert finished
    again = Repeat(tmp_path / "again")
    driver = begin(again, checkins, placing)
    told, said = driver.communicate(timeout=300)
    assert driver.returncode == 0, said
    assert {int(number): lines for number, lines in json.loads(told.splitlines()[-1]).items()} == expected(checkins)
    assert sorted(again.done()) == sorted(item for n, chunk in enumerate(CHUNKS) if n not in finished for item in chunk)
    assert not (tmp_path / "job").exists()
    leaving += started


def test_options_that_share_nothing_are_refused(genrec, tmp_path):
    source = csv_of(town(2), tmp_path / "in.csv")
    code, _, err = genrec("recommend", source, "--user", "u0", "--workers", 2)
    assert code == 2
    assert "--users-from" in err
    code, _, err = genrec("profile", source, "--out", tmp_path / "p", "--workers", 0)
    assert code == 2


def test_a_cluster_that_is_not_there_is_said_at_once(checkins, tmp_path):
    pytest.importorskip("ray")
    with pytest.raises(GenRecError, match=r"cannot reach Ray at 127.0.0.1:9: .*refused"):
        done(Repeat(tmp_path / "log"), checkins, tmp_path / "job", Placing(ray="127.0.0.1:9"))


@pytest.fixture
def cluster(tmp_path, leaving):
    """The address of a Ray cluster of this machine, which ends with the test."""
    pytest.importorskip("ray")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    options = [
        "--num-cpus=3",
        "--include-dashboard=false",
        "--object-store-memory=100000000",
        "--disable-usage-stats",
    ]
    command = [str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", *options]
    with (tmp_path / "ray.txt").open("w") as told:
        head = subprocess.Popen(
            [*command, f"--port={address.rpartition(':')[2]}"], stdout=told, stderr=told, env=ENVIRONMENT
        )
    try:
        wait_for(lambda: "Ray runtime started" in (tmp_path / "ray.txt").read_text() or head.poll() is not None)
        yield address
    finally:
        leaving += psutil.Process(head.pid).children(recursive=True)
        head.terminate()
        head.wait(60)


@pytest.mark.slow
def test_on_a_cluster_too(cluster, checkins, tmp_path):
    driver = begin(Repeat(tmp_path / "log", dies="u4"), checkins, Placing(workers=2, ray=cluster))
    _, said = driver.communicate(timeout=300)
    assert driver.returncode == 1
    assert re.search("^genrec.errors.GenRecError: .* ended 3 times .* Is there enough memory", said, re.MULTILINE), said
    assert Repeat(tmp_path / "log").done().count("u4") == 3
    arguments = commands(tmp_path)["profiles"]
    whole, out = tmp_path / "whole.jsonl", tmp_path / "ray.jsonl"
    assert start(*arguments, "--out", whole).wait() == 0
    process = start(*arguments, "--out", out, "--ray", cluster, "--workers", 2)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert out.read_bytes() == whole.read_bytes()
    assert not home_of(out).exists()
    assert json.loads(whole.read_text().splitlines()[0])["user_id"] == "u0"
