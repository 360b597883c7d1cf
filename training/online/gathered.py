"""The feedback in a store, as a log: what a service named, with which chances, and what people said of it."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from genrec.errors import GenRecError
from genrec.files import write_text
from genrec.prepared import prepare
from genrec.store.protocol import Store
from genrec.store.records import Answer, Person
from genrec.validation import first_problem
from training.online.feedback import Feedback

LOG, CHECKINS = "feedback.jsonl", "checkins"
PAGE = 1000  # people


def export(store: Store, out: Path) -> tuple[int, int]:
    """Write OUT/feedback.jsonl and, prepared, OUT/checkins; returns how many feedbacks there are, and answers left out.

    Left out are answers of which nothing was said, and those that do not say when, or with which chances.
    """
    feedback, left_out = gathered(store)
    if not feedback:
        raise GenRecError(
            f"the store holds no feedback on an answer of the fusion to a question about a time ({left_out} left out)"
        )
    prepare(store.checkins(), out / CHECKINS)
    write_text(out / LOG, "".join(f"{line.model_dump_json()}\n" for line in feedback), private=True)
    return len(feedback), left_out


def gathered(store: Store) -> tuple[list[Feedback], int]:
    """The feedback in the order of the answers, and how many answers with feedback say too little."""
    found: list[tuple[datetime, str, Feedback]] = []
    left_out = 0
    for person in _people(store):
        said: dict[str, dict[str, str]] = defaultdict(dict)
        for one in store.feedback(person.id):
            if one.answer is not None:
                said[one.answer][one.poi_id] = one.kind  # the last one counts
        for answer in store.answers(person.id):
            if answer.id in said:
                line = _line(answer, said[answer.id])
                if line is None:
                    left_out += 1
                else:
                    found.append((answer.at, answer.id, line))
    return [line for *_, line in sorted(found, key=lambda one: one[:2])], left_out


def _people(store: Store) -> Iterator[Person]:
    after = ""
    while page := store.people(after=after, limit=PAGE):
        yield from page
        after = page[-1].id


def _line(answer: Answer, said: dict[str, str]) -> Feedback | None:
    """One answer and what was said of its places; None if it does not tell enough, or two places were visited."""
    asked, chances = answer.used.get("asked"), answer.used.get("propensities")
    visited = [place for place in answer.places if said.get(place) == "visited"]
    if not isinstance(chances, list) or len(chances) != len(answer.places):
        return None
    if answer.method != "fusion" or not asked or len(visited) > 1:
        return None
    try:
        return Feedback.model_validate(
            {
                "user_id": answer.person,
                "time": asked,
                "shown": [
                    {"poi_id": place, "propensity": chance}
                    for place, chance in zip(answer.places, chances, strict=True)
                ],
                "visited": visited[0] if visited else None,
                "disliked": [place for place in answer.places if said.get(place) in ("dislike", "hide")],
            }
        )
    except ValidationError as error:
        raise GenRecError(f"the answer {answer.id!r} cannot be learned from: {first_problem(error)}") from None
