"""A command group that runs its main command when the first argument names no other."""

from difflib import get_close_matches
from pathlib import Path

import typer
from typer.core import TyperGroup

from genrec.errors import GenRecError

MAIN_COMMAND = "run"


class MainCommandGroup(TyperGroup):
    """`genrec profile FILE` means `genrec profile run FILE`."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Put the main command's name in front, unless a command or help is asked for."""
        if args and args[0] not in self.commands and args[0] != "--help":
            near = get_close_matches(args[0], self.commands, 1) if args[0].isalpha() else []
            if near and not Path(args[0]).exists():
                meant = f"{ctx.command_path} {near[0]}"
                raise GenRecError(f"there is no command or file {args[0]!r}; did you mean `{meant}`?")
            args = [MAIN_COMMAND, *args]
        return super().parse_args(ctx, args)
