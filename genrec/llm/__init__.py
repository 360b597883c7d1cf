"""Language models: what GenRec asks of one, where it runs, and the one that comes embedded."""
