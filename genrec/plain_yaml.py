"""YAML that people write by hand, without what makes a small file a large one: no aliases, no tags, little nesting."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import ComposerError

from genrec.errors import InputError
from genrec.validation import shortened

LARGEST_YAML = 1 << 20  # bytes
DEEPEST = 20  # levels


class _Plain:
    """What a loader of PyYAML must not meet, as a class to put before it."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """The next node, unless it is refused."""
        event = self.peek_event()  # type: ignore[attr-defined]
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            raise ComposerError(None, None, "aliases (& and *) are not read: write the value out", event.start_mark)
        if event.tag:
            raise ComposerError(None, None, "tags (!) are not read", event.start_mark)
        if self._depth == DEEPEST:
            raise ComposerError(None, None, f"more than {DEEPEST} levels", event.start_mark)
        self._depth += 1
        node = super().compose_node(parent, index)  # type: ignore[misc]
        self._depth -= 1
        if isinstance(node, yaml.ScalarNode):
            _require_text(node)
        if isinstance(node, yaml.MappingNode):
            _require_once(node)
        return node


def _require_text(node: yaml.ScalarNode) -> None:
    """An escape may stand for half a letter (a surrogate), which no file can hold."""
    try:
        node.value.encode("utf-8")
    except UnicodeEncodeError:
        raise ComposerError(None, None, "not a letter of Unicode", node.start_mark) from None


def _require_once(node: yaml.MappingNode) -> None:
    seen: set[Hashable] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and (name := (key.tag, key.value)) in seen:
            raise ComposerError(None, None, f"the key {key.value!r} is there twice", key.start_mark)
        elif isinstance(key, yaml.ScalarNode):
            seen.add(name)


class TextLoader(_Plain, yaml.BaseLoader):
    """Every value is the text that it is: a sentence may look like a date or a number."""


class ValueLoader(_Plain, yaml.SafeLoader):
    """Numbers, dates and so on are what they look like."""


def load_yaml(text: str, loader: type[TextLoader] | type[ValueLoader], source: Path) -> Any:
    """The content of a YAML text; raises InputError that names the line."""
    if len(text) > LARGEST_YAML:
        raise InputError(f"more than {LARGEST_YAML:,} letters.", file=source)
    try:
        return yaml.load(text, loader)  # noqa: S506 - a BaseLoader or a SafeLoader
    except yaml.MarkedYAMLError as error:
        row = error.problem_mark.line + 1 if error.problem_mark else None
        raise InputError(f"not YAML: {shortened(str(error.problem))}.", file=source, row=row) from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: 2024-02-30, or an integer of thousands of digits
        raise InputError(f"not YAML: {shortened(str(error))}.", file=source) from None
