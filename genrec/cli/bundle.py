"""Options that belong together, declared once in a dataclass that many commands take as one parameter."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature
from typing import Any, get_type_hints


def bundled(function: Callable[..., None]) -> Callable[..., None]:
    """Let a command take dataclasses whose fields are options.

    On the command line the fields stand one by one, where the parameter stands in the function; the function gets the
    dataclass.
    """
    given = inspect.signature(function, eval_str=True).parameters.values()
    bundles: dict[str, Any] = {
        parameter.name: parameter.annotation for parameter in given if is_dataclass(parameter.annotation)
    }

    @wraps(function)
    def command(**values: Any) -> None:
        for name, bundle in bundles.items():
            values[name] = bundle(**{field.name: values.pop(field.name) for field in fields(bundle)})
        function(**values)

    options = [
        option
        for parameter in given
        for option in (_options(parameter.annotation) if parameter.name in bundles else [parameter])
    ]
    shown = Signature([option.replace(kind=Parameter.KEYWORD_ONLY) for option in options])
    command.__signature__ = shown  # type: ignore[attr-defined]
    command.__annotations__ = {option.name: option.annotation for option in options}
    return command


def _options(bundle: Any) -> Iterator[Parameter]:
    """The fields of a dataclass as parameters of a function."""
    hints = get_type_hints(bundle, include_extras=True)
    for field in fields(bundle):
        default = Parameter.empty if field.default is MISSING else field.default
        yield Parameter(field.name, Parameter.KEYWORD_ONLY, default=default, annotation=hints[field.name])
