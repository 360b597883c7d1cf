"""Subsets are nested and disjoint as far as data go, and three price ratios cost less than half of separate grids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import quick
from made_budget import study

from genrec.errors import GenRecError, InputError
from training.budget.chain import Chain, Result
from training.budget.folder import StudyFolder
from training.budget.lattice import coarse_to_fine, lattice
from training.budget.plan import Rates, lattice_chains, taught_nothing
from training.budget.spec import load_study
from training.budget.tasks.material import Material
from training.budget.tasks.task import Question, Questions, demonstration_order, pair_order

MINIMAL = (
    "task: {kind: next-poi, city: 1}\nbudgets: [100]\nsft: {learning_rates: [1e-3]}\ndpo: {learning_rates: [1e-4]}\n"
)


@pytest.mark.parametrize("ratios", [[0.25, 0.5, 1], [0.5, 1, 2], [0.4, 0.7, 1]])
@pytest.mark.parametrize("budgets", [[100, 500, 1000, 5000], [100, 500, 1000, 5000, 10000, 20000], [200, 400]])
def test_three_price_ratios_cost_at_most_half(ratios, budgets):
    found = lattice(study(price_ratios=ratios, budgets=budgets))
    assert found.trained_on <= found.trained_on_apart / 2


@given(
    st.lists(st.integers(20, 3000), min_size=1, max_size=4, unique=True),
    st.lists(st.floats(0, 1), min_size=2, max_size=6, unique=True),
    st.lists(st.floats(0.2, 3), min_size=1, max_size=3, unique=True),
    st.floats(0.5, 3),
    st.integers(1, 8),
)
@quick
def test_a_budget_is_kept_and_spent(budgets, shares, ratios, price, batch):
    stage = {"learning_rates": [1e-3], "batch": batch}
    asked = study(budgets=budgets, shares=shares, price_ratios=ratios, price=price, sft=stage, dpo=stage)
    try:
        found = lattice(asked)
    except GenRecError as error:
        assert "buys no batch" in str(error)
        return
    for cell in found.cells:
        cost = price * (cell.sft + cell.ratio * cell.pairs)
        assert cost <= cell.budget * (1 + 1e-6)
        assert cost > cell.budget - price * batch * max(cell.ratio, 1) * (1 + 1e-6)
        assert cell.sft % batch == cell.pairs % batch == 0
        assert (cell.sft > 0) == (cell.share > 0)
    passed = {chain.point(stop) for chain in lattice_chains(found, Rates(1e-3, 1e-4)) for stop in chain.stops}
    assert set(found.points) <= passed
    assert found.trained_on <= found.trained_on_apart


def test_equal_prices_are_the_papers_grid():
    found = lattice(study(budgets=[1000]))
    assert [(cell.share, cell.sft, cell.pairs) for cell in found.cells] == [
        (1.0, 1000, 0),
        (0.75, 752, 248),
        (0.5, 500, 500),
        (0.25, 248, 752),
        (0.1, 100, 900),
        (0.01, 8, 992),
        (0.0, 0, 1000),
    ]  # in batches of four


def test_shares_that_buy_the_same_count_once():
    stage = {"learning_rates": [1e-3], "batch": 8}
    found = lattice(study(budgets=[80], sft=stage, dpo=stage))
    assert [cell.share for cell in found.cells if cell.sft == 8] == [0.1], "and not 0.01"


def test_coarse_answers_come_first():
    assert coarse_to_fine(range(9)) == [0, 8, 4, 2, 6, 1, 3, 5, 7]
    chains = lattice_chains(lattice(study()), Rates(1e-3, 1e-4))
    assert [chain.seed for chain in chains] == sorted(chain.seed for chain in chains)
    starts = [chain.start for chain in chains if chain.stage == "dpo" and chain.seed == 0]
    assert starts[:2] == [min(starts), max(starts)]
    assert sorted(starts) == sorted(set(starts)), "an SFT stage is shared"


@given(st.integers(1, 60), st.integers(0, 5), st.data())
@quick
def test_subsets_are_nested_and_meet_as_late_as_possible(size, seed, data):
    task = Shared(size)
    bought, judged = demonstration_order(task, seed), pair_order(task, seed)
    assert sorted(bought) == sorted(judged) == list(range(size))
    sft = data.draw(st.integers(0, size))
    pairs = data.draw(st.integers(0, size))
    assert len(set(bought[:sft]) & set(judged[:pairs])) == max(0, sft + pairs - size)
    apart = Shared(size, shared=False)
    assert pair_order(apart, seed) != bought[::-1] or size < 5


class Shared:
    """A task of so many examples."""

    def __init__(self, size, *, shared=True):
        questions = tuple(Question(({"role": "user", "content": str(i)},), "1", "u") for i in range(size))
        self.questions, self.pair_pool, self.shared = Questions(questions, (), ()), size, shared


def test_which_points_are_disjoint():
    found = lattice(study(budgets=[100, 500]))
    assert found.disjoint(500) == len(found.points)
    assert found.disjoint(499) < len(found.points)
    assert found.disjoint(0) == 0


def test_results_are_kept_by_what_they_depend_on(tmp_path):
    asked, result = study(), Result([0.5, 1.0], 4, 1.5, 0.1)
    chain, longer = Chain("sft", 1, 1e-3, (4,)), Chain("sft", 1, 1e-3, (4, 8))
    material = Material("model", None, "a")
    folder = StudyFolder(asked, tmp_path, material)
    assert folder.result(chain, 4) is None
    folder.put(chain, 4, result)
    assert StudyFolder(asked, tmp_path, material).result(longer, 4) == result
    others = (
        (asked, material, Chain("sft", 2, 1e-3, (4,))),
        (asked, Material("model", None, "b"), chain),
        (study(max_length=512), material, chain),
    )
    for other, of, another in others:
        assert StudyFolder(other, tmp_path, of).result(another, 4) is None
    assert folder.census([longer]) == (1, 1, 0)
    assert folder.census([Chain("sft", 2, 1e-3, (4,))]) == (0, 1, 1)
    assert folder.missing(longer) == [4, 8], "the model of the first stop is gone"
    for file in (tmp_path / "results").iterdir():
        file.write_text('{"facts": ')
    assert folder.result(chain, 4) is None  # a damaged one is made anew


def test_recipes(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(MINIMAL)
    assert load_study(path).shares == (1.0, 0.75, 0.5, 0.25, 0.1, 0.01, 0.0)
    path.write_text(MINIMAL.replace("city: 1", "town: 1") + "colour: red\n")
    with pytest.raises(GenRecError, match=r"town: no such key[\s\S]*colour: no such key"):
        load_study(path)
    with pytest.raises(InputError, match="no such recipe"):
        load_study(tmp_path / "none.yaml")
    for change, problem in (
        ("seeds: [1, 1]", "seeds: each value once"),
        ("shares: [0, 2]", "less than or equal to 1"),
        ("price_ratios: [0]", "greater than 0"),
        ("colour: red\nshares: [0, 2]", r"shares\.1: [\s\S]*colour: no such key"),
        ("seeds: 3", r"seeds: must be a list, as in \[3\]$"),
        ("model: {hidden: 50}", r"run:\n  model\.hidden: [^\n]*multiple of 32$"),
        ("model: {cities: 0}", r"run:\n  model: nothing to pre-train on: [^\n]*$"),
        ("model: [", r"row \d+: not YAML"),
    ):
        path.write_text(f"{MINIMAL}{change}\n")
        with pytest.raises(GenRecError, match=problem):
            load_study(path)
    path.write_text(MINIMAL.replace("city: 1", "data: {checkins: a.csv, named: true}"))
    with pytest.raises(GenRecError, match=r"data\.named"):
        load_study(path)


def test_settings_of_the_trainers_are_checked_before_anything_is_trained(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(MINIMAL.replace("[1e-4]", "[1e-4], trainer: {beta: 1e-1}"))
    assert load_study(path).dpo.trainer == {"beta": 0.1}
    for trainer, problem in (
        ("max_steps: 3", "not to be set here: max_steps"),
        ("beta: high", r"dpo\.trainer\.beta: .* not 'high'"),
        ("betas: 1", r"dpo\.trainer\.betas: DPOConfig has no such key"),
        ("eval_strategy: steps", r"dpo\.trainer\.eval_strategy: not to be set here"),
    ):
        path.write_text(MINIMAL.replace("[1e-4]", f"[1e-4], trainer: {{{trainer}}}"))
        with pytest.raises(GenRecError, match=problem):
            load_study(path)


def test_two_batches_are_one_of_each_stage():
    found = lattice(study(budgets=[8], shares=[1, 0.75, 0.5, 0.01, 0]))
    assert [(cell.sft, cell.pairs) for cell in found.cells] == [(8, 0), (4, 4), (0, 8)]


def test_demonstrations_that_teach_nothing_are_told():
    """The first step of a warm-up has a rate of 0."""
    small = study(budgets=[16], shares=[1, 0.1, 0])
    assert "some splits have 4 demonstrations" in taught_nothing(small, lattice(small))
    for other in (
        study(budgets=[100], shares=[1, 0.1, 0]),
        small.model_copy(update={"sft": small.sft.model_copy(update={"warmup_steps": 0})}),
    ):
        assert taught_nothing(other, lattice(other)) is None


def test_budgets_that_buy_nothing():
    with pytest.raises(GenRecError, match="buys no batch"):
        lattice(study(budgets=[5]))
