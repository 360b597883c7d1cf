"""Portraits: what of a person is worth saying, in which order, and in which words."""
