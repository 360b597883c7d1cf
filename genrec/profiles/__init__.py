"""Profiles: written from evidence, checked against it, edited, kept."""
