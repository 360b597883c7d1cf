"""Commands whose files are imported when they are called, so that these may import what they need at the top."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from genrec.cli.entry import EPILOG
from genrec.terminal import note


class _Deferred(TyperCommand):
    """Stands in the list of commands; `target` is "module:attribute", a function or a Typer of subcommands."""

    def __init__(self, name: str, target: str, about: str) -> None:
        super().__init__(name, help=about)
        self._target = target

    def load(self) -> Any:
        """The command itself."""
        module, _, attribute = self._target.partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            return typer.main.get_group(found)  # get_command would add completion to each
        alone = typer.Typer(add_completion=False)
        alone.command()(found)
        return typer.main.get_command(alone)


class _LazyGroup(TyperGroup):
    renamed: Mapping[str, str] = {}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that is called, imported now; one that is called by its old name says so."""
        if new := self.renamed.get(args[0]):
            note(f"note: `{self.name} {args[0]}` is called `{self.name} {new}` now")
            args = [new, *args[1:]]
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, _Deferred) else command, rest


def lazy_group(
    name: str, about: str, commands: Mapping[str, tuple[str, str]], renamed: Mapping[str, str] | None = None
) -> TyperGroup:
    """A command of subcommands: name -> ("module:attribute", what the list of commands says of it).

    `renamed`: old name -> name.
    """
    app = typer.Typer(name=name, help=about, cls=_LazyGroup, no_args_is_help=True, epilog=EPILOG)
    app.callback()(lambda: None)
    group = typer.main.get_command(app)
    assert isinstance(group, _LazyGroup)  # noqa: S101 - narrows the type
    group.renamed = renamed or {}
    for command, (target, summary) in commands.items():
        group.add_command(_Deferred(command, target, summary))
    return group
