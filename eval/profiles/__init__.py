"""What profiles are worth."""
