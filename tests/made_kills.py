"""Writers that are killed at random moments: `python made_kills.py ADDRESS KILLS` prints what they were told is kept.

The program loads everything once, then lets a child write, and kills it, as often as asked: a line of JSON each, with
what was acknowledged before the kill.
"""

import json
import os
import random
import select
import signal
import sys
import time
from itertools import count

from made_store import WILLING, a_place, a_profile, a_visit

from genrec.profiles.profile import Profile, Statement
from genrec.store.opening import open_store

BATCH = 3  # visits that are sent together


def write(address: str, run: int, tell: int, profile: Profile) -> None:
    """Visits, versions of a profile, people who come and go; `tell` is written to after each.

    Without Polars, whose threads a child does not have.
    """
    store = open_store(address)
    for i in count():
        name = f"{run}-{i}"
        store.add_checkins([a_visit("u0", f"{name}-{j}", hour=i) for j in range(BATCH)])
        os.write(tell, f"visits {name}\n".encode())
        version = store.profile("u0")
        likes = [Statement(text=f"Likes {name}.", backed_by=["visits"])]
        edited = profile.model_copy(update={"summary": likes})
        saved = store.save_profile(edited, by=name, base=version.number if version else 0)
        os.write(tell, f"version {saved.number} {name}\n".encode())
        if i % 4 == 3:
            store.add_people([name], WILLING)
            store.add_checkins([a_visit(name, f"{j}") for j in range(BATCH)])
            store.erase(name)
            os.write(tell, f"erased {name}\n".encode())


def killed(address: str, run: int, profile: Profile, seconds: float) -> list[str]:
    """What a writer was told before it was killed, so long after its first success."""
    hear, tell = os.pipe()
    child = os.fork()
    if not child:
        os.close(hear)
        write(address, run, tell, profile)
    os.close(tell)
    select.select([hear], [], [], 30)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(hear) as told:
        return [line.rstrip("\n") for line in told if line.endswith("\n")]


if __name__ == "__main__":
    first = open_store(sys.argv[1])
    first.add_people(["u0"], WILLING)
    first.add_places([a_place("p")])
    first.close()
    shown = a_profile("u0")
    chance = random.Random()
    for kill in range(int(sys.argv[2])):
        print(json.dumps(killed(sys.argv[1], kill, shown, chance.uniform(0, 0.15))), flush=True)
