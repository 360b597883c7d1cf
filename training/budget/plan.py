"""Which runs a study consists of, and how long they still need.

The sweeps of learning rates come first, then the runs of the lattice, coarse answers before fine ones.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from genrec.errors import GenRecError
from training.budget.chain import Chain, stage_of
from training.budget.folder import StudyFolder
from training.budget.lattice import Lattice, lattice
from training.budget.spec import SOUND_SEEDS, NextPoi, StageName, Study

PAIR_COST = 3.5  # seconds of a pair in those of a demonstration, before any was timed: 3.3 and 3.6 in two studies


@dataclass(frozen=True)
class Rates:
    """The learning rate of each stage."""

    sft: float
    dpo: float
    kto: float | None = None  # where the study has no such stage


def sweep_chains(study: Study, stage: StageName, sft_rate: float) -> list[Chain]:
    """One short run for each learning rate of a stage, scored on the validation questions."""
    recipe = stage_of(study, stage)
    seed, size = study.seeds[0], _in_batches(study.sweep_examples, recipe.batch)
    start = _in_batches(study.sweep_examples, study.sft.batch) if stage != "sft" else 0
    start_rate = sft_rate if stage != "sft" else 0.0
    return [Chain(stage, seed, rate, (size,), "validation", start, start_rate) for rate in recipe.learning_rates]


def sweep_runs(study: Study, stage: StageName, sft_rate: float) -> list[Chain]:
    """What a stage's sweep takes, the run that it starts from first; nothing where there is only one rate."""
    if len(stage_of(study, stage).learning_rates) == 1:
        return []
    chains = sweep_chains(study, stage, sft_rate)
    before = chains[0].before()
    return [before, *chains] if before else chains


def lattice_chains(found: Lattice, rates: Rates) -> list[Chain]:
    """All runs of the lattice: seed by seed, so that the first gives a coarse answer; within it, coarse to fine.

    Those of KTO come last.
    """
    chains = []
    for seed in found.seeds:
        chains.append(Chain("sft", seed, rates.sft, (0, *found.sft_sizes)))
        chains += _preference_chains(found, "dpo", seed, rates.dpo, rates.sft)
    if rates.kto is not None:
        for seed in found.seeds:
            chains += _preference_chains(found, "kto", seed, rates.kto, rates.sft)
    return chains


def _preference_chains(found: Lattice, stage: StageName, seed: int, rate: float, sft_rate: float) -> Iterator[Chain]:
    """What goes on from the base model and from each of a seed's SFT models."""
    for start, sizes in found.pair_sizes.items():
        yield Chain(stage, seed, rate, sizes, "test", start, sft_rate if start else 0.0)


