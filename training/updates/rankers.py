"""The update of a folder of trained rankers: its networks, then its fusion, each from the weights that it has.

A network that the fusion weighs stays one update behind: what it says of the visits that the fusion learns from must
not be of visits that it has learned itself. CODER stays as it is; it ranks grown catalogues, from evidence as it is.
"""

import shutil
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genrec.checkins import Checkins
from genrec.clock import local_span
from genrec.errors import GenRecError
from genrec.prepared import catalogue_hash
from genrec.rankers.cml import Cml
from genrec.rankers.features import layout
from genrec.rankers.fusion import counting
from genrec.rankers.fusion_file import NAME, SHIPPED, FusionSettings, read_fusion, write_fusion
from genrec.rankers.fusion_net import FusionNet
from genrec.rankers.m2trec import M2TRec
from genrec.rankers.networks import NETWORKS, Network, networks_in
from genrec.rankers.ranker import Voice
from genrec.rankers.trained import is_written
from genrec.trajectories import Example
from genrec.versions import FIRST, version_folder
from training.progress import Progress
from training.rankers import cml, m2trec
from training.rankers.fusion import Settings, answers, calibrate, fit
from training.rankers.fusion_stage import AGED, KEPT_ASIDE, LEAST_KEPT
from training.rankers.lists import Lists, aged, lists_of, sample, visits_to_learn
from training.rankers.loop import LAST
from training.recipe import RankersRecipe, UpdateRecipe
from training.record import RECIPE
from training.updates.account import Account, Scores
from training.updates.arrival import Arrival, Known
from training.updates.learned import Bars, Learned, Note
from training.updates.networks import updated_cml, updated_m2trec
from training.updates.schedule import Rates

LEAST_NEW = 50  # visits to learn


@dataclass(frozen=True)
class Job:
    """An update of rankers.

    Attributes:
        recipe: how it is done.
        first: how the rankers were trained at first.
        came: the check-ins.
        folder: of the version that it goes on from.
        account: of that version; None if it is the first.

    """

    recipe: UpdateRecipe
    first: RankersRecipe
    came: Arrival
    folder: Path
    account: Account | None

    def rates(self, name: str, usual: float) -> Rates:
        """What a network is updated with, of which the highest rate was usual."""
        last = self.account.rates[name].final if self.account and name in self.account.rates else LAST * usual
        return Rates.of(self.recipe, usual, last)


def known_of(run: Path, folder: Path, first: RankersRecipe, account: Account | None) -> Known:
    """What the fusion of a version's folder has seen; raises GenRecError for the one that comes with GenRec."""
    settings, _ = read_fusion(folder, layout())
    if settings == read_fusion(SHIPPED, layout())[0]:
        raise GenRecError(
            f"{run} has the fusion that comes with GenRec, as there was too little to train one of its own: train one "
            "with `genrec-train rankers` when there is more"
        )
    if account:
        return Known(run, settings.catalogue, account.trained_on)
    seen = read_fusion(version_folder(run, FIRST), layout())[0].trained_on  # feedback that came later is no check-in
    return Known(run, settings.catalogue, seen, first.train)


def update_rankers(job: Job, out: Path, bars: Bars, note: Note) -> Learned:
    """Write the rankers as they are after the update into a folder; those that it has already are not made again."""
    visits = _visits(job)
    kept = _update_networks(job, out, bars, note)
    settings, network = read_fusion(job.folder, layout())
    weighed = networks_in(out, [name for name in settings.learned.rankers if name in NETWORKS])
    lists = _Lists.of(visits, job.came.checkins, {**counting(), **weighed}, bars(f"{NAME}, visits"))
    before = deepcopy(network)
    rates = job.rates(NAME, job.first.rate)
    epochs = job.recipe.epochs or job.first.epochs
    course = Settings(epochs, rates.rate.highest, job.first.decay, job.first.contrast, job.recipe.seed)
    fit(network, lists.learned, course, bars(f"{NAME}, steps"), rates.schedule)
    for one in (before, network):
        calibrate(one, lists.kept)
    seen = job.came.trained_on(job.recipe.seed)
    seen = seen.model_copy(update={"last": max(seen.last, settings.trained_on.last)})  # feedback may have been later
    grown = {"catalogue": catalogue_hash(job.came.checkins.pois), "trained_on": seen}
    write_fusion(out, FusionSettings(**{**dict(settings), **grown}), network)
    shutil.copy2(job.folder / RECIPE, out / RECIPE)
    used = {name: job.rates(name, usual) for name, usual in USUAL.items() if name not in kept and is_written(out, name)}
    scores = _scores(before, lists.kept), _scores(network, lists.kept)
    return Learned(len(visits.new), len(visits.old), {NAME: rates, **used}, kept, *scores)


