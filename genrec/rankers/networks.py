"""The trained networks by their names, and those of a folder."""

from collections.abc import Collection
from pathlib import Path

from genrec.rankers.cml import Cml
from genrec.rankers.coder import Coder
from genrec.rankers.m2trec import M2TRec
from genrec.rankers.trained import is_written

Network = M2TRec | Cml | Coder
NETWORKS: dict[str, type[Network]] = {kind.name: kind for kind in (M2TRec, Cml, Coder)}


def networks_in(folder: Path, names: Collection[str]) -> dict[str, Network]:
    """Those of the named networks that a folder has; raises InputError for a faulty one."""
    return {name: kind.load(folder) for name, kind in NETWORKS.items() if name in names and is_written(folder, name)}
