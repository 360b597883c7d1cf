"""The experiment on updates with an adapter: what it says of a visit is what a ranking says of it."""

import json
import math
from pathlib import Path

import pytest
import yaml
from conftest import command
from made import at, make
from tiny import tiny_model

from eval.experiments.update_diaries import Reader, diaries_of
from eval.experiments.update_findings import CLAIMS, findings, losses, measures
from eval.experiments.update_runs import ADAPTER, CONSTANT, NO_REPLAY, REWARMED, adapter_of
from genrec.checkins import Checkins
from genrec.rankers.diary import MOST_LINES
from genrec.rankers.diary_ranker import DiaryRanker
from genrec.rankers.llm import ProfileQuery
from genrec.trajectories import Example, training


def months(count: int, a_day: int = 4) -> Checkins:
    """People who visit eight places in turn."""
    return make([(f"u{i}", (day + i) % 8, at(day, 8 + i)) for day in range(30 * count) for i in range(a_day)])


def visits_of(checkins: Checkins, user: str) -> list[Example]:
    examples = training(checkins, len(checkins.frame), [at(14), at(40)]).examples
    return sorted((one for one in examples if one.user_id == user), key=lambda one: one.time)


def test_a_loss_is_that_of_the_ranking() -> None:
    checkins, model = months(3, a_day=3), tiny_model()
    visits = visits_of(checkins, "u1")
    chosen = [visits[0], visits[3], visits[20], visits[60], visits[61]]
    reader, ranker = Reader(model, checkins), DiaryRanker(model, checkins)
    diaries = diaries_of(checkins, chosen)
    assert sum(len(diary.asked) for diary in diaries) == len(chosen)
    for diary in diaries:
        assert len(diary.visits) <= MOST_LINES + 1
        for number, loss in zip(sorted(diary.asked), reader.losses(diary), strict=True):
            time, place = diary.visits[number]
            own = [one for one in checkins.frame.filter(checkins.frame["user_id"] == "u1").select("time", "poi").rows()
                   if diary.profile.as_of <= one[0] < time]  # fmt: skip
            [top] = ranker.rank([ProfileQuery(diary.profile, time, tuple(own))], k=len(checkins.pois))
            assert loss == pytest.approx(-math.log(top.probabilities[top.pois.index(place)]), abs=1e-3)


def test_a_profile_does_not_know_what_is_asked() -> None:
    checkins = months(3)
    for diary in diaries_of(checkins, visits_of(checkins, "u0")):
        assert diary.profile.as_of <= min(diary.visits[number][0] for number in diary.asked)
        assert max(diary.asked) == len(diary.visits) - 1


def test_only_what_was_tried_is_said() -> None:
    learners = adapter_of(Path("recipe.yaml"))
    arms = [("no update", 0), *((arm.name, stage) for arm in learners.arms for stage in (1, 2)), ("from scratch", 2)]
    periods = ("before", "stage 1", "stage 2", "next")
    rows = [{"seed": seed, "model": ADAPTER, "arm": arm, "stage": stage, "period": period, "visits": 5,
             "loss": 4 - (arm == REWARMED) + seed / 100}
            for seed in range(3) for arm, stage in arms for period in periods]  # fmt: skip
    assert {arm for arm, _ in arms} == {"no update", REWARMED, CONSTANT, NO_REPLAY, "from scratch"}
    found = findings(rows, {seed: {f"{REWARMED} 2": 1.0, "scratch-2": 9.0} for seed in range(3)})
    tried = [claim for claim in CLAIMS if {claim.arm, claim.other} <= {arm for arm, _ in arms}]
    assert [one["says"] for one in found[:-1]] == [claim.says for claim in tried]
    assert {one["model"] for one in found} == {ADAPTER}
    assert "acc@1" not in found[0]
    assert found[0]["loss"]["value"] == pytest.approx(-1)
    assert measures(rows, ADAPTER) == ["loss"]
    assert len(losses(rows, ADAPTER).rows) == len(arms)


@pytest.mark.slow
def test_an_adapter_learns_months(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, tiny_folder: Path
) -> None:
    from eval.cli import main
    from genrec.prepared import prepare

    monkeypatch.setenv("GENREC_HOME", str(tmp_path / "home"))
    prepare(months(8, a_day=15), tmp_path / "city")
    recipe = {
        "kind": "sft", "model": str(tiny_folder), "max_length": 2000, "lora": {"r": 2},
        "data": {"checkins": "of the experiment", "prompt": "diary", "visits": 48, "limit": 8},
        "trainer": {"learning_rate": 0.01, "num_train_epochs": 1, "per_device_train_batch_size": 8},
    }  # fmt: skip
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe))
    run = command("genrec-eval", main, monkeypatch, capsys)
    words = ("update", tmp_path / "city", "--adapter", path, "--seeds", 1, "--visits", 5, "--out", tmp_path / "out")
    code, out, err = run(*words)
    assert code == 0, err
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert found["recipe"] == recipe
    updates = {f"{arm} {stage}" for arm in (REWARMED, CONSTANT, NO_REPLAY) for stage in (1, 2)}
    assert set(found["seconds"]["0"]) == {"base", "scratch-2", *updates}
    assert len(found["scores"]) == 8 * 4
    assert all(0 < row["loss"] < 30 and row["visits"] == 5 for row in found["scores"])
    assert "adapter: an update ranks the new month better than none" in out
    path.write_text(yaml.safe_dump({**recipe, "seed": 3}))
    code, _, err = run(*words)
    assert code == 2, err
    path.write_text(yaml.safe_dump({**recipe, "data": {"checkins": "x"}}))
    code, _, err = run(*words[:-1], tmp_path / "other")
    assert (code, "data.prompt is not diary" in err) == (2, True)
