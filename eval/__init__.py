"""Evaluation of next-place rankings and of profiles. `from eval.measures.metrics import score`, never `import eval`."""
