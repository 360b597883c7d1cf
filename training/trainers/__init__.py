"""What GenRec does in TRL's trainers."""
