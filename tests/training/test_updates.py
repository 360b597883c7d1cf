"""Updates: what came is learned, nothing that was known is lost, and a folder is whole at every moment."""

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made import as_read, at
from made_city import csv_of
from made_trained import TRAIN, city, cml, m2trec
from transformers.optimization import get_cosine_with_min_lr_schedule_with_warmup_lr_rate

from genrec import versions
from genrec.checkins import Checkins
from genrec.errors import GenRecError
from genrec.evidence import Evidence
from genrec.rankers.features import layout
from genrec.rankers.fusion import Fusion
from genrec.rankers.fusion_file import read_fusion, write_fusion
from genrec.rankers.m2trec import M2TRec
from genrec.rankers.ranker import Query
from genrec.versions import current_version, take_back, version_folder, versions_of
from training.online.adoption import adopt
from training.rankers import stages
from training.rankers.stages import train_rankers
from training.recipe import RankersRecipe, UpdateRecipe
from training.updates import rankers
from training.updates import update as updates
from training.updates.account import read_account
from training.updates.networks import updated_cml, updated_m2trec
from training.updates.schedule import Rates
from training.updates.update import update

RECIPE = UpdateRecipe(kind="update", epochs=1)
RATES = Rates.of(RECIPE, 1e-3, 1e-4)


def silent(*_: Any) -> Any:
    return lambda *_: None


def old() -> Checkins:
    return as_read(city(), slice(TRAIN))


