"""What the README of the API shows is what comes back."""

import json
import re
import subprocess
from pathlib import Path

import httpx
import pytest
from made_service import served

import genrec.service
from genrec.assistant import Models
from genrec.reading.reader import read_checkins
from genrec.store.opening import open_store
from genrec.store.records import Settings

from .conftest import done, eventually

README = (Path(genrec.service.__file__).parent / "README.md").read_text()


def sessions():
    """The commands with what each gives, which is cut where it says `...`."""
    [block] = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    head, *commands = re.split(r"\n\n(?=curl )", block.strip())
    for command in commands:
        lines = command.split("\n")
        shown = [line[2:] for line in lines if line.startswith("# ")]
        yield head + "\n" + "\n".join(line for line in lines if not line.startswith("# ")), "".join(shown)


def as_pattern(shown):
    return ".*".join(map(re.escape, re.split(r"\.\.\.", shown)))


@pytest.mark.slow
def test_the_commands_of_the_readme_give_what_it_shows(tmp_path, tiny_folder):
    [rows] = re.findall(r"```\n(user_id,.*?)```", README, re.DOTALL)
    (tmp_path / "my.csv").write_text(rows)
    store = open_store(str(tmp_path / "store.db"))
    store.import_checkins(read_checkins(tmp_path / "my.csv"), Settings(consent=True))
    with served(store, Models(str(tiny_folder), None, None, True, None)) as url:
        for command, shown in sessions():
            given = run(command.replace("localhost:8080", url.removeprefix("http://")), tmp_path)
            assert re.match(as_pattern(shown), given), (command, given)
            if "profile/write" in command:
                job = f"{url}/v1/jobs/{json.loads(given)['id']}"
                eventually(lambda job=job: done(httpx.get(job))["state"] == "done")
    store.close()
    assert (tmp_path / "carol.zip").read_bytes().startswith(b"PK")


def run(command, folder):
    quiet = command.replace("curl ", "curl -sS ")
    result = subprocess.run(["bash", "-ec", quiet], check=False, cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout
