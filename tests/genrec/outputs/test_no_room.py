"""A disk without room: one line, and nothing half-written."""

import os
import random

import polars as pl
import pytest
from made import at, make
from made_city import csv_of
from made_disk import no_room
from made_outputs import WRITERS, start


@pytest.mark.slow
@pytest.mark.parametrize("megabytes", [100, 700])
def test_a_conversion_without_room_is_one_line_and_leaves_nothing(megabytes, folder):
    """A limit on the size of a file, met while the package is joined or while the weights are written."""
    limit = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({megabytes << 20},) * 2)"
    process = start("genrec", "model", "info", before=limit, env=os.environ | {"GENREC_HOME": str(folder / "home")})
    last = process.communicate()[1].splitlines()[-1]
    assert process.returncode == 2
    assert last.startswith("error: ") and "gemma-3-270m cannot be written: " in last and "GENREC_HOME" in last
    assert [path.name for path in (folder / "home" / "models").iterdir()] == ["gemma-3-270m.lock"]


@pytest.mark.parametrize("name", ["prepare", "profile", "run", "synth"])
def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(name, folder, genrec, genrec_eval):
    package, arguments, _ = WRITERS[name]
    draw = random.Random(3)
    visits = [(f"u{i % 200}", draw.randrange(8), at(draw.randrange(90), draw.random() * 24)) for i in range(10_000)]
    csv_of(make(visits), folder / "in.csv")
    if name == "synth":
        arguments = ["data", "synth", "--out"]
    with no_room(folder / "disk", 40 << 10) as disk:
        command = genrec if package == "genrec" else genrec_eval
        code, _, error = command(*arguments, disk / "out")
        assert code == 2
        assert error.splitlines()[-1].startswith(f"error: {disk}/out"), error
        assert "cannot be written: " in error.splitlines()[-1]
        assert "Traceback" not in error
        left = [path for path in disk.rglob("*") if path.is_file()]
        assert not [path for path in left if path.name.startswith(".") or path.name.endswith(".new")]
        for path in left:
            if path.suffix == ".parquet":
                pl.read_parquet(path)
            elif path.name.endswith("jsonl"):
                assert path.read_bytes().endswith(b"\n")
