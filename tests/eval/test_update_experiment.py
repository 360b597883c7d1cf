"""The experiment on updates: who is asked, when, and what differences count as a finding."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made import at, make

from eval.experiments import update_stages
from eval.experiments.update import SCORES, Settings, experiment
from eval.experiments.update_findings import CLAIMS, Difference, accuracies, findings, losses, told
from eval.experiments.update_runs import ARMS, COSTS, MODELS, REWARMED
from eval.experiments.update_stages import STAGES, asked, held_out, shifting_city, some_people, stages_of, write_parts
from genrec import jsonl
from genrec.checkins import Checkins
from genrec.city import CityConfig
from genrec.errors import GenRecError
from genrec.fingerprint import fingerprint
from genrec.prepared import load, places_known


def months(count: int, a_day: int = 20) -> Checkins:
    return make([(f"u{i}", (day + i) % 8, at(day, i)) for day in range(30 * count) for i in range(a_day)])


def test_the_first_half_is_the_past_and_months_follow() -> None:
    checkins = months(8)
    stages = stages_of(checkins)
    assert stages.names == ("before", "stage 1", "stage 2", "next")
    assert [f"{begin:%m-%d}" for begin in stages.begins] == ["04-01", "05-01", "06-01", "07-01", "08-01"]
    rows = [stages.rows_before(stage) for stage in range(3)]
    assert rows[0] >= len(checkins.frame) / 2
    assert rows == sorted(set(rows))
    with pytest.raises(GenRecError, match="too few months"):
        stages_of(months(3))


def test_short_months_are_joined() -> None:
    begins = stages_of(months(16, a_day=8)).begins  # 240 check-ins a month
    assert all((later - begin).days > 50 for begin, later in pairwise(begins))


def test_nothing_is_learned_from_the_people_who_are_asked(tmp_path: Path) -> None:
    stages = stages_of(months(8))
    people = held_out(stages.checkins, seed=1)
    assert len(people) == 4
    assert people != held_out(stages.checkins, seed=2)
    parts = [load(path) for path in write_parts(stages, people, tmp_path)]
    for stage, (frame, pois, *_) in enumerate(parts):
        assert not people & set(frame["user_id"])
        assert frame["time"].max() < stages.begins[stage + 1]
        assert places_known(stages.checkins.pois, places_hash(pois)) == len(pois)
    visits = asked(stages, people, 25, seed=0)
    for (period, own), begin, end in zip(visits.items(), stages.begins[:-1], stages.begins[1:], strict=True):
        assert period in stages.names
        assert 0 < len(own) <= 25
        assert all(visit.user_id in people and begin <= visit.time < end for visit in own)
        assert all(visit.as_of <= visit.time for visit in own)


def places_hash(pois: Any) -> str:
    from genrec.prepared import catalogue_hash

    return catalogue_hash(pois)


def test_tastes_shift_half_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(update_stages, "CITY", CityConfig(users=20, pois=120, days=244, seed=1))
    checkins = shifting_city(tmp_path)
    half = stages_of(checkins).begins[1]
    frame = checkins.frame.join(checkins.pois.select("poi", "category"), on="poi")
    early, late = (
        frame.filter(part)["category"].value_counts() for part in (frame["time"] < half, frame["time"] >= half)
    )
    shares = [dict(part.with_columns(part["count"] / part["count"].sum()).iter_rows()) for part in (early, late)]
    moved = {kind: abs(shares[0].get(kind, 0) - shares[1].get(kind, 0)) for kind in shares[0] | shares[1]}
    assert sum(moved.values()) / 2 > 0.1
    assert checkins.frame["poi"].unique(maintain_order=True).to_list() == list(range(len(checkins.pois)))


def test_a_sample_keeps_whole_people() -> None:
    whole = months(8)
    part = some_people(whole, 5)
    counts = dict(whole.frame["user_id"].value_counts().iter_rows())
    assert dict(part.frame["user_id"].value_counts().iter_rows()).items() <= counts.items()
    assert part.frame["user_id"].n_unique() == 5


@pytest.mark.parametrize(
    ("values", "verdict"),
    [([-1.0, -1.1, -0.9], "confirmed"), ([1.0, 2.0], "undecided"), ([1.0, 1.1, 0.9], "contradicted")],
)
def test_an_interval_on_one_side_decides(values: list[float], verdict: str) -> None:
    assert Difference.of(values).foretold(below=True) == verdict


def test_student_s_interval_by_hand() -> None:
    """Of 1, 2, 3: the mean 2, a standard error of 1 / sqrt(3), and 4.303 of these."""
    found = Difference.of([1.0, 2.0, 3.0])
    assert (found.value, found.low, found.high) == pytest.approx((2, 2 - 2.4841, 2 + 2.4841), abs=1e-3)
    assert Difference.of([1.0]) == Difference(1.0, None, None)
    assert [Difference.of(values).little() for values in ([0.0, 0.01, -0.01], [0.2, 0.21, 0.2], [0.1, -0.1, 0.0])] == [
        "confirmed", "contradicted", "undecided"]  # fmt: skip


def made_rows() -> list[dict[str, Any]]:
    """Every arm, with a loss that is lower by .1 after a re-warmed update."""
    draw = np.random.default_rng(0)
    arms = [("no update", 0), *((arm.name, stage) for arm in ARMS for stage in range(1, arm.stages + 1)),
            ("from scratch", 1), ("from scratch", 2)]  # fmt: skip
    return [
        {"seed": seed, "model": model, "arm": arm, "stage": stage, "period": period, "visits": 10, "acc@1": 0.2,
         "acc@10": 0.5, "loss": 5 - 0.1 * (arm == REWARMED) + 0.001 * draw.random()}
        for seed in range(3) for model in MODELS for arm, stage in arms
        for period in ("before", "stage 1", "stage 2", "next")
    ]  # fmt: skip


def test_findings_are_told_with_their_intervals() -> None:
    costs = {seed: {f"{REWARMED} 2": 2.0, "scratch-2": 10.0 + seed} for seed in range(3)}
    found = findings(made_rows(), costs)
    assert len(found) == len(MODELS) * len(CLAIMS) + 1
    verdicts = {(finding["model"], finding["says"]): finding["verdict"] for finding in found}
    assert verdicts["fusion", "an update ranks the new month better than none"] == "confirmed"
    assert verdicts["fusion", "re-warming costs some of what was known of earlier months"] == "contradicted"
    assert (
        verdicts["both", "an update takes a quarter of the computing of a training from scratch, or less"]
        == "confirmed"
    )
    assert all(": " in line and " to " in line for line in told(found))
    for model in MODELS:
        assert [len(cells) for _, cells in losses(made_rows(), model).rows] == [4] * 14
        assert len(accuracies(made_rows(), model).rows) == 5


def test_finished_seeds_are_read_whole_and_not_made_again(tmp_path: Path) -> None:
    stages = stages_of(months(8))
    about = {"data": fingerprint(stages.checkins), "visits": 10}
    jsonl.append(tmp_path / SCORES, [json.dumps(row) for row in (about, *made_rows())])
    for seed in range(3):
        (tmp_path / f"seed-{seed}").mkdir()
        spent = [{"name": name, "seconds": 2.0} for name in (f"{REWARMED} {STAGES}", f"scratch-{STAGES}")]
        jsonl.append(tmp_path / f"seed-{seed}" / COSTS, [json.dumps(line) for line in spent])
    found = experiment(stages, Settings("made", 3, 10), tmp_path, lambda seed, name: pytest.fail("trained again"))
    assert found.figures["scores"] == made_rows()
