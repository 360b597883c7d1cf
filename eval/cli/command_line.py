"""The command that was given, in the words that may stand beside its figures."""

import shlex
from pathlib import Path

import typer

PLACEHOLDERS = {"output": "DIR", "servers": "URL", "server": "URL"}
PATHS_AS_TEXT = ("model", "adapter")  # options that take a folder or a name


def command_line(context: typer.Context) -> str:
    """What was given, files and folders by their last names, without --aggregates, the place of --out and addresses."""
    words = ["genrec-eval", str(context.info_name)]
    for parameter in context.command.params:
        name = str(parameter.name)
        source = context.get_parameter_source(name)
        if name == "aggregates" or source is None or source.name != "COMMANDLINE":
            continue
        value = context.params[name]
        if isinstance(value, bool):
            words += parameter.opts if value else parameter.secondary_opts
            continue
        flag = [option for option in parameter.opts if option.startswith("--")]
        for one in value if isinstance(value, list) else [value]:
            words += [*flag, _word(name, one)]
    return shlex.join(words)


def _word(option: str, value: object) -> str:
    if option in PLACEHOLDERS:
        return PLACEHOLDERS[option]
    if isinstance(value, Path):
        return value.name
    text = str(value)
    return Path(text).name if option in PATHS_AS_TEXT and Path(text).exists() else text
