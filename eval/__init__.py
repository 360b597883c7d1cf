"""Evaluation of next-place rankings and of profiles. `from eval.metrics import score`, never `import eval`."""
