"""Where GenRec keeps what it can make again."""

import os
from pathlib import Path

from platformdirs import user_cache_path


def cache_home() -> Path:
    """`$GENREC_HOME`, else `genrec` in the user's cache folder, which is under `$XDG_CACHE_HOME` or `~/.cache`."""
    home = os.environ.get("GENREC_HOME")
    return Path(home).expanduser() if home else user_cache_path("genrec")
