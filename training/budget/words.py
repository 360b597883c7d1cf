"""Numbers in words."""


def counted(count: int, one: str, many: str = "") -> str:
    """How many of what: "1 seed", "1,200 models"; `many` where it is not `one` with an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