def whole() -> Checkins:
    return as_read(city(), slice(None))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fusion, with M2TRec beside it."""
    out = tmp_path_factory.mktemp("trained") / "run"
    train_rankers(
        RankersRecipe(kind="rankers", train="all", networks=("m2trec",), epochs=1), old(), out, silent, silent
    )
    return out


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    for path in trained.iterdir():
        if path.is_file():
            (tmp_path / "run" / path.name).write_bytes(path.read_bytes())
    return tmp_path / "run"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name[0] != "."}


@pytest.mark.parametrize("warm_up", [0.0, 0.01, 0.3])
@pytest.mark.parametrize("steps", [1, 7, 100])
def test_rates_are_those_of_transformers(warm_up: float, steps: int) -> None:
    rates = Rates.of(UpdateRecipe(kind="update", peak=0.5, warm_up=warm_up), 0.02, 0.001)
    own, theirs = (torch.optim.SGD([torch.zeros(1)], lr=rates.rate.highest) for _ in range(2))
    warm = int(np.ceil(warm_up * steps))
    schedules = (
        rates.schedule(own, steps),
        get_cosine_with_min_lr_schedule_with_warmup_lr_rate(theirs, warm, steps, min_lr_rate=0.1),
    )
    for _ in range(steps):
        assert own.param_groups[0]["lr"] == pytest.approx(theirs.param_groups[0]["lr"])
        own.step()
        theirs.step()
        for schedule in schedules:
            schedule.step()
    assert own.param_groups[0]["lr"] == pytest.approx(rates.rate.final) == pytest.approx(0.001)


def test_a_constant_rate_is_the_last_one() -> None:
    rates = Rates.of(UpdateRecipe(kind="update", schedule="constant"), 0.02, 0.003)
    assert {rates.share(step, 10) for step in range(10)} == {1.0}
    assert rates.rate.highest == rates.rate.final == 0.003


@pytest.mark.slow
def test_new_people_and_places_stand_where_they_belong() -> None:
    before = cml()
    after = updated_cml(
        before, city(), RECIPE, replace(RATES, rate=RATES.rate.model_copy(update={"highest": 0.0})), silent()
    )
    assert after.trained.places == len(city().pois) == before.trained.places
    assert after.trained.trained_on.rows == len(city().frame)
    known = before.network.visited
    assert torch.allclose(after.network.places.weight[known], before.network.places.weight[known])
    came = after.network.visited & ~known
    expected = before.network.expected(before.place_inputs(city().pois))
    assert came.any()
    assert torch.allclose(after.network.places.weight[came], expected[came], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("replay", [0.0, 0.2])
def test_networks_learn_what_came_and_leave_what_they_were(replay: float) -> None:
    before = m2trec()
    weights = {key: value.clone() for key, value in before.network.state_dict().items()}
    after = updated_m2trec(before, city(), RECIPE.model_copy(update={"replay": replay}), RATES, silent())
    assert all(torch.equal(value, before.network.state_dict()[key]) for key, value in weights.items())
    assert any(not torch.equal(value, after.network.state_dict()[key]) for key, value in weights.items())
    assert after.trained.vocabulary == before.trained.vocabulary


@pytest.mark.slow
def test_an_update_is_a_new_version_and_the_old_one_is_kept(run: Path) -> None:
    before = contents(run)
    said = update(run, RECIPE, whole(), None, bars=silent, note=silent)
    assert (said.came.rows, said.came.people, said.came.new_people) == (60, 10, 0)
    assert said.trained_on.rows == 300
    assert versions_of(run) == [1, 2]
    assert contents(version_folder(run, 1)) == before
    fusion = Fusion(run)
    assert fusion.trained.trained_on == said.trained_on == M2TRec.load(run).trained.trained_on
    assert np.isfinite(fusion.score([Query("u0", at(29, 20))], Evidence(whole(), at(29, 20)))).all()
    take_back(run, 1)
    assert contents(run) == before
    notes: list[str] = []
    assert update(run, RECIPE, whole(), None, bars=silent, note=notes.append) == said  # as it was made before
    assert notes == ["this update was made before, as version 2: it is in use again"]
    assert current_version(run) == 2
    with pytest.raises(GenRecError, match="nothing new"):
        update(run, RECIPE, whole(), None, bars=silent, note=silent)


@pytest.mark.slow
def test_a_fusion_ranks_with_places_that_came_since(run: Path) -> None:
    """Before any update."""
    assert len(whole().pois) > len(old().pois)
    scores = Fusion(run).score([Query("u0", at(29, 20))], Evidence(whole(), at(29, 20)))
    assert np.isclose(np.exp(scores).sum(), 1)


@pytest.mark.slow
def test_a_network_that_is_weighed_stays_one_update_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "LEAST_ROWS", 100)
    run, recipe = (
        tmp_path / "run",
        RankersRecipe(kind="rankers", train="all", networks=("m2trec",), weighed=("m2trec",)),
    )
    train_rankers(recipe.model_copy(update={"epochs": 1}), old(), run, silent, silent)
    assert M2TRec.load(run).trained.trained_on.rows == TRAIN * 2 // 3
    update(run, RECIPE, whole(), None, bars=silent, note=silent)
    assert M2TRec.load(run).trained.trained_on.rows == TRAIN
    fusion = Fusion(run)
    assert fusion.trained.trained_on.rows == len(whole().frame)
    assert np.isfinite(fusion.score([Query("u0", at(29, 20))], Evidence(whole(), at(29, 20)))).all()


class KilledError(BaseException):
    """Stands for the end of a process."""


@pytest.mark.slow
def test_a_killed_update_leaves_the_old_version_and_goes_on(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(run)

    def killed(*_: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(rankers, "write_fusion", killed)
        update(run, RECIPE, whole(), None, bars=silent, note=silent)
    assert contents(run) == before
    assert versions_of(run) == [1]
    notes: list[str] = []
    update(run, RECIPE, whole(), None, bars=silent, note=notes.append)
    assert notes == ["m2trec: finished before, skipped"]
    assert versions_of(run) == [1, 2]
    account = read_account(version_folder(run, 2))
    assert account is not None
    assert set(account.rates) == {"fusion", "m2trec"}


@pytest.mark.slow
def test_what_was_begun_for_another_update_is_not_gone_on_with(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(rankers, "write_fusion", lambda *_: (_ for _ in ()).throw(KilledError))
        update(run, RECIPE, whole(), None, bars=silent, note=silent)
    notes: list[str] = []
    update(run, RECIPE.model_copy(update={"seed": 1}), whole(), None, bars=silent, note=notes.append)
    assert notes == []


@pytest.mark.slow
def test_what_is_complete_is_put_in_use_and_not_made_again(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a disk that was full when the version was to be put in use."""

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(versions, "_adopt", full)
        with pytest.raises(GenRecError, match="No space left"):
            update(run, RECIPE, whole(), None, bars=silent, note=silent)
    assert current_version(run) == 1
    monkeypatch.setattr(updates, "_learn", full)
    said = update(run, RECIPE, whole(), None, bars=silent, note=silent)
    assert (current_version(run), read_account(run)) == (2, said)
    assert not list(run.rglob(".begun.json"))


