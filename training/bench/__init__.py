"""GenRec's training timed against TRL's own."""
