"""Advice on a budget that a study may not have: by the surrogate, from all results or from a pilot's alone."""

from genrec.errors import GenRecError
from training.budget.report.answers import Bootstrap
from training.budget.report.results import Results
from training.budget.report.surrogate import PILOT, Advice, advise, cheapest_pilot, fit, pilot_points
from training.budget.spec import Study


def advice_for(results: Results, budget: float, ratio: float, *, pilot: bool = False) -> Advice:
    """The best split of a budget where a pair costs `ratio` demonstrations.

    With `pilot`, only results count whose annotations cost at most a tenth of the budget. Raises GenRecError if there
    are too few results, or no pilot is that cheap.
    """
    study, scores = results.study, results.scores.usable()
    if budget <= 0 or ratio <= 0:
        raise GenRecError("a budget and the price of a pair must be above 0")
    if pilot:
        scores = scores.only(pilot_points(study, results.lattice, ratio, budget), scores.seeds)
        if not scores.points:
            cheapest = cheapest_pilot(study, results.lattice, ratio)
            raise GenRecError(
                f"a pilot may cost {PILOT:.0%} of {budget:,g}, and the study's smallest costs {cheapest:,g}, all "
                f"shares together: it serves budgets from {cheapest / PILOT:,g} on; add smaller budgets to the recipe"
            )
    boot = Bootstrap(scores)
    return advise(fit(boot), budget, ratio, price=study.price, shared_noise=boot.shared_noise)


def told(study: Study, advice: Advice) -> str:
    """Advice in words."""
    what = f"{advice.budget:,g} {study.currency} at a price ratio of {advice.ratio:g}"
    split = (
        f"{advice.sft:,} demonstrations and {advice.pairs:,} pairs (share {advice.share:.2f}); expected score "
        f"{advice.value:.3f} ({advice.low:.3f} to {advice.high:.3f}), by a smooth surface through the results"
    )
    beyond = "" if advice.measured else " The results do not reach that far: this is extrapolated."
    if (advice.tied_from, advice.tied_to) == (0, 1):
        return f"The results do not tell which share of {what} is best. At a guess: {split}.{beyond}"
    tied = f"Nothing tells it apart from shares between {advice.tied_from:.2f} and {advice.tied_to:.2f}."
    return f"For {what}: {split}. {tied}{beyond}"
