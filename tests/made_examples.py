"""Small conversations to train on."""

import random

from training.data.conversation import TrainingExample


def conversation(number: int, *, every: bool = True) -> TrainingExample:
    """A system message of varying length, then visits: times and POIs; loss on every POI, or on the last."""
    draw = random.Random(number)
    messages = [
        {"role": "system", "content": "The person goes to POI 12 (Coffee Shop) on weekdays. " * (1 + number % 3)}
    ]
    for _ in range(2 + number % 3):
        messages.append({"role": "user", "content": f"Mon {draw.randrange(24):02d}:00"})
        messages.append({"role": "assistant", "content": str(draw.randrange(400))})
    answers = range(2, len(messages), 2)
    return TrainingExample(tuple(messages), frozenset(answers if every else answers[-1:]))
