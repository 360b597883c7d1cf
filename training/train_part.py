"""Which part of the check-ins is learned from."""


def train_rows(train: str, count: int) -> int:
    """How many of `count` check-ins a training sees."""
    return {"llm4poi": count * 8 // 10, "rolling": (count + 1) // 2, "all": count}[train]
