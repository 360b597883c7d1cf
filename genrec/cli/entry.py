"""How a command starts and ends: the one place where errors become lines and exit codes."""

import os
import sys
import traceback
from typing import NoReturn

import typer
from typer._click.exceptions import ClickException, NoArgsIsHelpError  # Typer's own, and not to be had elsewhere
from typer.core import TyperGroup, TyperOption

from genrec.errors import GenRecError
from genrec.terminal import note, one_line, visible

DEBUG = "--debug"
EPILOG = "--debug (or GENREC_DEBUG=1), with any command: show where in the program an error came from."
INTERRUPTED = 130  # as shells count a process that Ctrl-C ended

_type_shown = TyperOption.display_type_rich
# Beside a flag, help would show `<bool>`, as if there were something to fill in.
TyperOption.display_type_rich = lambda self, ctx: None if self.is_flag else _type_shown(self, ctx)  # type: ignore[method-assign]


def run_app(app: typer.Typer | TyperGroup) -> NoReturn:
    """Run the command that the process was started with, and end the process.

    Exit codes: 2 for what the user can mend, 1 for what nobody foresaw, 130 for Ctrl-C; each with one line.
    """
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    debug = DEBUG in words[:end] or bool(os.environ.get("GENREC_DEBUG"))
    try:
        code = app(args=[word for i, word in enumerate(words) if word != DEBUG or i > end], standalone_mode=False)
        sys.stdout.flush()
        if code == INTERRUPTED:  # Typer's answer to Ctrl-C
            note("interrupted")
    except BrokenPipeError:  # nobody reads the output any more
        code = 1
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            print(visible(traceback.format_exc()), file=sys.stderr)
        code = _told(error)
    _flush()
    sys.exit(code if isinstance(code, int) else 0)


def _told(error: BaseException) -> int:
    """Print an error as one line; returns the exit code."""
    match error:
        case NoArgsIsHelpError():  # which has been printed
            return error.exit_code
        case ClickException():
            from genrec.validation import cause_in_words  # deferred: pydantic takes long to load

            error.message = cause_in_words(error) or error.message
            context = getattr(error, "ctx", None)
            line, code = one_line(error.format_message()), 2
            if context:
                line = f"{line.removesuffix('.')}. See `{context.command_path} --help`."
        case GenRecError() | OSError():  # OSError: a full disk, a folder that may not be written to
            line, code = str(error), 2
        case typer.Abort():
            line, code = "the input ended", 1
        case KeyboardInterrupt():
            note("interrupted")
            return INTERRUPTED
        case MemoryError():
            line, code = "there is not enough memory for this; try fewer data, or a smaller model", 1
        case _:
            line = f"unexpected failure: {type(error).__name__}: {one_line(str(error))}"
            line, code = f"{line}. Run again with {DEBUG} (or GENREC_DEBUG=1) for details.", 1
    note(f"error: {line}")
    return code


def _flush() -> None:
    """Write what is left of the output; where that cannot be done, Python must not try again and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
