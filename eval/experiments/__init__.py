"""Runs that each answer one question."""
