"""The `genrec-train` command. Each command has a file of its own beside this one."""

from genrec.cli.entry import run_app
from genrec.cli.lazy import lazy_group

COMMANDS = {
    "sft": ("training.cli.sft:sft", "Supervised fine-tuning, as a recipe says."),
    "preferences": ("training.cli.preferences:preferences", "Make the pairs that DPO learns from."),
    "dpo": ("training.cli.dpo:dpo", "Direct preference optimisation, as a recipe says."),
    "rankers": ("training.cli.rankers:rankers", "Train the rankers of a city on its own check-ins."),
    "update": ("training.cli.update:update", "Learn what came since, from what was trained before."),
    "online": ("training.cli.online:online", "Go on learning from what people say of the places named."),
    "merge": ("training.cli.merge:merge", "Write a base model and an adapter as one model."),
    "compact": ("training.cli.compact:compact", "Write an adapter in half the space."),
    "bench": ("training.cli.bench:bench", "Time training against TRL's stock trainers."),
    "budget": ("training.cli.budget:budget", "Study how to split an annotation budget."),
}


def main() -> None:
    """Run the command."""
    about = "Tune a local model to rank next places: on this machine, from a recipe."
    run_app(lazy_group("genrec-train", about, COMMANDS))
