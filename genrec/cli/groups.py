"""A command group that runs its main command when the first argument names no other."""

import typer
from typer.core import TyperGroup

MAIN_COMMAND = "run"


class MainCommandGroup(TyperGroup):
    """`genrec profile FILE` means `genrec profile run FILE`."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Put the main command's name in front, unless a command or help is asked for."""
        if args and args[0] not in self.commands and args[0] != "--help":
            args = [MAIN_COMMAND, *args]
        return super().parse_args(ctx, args)
