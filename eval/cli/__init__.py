"""The `genrec-eval` command. Each command has a file of its own beside this one."""

from genrec.cli.entry import run_app
from genrec.cli.lazy import lazy_group

COMMANDS = {
    "run": ("eval.cli.run:run", "Rank the same examples with several methods, and write the report."),
    "audit": ("eval.cli.audit:audit", "Look for knowledge of the future in a run."),
    "fit-habits": ("eval.cli.fit:fit_habits", "Fit the weights of the habits ranker."),
    "profiles": ("eval.cli.profiles:profiles", "Say what a file of profiles is worth."),
    "checker": ("eval.cli.checker:checker", "Say how often the checker of sentences is right."),
    "report": ("eval.cli.report:report", "Write the report of a run."),
    "score": ("eval.cli.score:score", "Score predictions that another project made."),
    "bench": ("eval.cli.bench:app", "Time rankings against other ways to make them."),
    "steer": ("eval.cli.steer:steer", "Say what a person's words do to a ranking."),
    "beside": ("eval.cli.beside:beside", "Say where asking the language model pays."),
    "serving-sim": ("eval.cli.serving:serving_sim", "Say how long adapters should be kept loaded."),
    "update": ("eval.cli.update:update", "Say how what came since is best learned."),
    "scale-sim": ("eval.cli.scale:scale_sim", "Say what serving many people takes, and costs."),
    "ablation": ("eval.cli.experiments:ablation", "Leave out parts of the profile."),
    "cold-start": ("eval.cli.experiments:cold_start", "Rank the same visits with ever more history."),
    "cross-city": ("eval.cli.experiments:cross_city", "Carry what was learned in one city to another."),
}


def main() -> None:
    """Run the command."""
    about = "Evaluate rankings of the next place, and profiles: honestly, with intervals."
    run_app(lazy_group("genrec-eval", about, COMMANDS))