def _in_batches(count: int, batch: int) -> int:
    return batch * max(1, count // batch)


def require_feasible(folder: StudyFolder) -> None:
    """Raise GenRecError if the largest run, or a sweep's, needs more examples than there are."""
    found, task = lattice(folder.study), folder.material.task
    swept = {chain.stage: chain.size for chain in all_sweeps(folder)}
    for what, sweep, needed, there in (
        ("demonstrations", swept.get("sft", 0), found.most_sft, len(task.questions.train)),
        ("pairs", max(swept.get("dpo", 0), swept.get("kto", 0)), found.most_pairs, task.pair_pool),
    ):
        if sweep > there:
            raise GenRecError(f"sweep_examples: the sweep needs {sweep:,} {what}, and there are {there:,}; lower it")
        if needed > there:
            limited = isinstance(folder.study.task, NextPoi) and folder.study.task.train_limit == there
            raise GenRecError(
                f"the study needs {needed:,} {what}, but there are {there:,} examples for them: lower budgets"
                + (", or raise the smallest of price_ratios" if what == "pairs" else "")
                + (", or raise task.train_limit" if limited else "")
            )


def chosen_rate(folder: StudyFolder, stage: StageName, sft_rate: float) -> float | None:
    """The best learning rate of a stage on the validation questions; None if the sweep is not finished.

    Of equally good ones, the lowest. Raises GenRecError if training diverges at all of them.
    """
    recipe = stage_of(folder.study, stage)
    if len(recipe.learning_rates) == 1:
        return recipe.learning_rates[0]
    means = {}
    for chain in sweep_chains(folder.study, stage, sft_rate):
        result = folder.result(chain, chain.size)
        if result is None:
            return None
        if result.mean is not None:
            means[chain.rate] = result.mean
    if not means:
        raise GenRecError(f"{stage}.learning_rates: training diverges at all of them; give lower ones")
    return max(sorted(means), key=lambda rate: means[rate])


def all_chains(folder: StudyFolder) -> list[Chain]:
    """The lattice's runs, at the rates that the sweeps chose, or at the first ones as long as they are not known."""
    sft = _rate(folder, "sft", 0.0)
    judged = {stage: _rate(folder, stage, sft) for stage in folder.study.by_preference}
    return lattice_chains(lattice(folder.study), Rates(sft, judged["dpo"], judged.get("kto")))


def _rate(folder: StudyFolder, stage: StageName, sft_rate: float) -> float:
    """The chosen one or, as long as it is not known, the first."""
    return chosen_rate(folder, stage, sft_rate) or stage_of(folder.study, stage).learning_rates[0]


def first_chain(folder: StudyFolder) -> Chain:
    """The shortest run that the study needs: to see how long things take."""
    study = folder.study
    if len(study.sft.learning_rates) > 1:
        return sweep_chains(study, "sft", 0.0)[0]
    return Chain("sft", study.seeds[0], study.sft.learning_rates[0], lattice(study).sft_sizes[:1])


def plan_lines(folder: StudyFolder, workers: int) -> Iterator[str]:
    """What a study trains, whether the data suffice, and how long what is left may take."""
    study, task = folder.study, folder.material.task
    found = lattice(study)
    require_feasible(folder)
    share = found.trained_on / found.trained_on_apart
    yield (
        f"{counted(len(found.cells), 'split')} ({counted(len(study.budgets), 'budget')}, "
        f"{counted(len(study.shares), 'share')}, {counted(len(study.price_ratios), 'price ratio')}) and "
        f"{counted(len(study.seeds), 'seed')} are read from {counted(found.models, 'model')}"
    )
    yield (
        f"examples trained on: {found.trained_on:,}, which is {share:.0%} of the {found.trained_on_apart:,} that a run "
        "for each split would train on"
    )
    sweeps = all_sweeps(folder)
    swept = sum(chain.size for chain in sweeps if chain.part == "validation")
    yield f"and in the sweeps of learning rates: {swept:,}"
    if len(study.seeds) < SOUND_SEEDS:
        yield f"note: {counted(len(study.seeds), 'seed')}: too few to tell chance in training from what splits do"
    if too_few := taught_nothing(study, found):
        yield f"note: {too_few}"
    yield _pools(found, len(task.questions.train), task.pair_pool, shared=task.shared)
    yield f"scored on: {len(task.questions.test):,} test examples; rates, on {len(task.questions.validation):,} others"
    chains = [*sweeps, *all_chains(folder)]
    left = seconds_left(folder, chains)
    there, to_go, unused = folder.census(chains)
    unknown = "not known before the first result (--measure takes it)"
    time = unknown if left is None else f"about {duration(left / workers)}"
    if there == 1:
        time += ", by one short run: a guess"
    yield f"results to go: {to_go:,}; time: {time}"
    if unused:
        yield f"note: {counted(unused, 'result')} in {folder.out} are of other settings, and are not used"


def all_sweeps(folder: StudyFolder) -> list[Chain]:
    """What all sweeps take; those after SFT's go on from its first rate as long as none is chosen."""
    study, sft = folder.study, _rate(folder, "sft", 0.0)
    judged = [chain for stage in study.by_preference for chain in sweep_runs(study, stage, sft)]
    return list(dict.fromkeys([*sweep_runs(study, "sft", 0.0), *judged]))


def taught_nothing(study: Study, found: Lattice) -> str | None:
    """What is wrong with splits of one batch of demonstrations: warm-up's first step has a rate of 0."""
    batch = study.sft.batch
    if not study.sft.warmup_steps or batch not in found.sft_sizes:
        return None
    return (
        f"some splits have {batch} demonstrations: one step of SFT, at the rate that warm-up begins with, which is 0, "
        "so they teach nothing; lower sft.batch, set sft.warmup_steps to 0, or raise the budgets"
    )


def _pools(found: Lattice, demonstrations: int, pairs: int, *, shared: bool) -> str:
    """Whether demonstrations and pairs come from different examples."""
    if not shared:
        return f"demonstrations: {found.most_sft:,} of {demonstrations:,}; pairs: {found.most_pairs:,} of {pairs:,}"
    disjoint = found.disjoint(demonstrations)
    suffice = f"in {disjoint:,} of {len(found.points):,} points" if disjoint < len(found.points) else "everywhere"
    return f"training examples: {demonstrations:,}; demonstrations and pairs come from different ones {suffice}"


@dataclass
class _Stage:
    """What a stage has done and has to do."""

    examples: int = 0
    seconds: float = 0.0
    to_train: int = 0

    @property
    def rate(self) -> float | None:
        """Seconds an example."""
        return self.seconds / self.examples if self.examples else None


def seconds_left(folder: StudyFolder, chains: Sequence[Chain]) -> float | None:
    """Time that the runs still need, one after another; None before the first result."""
    stages: dict[StageName, _Stage] = {"sft": _Stage(), "dpo": _Stage(), "kto": _Stage()}
    scored: list[float] = []
    to_score = 0
    for chain in chains:
        stage, reached = stages[chain.stage], 0
        for stop in chain.stops:
            result = folder.result(chain, stop)
            if result is None:
                to_score += 1
                stage.to_train += stop - reached
            else:
                stage.examples += result.trained_on
                stage.seconds += result.train_seconds
                scored.append(result.score_seconds)
            reached = stop
    if not scored:
        return None
    judged = stages["dpo"].rate or stages["kto"].rate
    each = stages["sft"].rate or (judged or 0.0) / PAIR_COST
    seconds = to_score * sum(scored) / len(scored) + stages["sft"].to_train * each
    return seconds + sum(stages[name].to_train * (stages[name].rate or PAIR_COST * each) for name in ("dpo", "kto"))


def duration(seconds: float) -> str:
    """In hours and minutes, minutes, or seconds."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def counted(count: int, one: str, many: str = "") -> str:
    """How many of what: "1 seed", "1,200 models"; `many` where it is not `one` with an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
