"""From budgets, shares and prices to the runs that answer for all of them.

A stage goes once over its examples, in an order that only the seed decides, at a constant learning rate. So the run
on n examples is the first part of the run on more: one SFT run of a seed passes every n_s on its way, and one DPO run
from each of these models passes every n_p. Subsets are nested, SFT stages are shared, and budgets and price ratios
read their scores from the same lattice of (n_s, n_p).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from genrec.errors import GenRecError
from training.budget.spec import StageName, Study


@dataclass(frozen=True)
class Cell:
    """One split of one budget at one price ratio: where in the lattice its score stands."""

    ratio: float  # c_p / c_s
    budget: float
    share: float  # of the budget for SFT, as asked for
    sft: int  # n_s
    pairs: int  # n_p

    @property
    def point(self) -> tuple[int, int]:
        """(n_s, n_p)."""
        return self.sft, self.pairs


@dataclass(frozen=True)
class Lattice:
    """All cells of a study, and the points that they stand at."""

    cells: tuple[Cell, ...]
    seeds: tuple[int, ...]
    by_preference: tuple[StageName, ...] = ("dpo",)  # each goes over all pairs, or as many judgements

    @cached_property
    def points(self) -> tuple[tuple[int, int], ...]:
        """Each (n_s, n_p) once, ascending."""
        return tuple(sorted({cell.point for cell in self.cells}))

    @cached_property
    def sft_sizes(self) -> tuple[int, ...]:
        """Each n_s above 0, ascending: what the SFT run of a seed passes."""
        return tuple(sorted({sft for sft, _ in self.points if sft}))

    @cached_property
    def pair_sizes(self) -> dict[int, tuple[int, ...]]:
        """By n_s, coarse to fine, each n_p above 0, ascending: what the DPO run from that model passes."""
        sizes = defaultdict(list)
        for sft, pairs in self.points:
            if pairs:
                sizes[sft].append(pairs)
        return {sft: tuple(sizes[sft]) for sft in coarse_to_fine(sorted(sizes))}

    @property
    def most_sft(self) -> int:
        """Demonstrations of the largest run."""
        return max(self.sft_sizes, default=0)

    @property
    def most_pairs(self) -> int:
        """Pairs of the largest run."""
        return max((pairs for _, pairs in self.points), default=0)

    @property
    def models(self) -> int:
        """How many models the cells are read from, all seeds together."""
        judged = sum(pairs > 0 for _, pairs in self.points)
        return len(self.seeds) * (len(self.points) - judged + len(self.by_preference) * judged)

    @property
    def trained_on(self) -> int:
        """Examples that all runs go over, all seeds together."""
        judged = sum(max(sizes) for sizes in self.pair_sizes.values())
        return len(self.seeds) * (self.most_sft + len(self.by_preference) * judged)

    @property
    def trained_on_apart(self) -> int:
        """The same if each cell of each price ratio's grid were trained by itself."""
        ways = len(self.by_preference)
        return len(self.seeds) * sum(ways * (cell.sft + cell.pairs) if cell.pairs else cell.sft for cell in self.cells)

    def disjoint(self, size: int) -> int:
        """How many points have demonstrations and pairs of different examples, of a pool of `size`."""
        return sum(sft + pairs <= size for sft, pairs in self.points)


def lattice(study: Study) -> Lattice:
    """The lattice of a study, sizes in whole batches. Raises GenRecError if a budget does not buy a batch."""
    found: list[Cell] = []
    for ratio in study.price_ratios:
        for budget in sorted(study.budgets):
            found += _distinct([_cell(study, ratio, budget, share) for share in sorted(study.shares, reverse=True)])
    return Lattice(tuple(found), study.seeds, study.by_preference)


def _cell(study: Study, ratio: float, budget: float, share: float) -> Cell:
    """A share above 0 buys a batch at least, and so does what it leaves for pairs."""
    affordable = budget / study.price  # in demonstrations
    batch = study.sft.batch
    most = affordable if share == 1 else affordable - study.dpo.batch * ratio
    sft = min(batch * round(share * affordable / batch), _whole(most, batch))
    sft = max(sft, batch) if share else 0
    pairs = 0 if share == 1 else _whole((affordable - sft) / ratio, study.dpo.batch)
    if sft > affordable or (share < 1 and not pairs):
        raise GenRecError(
            f"budgets: {budget:g} at a price ratio of {ratio:g} buys no batch of each stage at share {share:g} "
            f"({batch} demonstrations, {study.dpo.batch} pairs); raise it, or lower sft.batch and dpo.batch"
        )
    return Cell(ratio, budget, share, sft, pairs)


def _whole(count: float, batch: int) -> int:
    """As many as whole batches hold; the small addition is for quotients such as 0.99.../0.33."""
    return batch * int(count / batch + 1e-9)


def _distinct(cells: Sequence[Cell]) -> list[Cell]:
    """Each point once: of shares that buy the same, the one that says it best stays."""
    best: dict[tuple[int, int], Cell] = {}
    for cell in cells:
        real = cell.sft / (cell.sft + cell.pairs * cell.ratio)
        other = best.setdefault(cell.point, cell)
        if abs(cell.share - real) < abs(other.share - real):
            best[cell.point] = cell
    return [cell for cell in cells if best[cell.point] is cell]


def coarse_to_fine(values: Iterable[int]) -> list[int]:
    """The ends first, then always the middle of the widest gap (in places, not in size)."""
    ordered = list(values)
    if len(ordered) < 3:
        return ordered
    picked, gaps = [0, len(ordered) - 1], [(0, len(ordered) - 1)]
    while gaps:
        low, high = gaps.pop(0)
        if high - low > 1:
            middle = (low + high) // 2
            picked.append(middle)
            gaps += [(low, middle), (middle, high)]
    return [ordered[i] for i in picked]
