"""How fast rankings come, and by whom."""
