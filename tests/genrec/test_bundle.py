"""Options that belong together: on the command line one by one, in the function together."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from genrec.cli.bundle import bundled


@dataclass(frozen=True)
class Colour:
    shade: Annotated[str, typer.Option("--shade", help="Which one.")]
    light: Annotated[bool, typer.Option(help="Whether it is light.")] = False


@dataclass(frozen=True)
class Paint(Colour):
    coats: Annotated[int, typer.Option(min=1)] = 1


@pytest.fixture
def app():
    command = typer.Typer()

    @command.command()
    @bundled
    def paint(wall: str, *, ladder: bool = False, paint: Paint, price: int = 2) -> None:
        """Paint a wall."""
        print(wall, ladder, paint, price)

    return command


def test_the_function_gets_the_dataclass(app):
    done = CliRunner().invoke(app, ["north", "--coats", "3", "--shade", "red", "--price", "7"])
    assert done.output.strip() == f"north False {Paint('red', coats=3)} 7"


def test_help_shows_the_fields_where_the_parameter_stands(app):
    said = CliRunner().invoke(app, ["--help"]).output
    places = [said.index(option) for option in ("--ladder", "--shade", "--light", "--coats", "--price")]
    assert places == sorted(places)
    assert "Which one." in said
    assert "Paint a wall." in said


@pytest.mark.parametrize("words", [["north"], ["north", "--shade", "red", "--coats", "0"]])
def test_a_field_without_default_is_required_and_limits_hold(app, words):
    assert CliRunner().invoke(app, words).exit_code == 2
