"""Rankers: each gives every place a score from the evidence as of a moment."""
