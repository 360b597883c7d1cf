"""The `genrec` command. Each command, or group of subcommands, has a file of its own beside this one."""

from genrec.cli.entry import run_app
from genrec.cli.lazy import lazy_group

COMMANDS = {
    "data": ("genrec.cli.data:app", "Read, check and prepare check-ins."),
    "profile": ("genrec.cli.profile:app", "Write, show, edit and import profiles."),
    "recommend": ("genrec.cli.recommend:recommend", "Rank the places where a user may go next."),
    "audience": ("genrec.cli.audience:audience", "List who is likely to come to places that have just opened."),
    "store": ("genrec.cli.store:app", "Back up and restore a store."),
    "app": ("genrec.cli.app:app", "A page and an HTTP API: people, profiles, rankings."),
    "key": ("genrec.cli.key:app", "Keys of the HTTP API."),
    "vllm": ("genrec.cli.vllm:app", "Start vLLM with the right flags and keep it until Ctrl-C."),
    "model": ("genrec.cli.model:app", "The language model."),
}
RENAMED = {"serve": "vllm"}


def main() -> None:
    """Run the command."""
    about = "From check-ins to readable user profiles and ranked next places."
    run_app(lazy_group("genrec", about, COMMANDS, RENAMED))
