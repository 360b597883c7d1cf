"""Rankings from a folder in parts are those that the same check-ins give in memory."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from genrec.city import CityConfig, build_city
from genrec.evidence import Evidence
from genrec.in_parts import InParts, to_frame
from genrec.rankers.fusion import Fusion
from genrec.rankers.ranker import Query, best
from genrec.reading.reader import open_checkins, read_checkins
from genrec.recommender import trajectory
from genrec.streaming import intake, prepare


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    base = tmp_path_factory.mktemp("parts")
    build_city(CityConfig(users=60, pois=200, days=40, seed=2)).write(base)
    opened = open_checkins(
        base / "checkins.csv",
        columns={},
        on_bad_rows="fail",
        day_first=None,
        timezone=None,
        pois_file=None,
        rejects=None,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intake, "CHUNK", 300)
        patch.setattr(intake, "PART", 250)
        prepare(opened, base / "out")
    return base / "out"


@pytest.mark.parametrize("days", [None, 30])
def test_rankings_are_those_of_memory(folder: Path, days: int | None, tmp_path: Path) -> None:
    checkins = read_checkins(folder)
    end = checkins.frame["time"].max()
    moment = end + timedelta(seconds=1) if days is None else end.replace(microsecond=0) - timedelta(days=40 - days)
    at = moment + timedelta(hours=3)
    in_parts = InParts(folder, tmp_path / "work", as_of=None if days is None else moment)
    users = [*checkins.frame["user_id"].unique(maintain_order=True)[:40], "nobody"]
    evidence = Evidence(checkins, moment)
    assert in_parts.everybody.as_of == moment
    assert sum(in_parts.everybody.habits.visits) == len(evidence.past.frame)
    queries = [Query(user, at, trajectory(checkins, user, at)) for user in users]
    scores = Fusion().score(queries, evidence)
    ranked = in_parts.rank([(user, at) for user in users], k=5)
    assert [each.user_id for each in ranked] == users
    for each, row, pois in zip(ranked, scores, best(scores, 5), strict=True):
        assert each.pois == pois.tolist()
        assert np.allclose(np.log(each.probabilities), row[pois], atol=1e-5)
    table = to_frame(ranked, checkins.pois)
    assert table["poi_id"].to_list() == checkins.pois["poi_id"][[poi for each in ranked for poi in each.pois]].to_list()
