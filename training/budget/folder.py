"""A study's folder: what its runs have scored, what is missing, and where each run keeps its models.

One file a result, named by a hash of all that it depends on, so nothing is done twice.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from genrec.files import write_text
from training.budget.chain import Chain, Result, chain_facts, key_of, result_facts
from training.budget.spec import Study
from training.budget.tasks.material import Material


class _Kept(BaseModel):
    """What a result's file holds, as far as it is read."""

    result: Result


class StudyFolder:
    """A study, what it works on, and its folder."""

    def __init__(self, study: Study, out: Path, material: Material) -> None:
        self.study, self.out, self.material = study, out, material
        self._results = out / "results"

    def result(self, chain: Chain, stop: int) -> Result | None:
        """What the run's model scores at a stop; None if that is not known yet, or if its file is damaged."""
        try:
            content = self._file(key_of(self._facts(chain, stop))).read_bytes()
            return _Kept.model_validate_json(content).result
        except (FileNotFoundError, ValueError):
            return None

    def put(self, chain: Chain, stop: int, result: Result) -> None:
        """Keep a result, with what its name is made of."""
        facts = self._facts(chain, stop)
        text = json.dumps({"facts": facts, "result": asdict(result)}, indent=1)
        write_text(self._file(key_of(facts)), text + "\n")

    def missing(self, chain: Chain) -> list[int]:
        """Stops without a result or, for SFT, without the model that DPO starts from."""
        missing = []
        for stop in chain.stops:
            result = self.result(chain, stop)
            lost = chain.stage == "sft" and stop and not self.model(chain, stop).exists()
            if result is None or (lost and result.scores):
                missing.append(stop)
        return missing

    def census(self, chains: Sequence[Chain]) -> tuple[int, int, int]:
        """How many of the runs' results are there, how many are to go, and how many lie here that are of none."""
        stops = {key_of(self._facts(chain, stop)): (chain, stop) for chain in chains for stop in chain.stops}
        there = sum(self.result(*one) is not None for one in stops.values())
        kept = {path.stem for path in self._results.glob("*.json")}
        return there, len(stops) - there, len(kept - stops.keys())

    def run(self, chain: Chain) -> Path:
        """Where a run keeps its checkpoints, metrics, pairs and models."""
        return self.out / "runs" / f"{chain.stage}-{key_of(chain_facts(self.study, chain, self.material.key))}"

    def model(self, chain: Chain, stop: int) -> Path:
        """Where SFT leaves its model after so many demonstrations."""
        return self.run(chain) / "models" / str(stop)

    def _facts(self, chain: Chain, stop: int) -> dict[str, Any]:
        return result_facts(self.study, chain, stop, self.material.key)

    def _file(self, key: str) -> Path:
        return self._results / f"{key}.json"
