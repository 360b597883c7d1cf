"""The prompts that a recipe may learn from: those that rank, and that of portraits."""

from genrec.profiles.portrait.plan import PORTRAIT
from genrec.rankers.llm import PROMPTS

LEARNED_PROMPTS: dict[str, tuple[str, ...]] = {"portrait": PORTRAIT, **dict(PROMPTS.items())}
