"""Answers that were given, and what people said of them."""

from datetime import datetime

from sqlalchemy import Connection, delete, select

from genrec.store.protocol import ConflictError, MissingError
from genrec.store.records import Answer, Feedback
from genrec.store.sql.part import Part, add, fetch, key_of
from genrec.store.sql.tables import answers, feedback

DROPPED = 5_000  # answers at a time


class Answers(Part):
    """See `genrec.store.protocol`."""

    def add_answer(self, answer: Answer) -> None:
        """See the protocol."""
        with self._database.writing() as connection:
            if not add(connection, [answer], lock=True) and _answer(connection, answer.id) != answer:
                raise ConflictError(f"the answer {answer.id!r} is there already, with other content")

    def answer(self, answer: str) -> Answer:
        """See the protocol."""
        with self._database.reading() as connection:
            return _answer(connection, answer)

    def answers(self, person: str) -> list[Answer]:
        """See the protocol."""
        with self._database.reading() as connection:
            theirs = answers.c.person == key_of(connection, person)
            return fetch(connection, Answer, theirs, by=[answers.c.at, answers.c.id])

    def drop_answers(self, before: datetime) -> int:
        """See the protocol."""
        dropped = 0
        while True:
            with self._database.writing() as connection:  # a part at a time, so that others may write between
                old = select(answers.c.id).where(answers.c.at < before).limit(DROPPED)
                gone = connection.execute(delete(answers).where(answers.c.id.in_(old))).rowcount
            dropped += gone
            if gone < DROPPED:
                return dropped

    def add_feedback(self, new: Feedback) -> bool:
        """See the protocol."""
        with self._database.writing() as connection:
            key = key_of(connection, new.person, lock=True)
            if new.answer is not None and _answer(connection, new.answer).person != new.person:
                raise MissingError(f"there is no answer {new.answer!r} to {new.person!r} in the store")
            if add(connection, [new]):
                return True
            [there] = fetch(connection, Feedback, feedback.c.person == key, feedback.c.id == new.id)
            if there.model_copy(update={"at": new.at}) != new:  # a second try may say another time
                raise ConflictError(f"the feedback {new.id!r} is there already, with other content")
            return False

    def feedback(self, person: str) -> list[Feedback]:
        """See the protocol."""
        with self._database.reading() as connection:
            theirs = feedback.c.person == key_of(connection, person)
            return fetch(connection, Feedback, theirs, by=[feedback.c.at, feedback.c.id])

    def drop_feedback(self, person: str, id_: str) -> None:
        """See the protocol."""
        with self._database.writing() as connection:
            key = key_of(connection, person, lock=True)
            gone = connection.execute(delete(feedback).where(feedback.c.person == key, feedback.c.id == id_))
            if not gone.rowcount:
                raise MissingError(f"there is no feedback {id_!r} of {person!r} in the store")


def _answer(connection: Connection, id_: str) -> Answer:
    if found := fetch(connection, Answer, answers.c.id == id_):
        return found[0]
    raise MissingError(f"there is no answer {id_!r} in the store")
