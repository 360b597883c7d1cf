"""Random damage to JSON values: what a hand, a program or a disk may do to a file that was right."""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 30),
    st.sampled_from([-1, 2**31, 2**32, 2**63, 10**30, 10**4000]),
    st.floats(),
    st.sampled_from([0.0, -1.0, 1e-320, 1e308]),
    st.text(max_size=5),
    st.sampled_from(["", "\0", "\u2028", "x" * 20_000, "nan", "-inf", "1e999", "2024-02-30", "unknown"]),
    st.sampled_from(
        ["0001-01-01T00:00:00", "9999-12-31T23:59:59", "2024-01-03T08:00:00+02:00", "2024-01-03T08:00:00Z"]
    ),
    st.sampled_from([[], {}, [[]], [{}], {"": None}, [None], {"a": {"a": {}}}]).map(copy.deepcopy),
)


@st.composite
def mutated(draw: st.DrawFn, value: Any, *, times: int = 2) -> Any:
    """A copy of plain data with up to `times` values changed, moved, doubled, removed or added anywhere."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, times))):
        places = list(_places(value))
        if not places:
            return draw(ODD)
        parent, key = draw(st.sampled_from(places))
        action = draw(st.sampled_from(["change", "change", "other", "remove", "add"]))
        if action == "remove":
            del parent[key]
        elif action == "add" and isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]) if draw(st.booleans()) else draw(ODD))
        elif action == "add":
            parent[draw(st.text(max_size=3) | st.sampled_from(["24", "-1", "0", "user_id"]))] = draw(ODD)
        elif action == "other":  # right somewhere else
            there, name = draw(st.sampled_from(places))
            parent[key] = copy.deepcopy(there[name])
        else:
            parent[key] = draw(ODD)
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each container with each of its keys."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield value, key
            yield from _places(inner)
