"""How the trained rankers learn: losses, negatives, loops."""