USUAL = {"m2trec": m2trec.RATE, "cml": cml.RATE}


def _update_networks(job: Job, out: Path, bars: Bars, note: Note) -> tuple[str, ...]:
    """Write the networks into a folder; returns the names of those that stay as they were."""
    kept = []
    for name in NETWORKS:
        if not is_written(job.folder, name):
            continue
        network = NETWORKS[name].load(job.folder)
        seen = _may_see(job, name)
        if name not in USUAL or len(seen.frame) <= network.trained.trained_on.rows:
            kept.append(name)
            for ending in ("safetensors", "json"):
                shutil.copy2(job.folder / f"{name}.{ending}", out / f"{name}.{ending}")
        elif is_written(out, name):
            note(f"{name}: finished before, skipped")
        else:
            _updated(job, network, seen, bars(f"{name}, steps")).save(out)
    return tuple(kept)


def _may_see(job: Job, name: str) -> Checkins:
    """What a network may learn from: all, or if the fusion weighs it, what the fusion knew before."""
    return job.came.old if name in job.first.weighed else job.came.checkins


def _updated(job: Job, network: Network, seen: Checkins, progress: Progress) -> Network:
    rates = job.rates(network.name, USUAL[network.name])
    match network:
        case M2TRec():
            return updated_m2trec(network, seen, job.recipe, rates, progress)
        case Cml():
            return updated_cml(network, seen, job.recipe, rates, progress)
    return network


@dataclass(frozen=True)
class _Visits:
    """What the fusion learns: new visits, some of them again with older evidence, old ones; and what is kept aside."""

    new: list[Example]
    older: list[Example]
    old: list[Example]
    kept: list[Example]


@dataclass(frozen=True)
class _Lists:
    """The same as lists."""

    learned: Lists
    kept: Lists

    @classmethod
    def of(cls, visits: _Visits, checkins: Checkins, voices: dict[str, Voice], progress: Progress) -> "_Lists":
        learned = [*visits.new, *visits.older, *visits.old]
        return cls(lists_of(checkins, learned, voices, progress), lists_of(checkins, visits.kept, voices))


def _visits(job: Job) -> _Visits:
    """The visits; the newest are kept aside. Raises GenRecError if they are too few."""
    came, recipe = job.came, job.recipe
    visits = sorted(visits_to_learn(came.checkins, len(came.checkins.frame)), key=lambda visit: visit.time)
    begin = local_span(came.new)[0]
    old = [visit for visit in visits if visit.time < begin]
    new = [visit for visit in visits if visit.time >= begin]
    if len(new) < LEAST_NEW:
        raise GenRecError(
            f"{len(new)} new visits of people with a history are too few to learn from (at least {LEAST_NEW}): wait "
            "for more"
        )
    cut = min(int(len(new) * (1 - KEPT_ASIDE)), len(new) - LEAST_KEPT)
    learned = sample(new[:cut], job.first.visits, recipe.seed)
    return _Visits(
        new=learned,
        older=aged(learned, came.checkins, AGED, recipe.seed, old),
        old=sample(old, round(recipe.replay * len(learned)), recipe.seed),
        kept=sample(new[cut:], max(job.first.visits // 5, LEAST_KEPT), recipe.seed),
    )


def _scores(network: FusionNet, lists: Lists) -> Scores:
    ranks, own, _ = answers(network, lists)
    return Scores(
        visits=len(lists),
        loss=float(-own.mean()),
        acc_1=float(np.mean(ranks <= 1)),
        acc_10=float(np.mean(ranks <= 10)),
    )
