"""Full tuning by optimiser, and LoRA: what each keeps in memory, what a step takes, and what it learns."""
