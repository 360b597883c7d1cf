"""What a person's words do to a ranking."""