@pytest.mark.slow
def test_feedback_that_was_later_is_no_check_in(run: Path) -> None:
    """What came before it, and was not learned, is new."""
    settings, network = read_fusion(run, layout())
    late = settings.trained_on.model_copy(update={"last": at(400)})
    after = settings.model_copy(update={"trained_on": late})
    adopt(run, lambda folder: write_fusion(folder, after, network), {})
    update(run, RECIPE, as_read(city(), slice(TRAIN, None)), old, bars=silent, note=silent)
    assert current_version(run) == 3
    assert read_fusion(run, layout())[0].trained_on.last == at(400)


@pytest.fixture
def genrec_train(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    from conftest import command

    from training.cli import main

    return command("genrec-train", main, monkeypatch, capsys)


@pytest.mark.slow
def test_the_command_says_what_came_and_what_to_do_next(run: Path, tmp_path: Path, genrec_train: Any) -> None:
    new, before = csv_of(as_read(city(), slice(TRAIN, None)), tmp_path / "new.csv"), csv_of(old(), tmp_path / "old.csv")
    lists = contents(run)
    faulty = [
        (("--checkins", before), "nothing new"),
        (("--checkins", new), "another catalogue"),
        (("--checkins", new, "--history", new), "does not begin with the 240 check-ins"),
        (("--checkins", tmp_path / "none.csv"), "no such file"),
        (("--checkins", new, "--version", 1), "leave out --checkins"),
        (("--version", 3), "has no version 3"),
        (("--checkins", new, "--set", "replay=0.5"), "replay"),
    ]
    for words, says in faulty:
        code, _, err = genrec_train("update", run, *words)
        assert code == 2
        assert says in err
        assert contents(run) == lists
        assert sorted(path.name for path in run.iterdir()) == sorted(lists)
    code, out, err = genrec_train("update", run, "--checkins", new, "--history", before, "--set", "epochs=1")
    assert code == 0, err
    for says in (
        "came: 60 check-ins of 10 people (0 new)",
        "rates: fusion up to 0.001",
        "took:",
        "kept aside: loss",
        "version 2 is in use",
        "genrec data prepare",
        f"--rankers {run}",
    ):
        assert says in out
    code, out, _ = genrec_train("update", run)
    assert out.splitlines()[0] == "version 1: as it was trained first"
    assert out.splitlines()[1].endswith("<- in use")
    assert genrec_train("update", run, "--version", 1)[0] == 0
    assert contents(run) == lists


def test_other_folders_are_refused(tmp_path: Path, genrec_train: Any) -> None:
    (tmp_path / "empty").mkdir()
    for folder, says in ((tmp_path / "empty", "not a folder of"), (tmp_path / "none", "no such folder")):
        for words in (("--checkins", "x.csv"), ("--version", 1), ()):
            code, _, err = genrec_train("update", folder, *words)
            assert (code, says in err) == (2, True)
    assert list((tmp_path / "empty").iterdir()) == []
    assert not (tmp_path / "none").exists()
