"""What was run, in a report's first table."""

from pathlib import Path

from training.budget.plan import counted
from training.budget.report.answers import Scores
from training.budget.report.trials import metric_name
from training.budget.spec import Jsonl, NextPoi, ProfileWriting, SmallModel, Study
from training.budget.tasks.writing import WEIGHTS

# In the order of WEIGHTS.
PARTS = ("share of supported sentences", "weight of the notes' facts told", "not redundant", "reading ease / 100")


def settings_of(study: Study, scores: Scores) -> list[tuple[str, str]]:
    """Names and values."""
    stages = (("SFT", study.sft), ("DPO", study.dpo), ("KTO", study.kto))
    users = 1 if isinstance(study.task, Jsonl) else len(set(scores.groups))
    drawn = counted(users, "user") if users > 1 else counted(len(scores.groups), "test example")
    return [
        ("Model", study.model if isinstance(study.model, str) else _described(study.model)),
        ("Method", study.method),
        ("Data", _data(study)),
        ("A pair", _pair(study.task)),
        ("Scored", f"{len(scores.groups):,} {_scored(study.task)}; {metric_name(study)}"),
        ("Budgets", f"{', '.join(f'{one:,g}' for one in sorted(study.budgets))} {study.currency}"),
        ("Shares for SFT", ", ".join(f"{one:g}" for one in study.shares)),
        ("Price of a demonstration", f"{study.price:g}"),
        ("Price ratios: a pair, in demonstrations", ", ".join(f"{one:g}" for one in study.price_ratios)),
        ("Seeds", ", ".join(map(str, study.seeds))),
        *(
            (name, f"one pass, batches of {one.batch}, constant rate after {one.warmup_steps} steps")
            for name, one in stages
            if one
        ),
        ("Subsets", "nested: a larger budget's examples begin with those of a smaller one, in an order of each seed"),
        ("Intervals", f"95%, paired bootstrap over {drawn} and the seeds"),
    ]


def _pair(task: NextPoi | ProfileWriting | Jsonl) -> str:
    if isinstance(task, Jsonl):
        return "a row of the preferences file"
    if isinstance(task, ProfileWriting):
        return (
            "a paragraph of the kind that demonstrations are, and a worse one: with something wrong, said twice or "
            "left out. So it shows a good paragraph, too, which comparisons of a model's own proposals would not"
        )
    rule = "the true place" if task.rule == "truth" else "the true place, else the right category, else the nearer one"
    return f"two places that the model itself proposes; {rule} wins. People may judge differently"


def _data(study: Study) -> str:
    task = study.task
    if isinstance(task, Jsonl):
        return ", ".join(path.name for path in (task.demonstrations, task.preferences, task.validation, task.test))
    if isinstance(task, ProfileWriting):
        cities = (task.cities, task.validation_cities, task.test_cities)
        ranges = [f"{one.count} from seed {one.first_seed} on" for one in cities]
        return f"people of synthetic cities: {ranges[0]}, others for validation ({ranges[1]}) and test ({ranges[2]})"
    source, train = f"synthetic city {task.city}", "80%"
    if task.data:
        source, train = Path(task.data.checkins or "").name, "50%" if task.data.train == "rolling" else train
    of = f"those between {study.past:.0%} and {train}" if study.past else f"the first {train}"
    return f"{source}; annotations from {of} of the check-ins, validation from the ninth tenth"


def _scored(task: NextPoi | ProfileWriting | Jsonl) -> str:
    if isinstance(task, Jsonl):
        return "test rows, decoded greedily"
    if isinstance(task, ProfileWriting):
        parts = ", ".join(f"{weight:g} {what}" for what, weight in zip(PARTS, WEIGHTS.values(), strict=True))
        return f"paragraphs of at most {task.sentences} sentences, decoded greedily ({parts}; notes copied count as 0)"
    return "final visits of the last tenth's trajectories, all places ranked exactly"


def _described(model: SmallModel) -> str:
    read = []
    if model.cities:
        cities = counted(model.cities, "synthetic city", "synthetic cities")
        read.append(f"{model.examples:,} conversations about {cities}")
    if model.past:
        passes = counted(model.passes, "pass", "passes")
        read.append(f"visits of the first {model.past:.0%} of the check-ins ({passes})")
    return f"small ({model.layers} layers, {model.hidden} wide), pre-trained on {' and on '.join(read)}"
