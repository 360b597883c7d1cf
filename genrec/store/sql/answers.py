"""Answers that were given, and what people said of them."""

from typing import Any

from sqlalchemy import Connection, Row, delete, select

from genrec.store.protocol import ConflictError, MissingError
from genrec.store.records import Answer, Feedback
from genrec.store.sql.part import Part, indices_of, insert_new, key_of
from genrec.store.sql.tables import answers, feedback, people, places

ANSWERS = select(answers, people.c.id.label("of")).outerjoin_from(answers, people)
FEEDBACK = (
    select(feedback, people.c.id.label("of"), places.c.poi_id)
    .join_from(feedback, people)
    .join(places, places.c.poi == feedback.c.poi)
)


class Answers(Part):
    """See `genrec.store.protocol`."""

    def add_answer(self, answer: Answer) -> None:
        """See the protocol."""
        with self._database.writing() as connection:
            key = None if answer.person is None else key_of(connection, answer.person, lock=True)
            if (
                not insert_new(connection, answers, [answer_row(answer, key)])
                and _answer(connection, answer.id) != answer
            ):
                raise ConflictError(f"the answer {answer.id!r} is there already, with other content")

    def answer(self, answer: str) -> Answer:
        """See the protocol."""
        with self._database.reading() as connection:
            return _answer(connection, answer)

    def answers(self, person: str) -> list[Answer]:
        """See the protocol."""
        with self._database.reading() as connection:
            query = ANSWERS.where(answers.c.person == key_of(connection, person)).order_by(answers.c.at, answers.c.id)
            return [answer_of(row) for row in connection.execute(query)]

    def add_feedback(self, new: Feedback) -> bool:
        """See the protocol."""
        with self._database.writing() as connection:
            key = key_of(connection, new.person, lock=True)
            if new.answer is not None and _answer(connection, new.answer).person != new.person:
                raise MissingError(f"there is no answer {new.answer!r} to {new.person!r} in the store")
            if insert_new(connection, feedback, [feedback_row(new, key, indices_of(connection, [new.poi_id]))]):
                return True
            one = (feedback.c.person == key) & (feedback.c.id == new.id)
            there = feedback_of(connection.execute(FEEDBACK.where(one)).one())
            if there.model_copy(update={"at": new.at}) != new:  # a second try may say another time
                raise ConflictError(f"the feedback {new.id!r} is there already, with other content")
            return False

    def feedback(self, person: str) -> list[Feedback]:
        """See the protocol."""
        with self._database.reading() as connection:
            query = FEEDBACK.where(feedback.c.person == key_of(connection, person))
            rows = connection.execute(query.order_by(feedback.c.at, feedback.c.id))
            return [feedback_of(row) for row in rows]

    def drop_feedback(self, person: str, id_: str) -> None:
        """See the protocol."""
        with self._database.writing() as connection:
            key = key_of(connection, person, lock=True)
            gone = connection.execute(delete(feedback).where(feedback.c.person == key, feedback.c.id == id_))
            if not gone.rowcount:
                raise MissingError(f"there is no feedback {id_!r} of {person!r} in the store")


def _answer(connection: Connection, id_: str) -> Answer:
    row = connection.execute(ANSWERS.where(answers.c.id == id_)).first()
    if row is None:
        raise MissingError(f"there is no answer {id_!r} in the store")
    return answer_of(row)


def answer_row(answer: Answer, key: int | None) -> dict[str, Any]:
    """An answer as a row."""
    return answer.model_dump(exclude={"record"}) | {"person": key}


def answer_of(row: Row[Any]) -> Answer:
    """A row of `ANSWERS` as an answer."""
    values = dict(row._mapping)
    values["person"] = values.pop("of")
    return Answer(**values)


def feedback_row(new: Feedback, key: int, pois: dict[str, int]) -> dict[str, Any]:
    """Feedback as a row."""
    return new.model_dump(exclude={"record", "poi_id"}) | {"person": key, "poi": pois[new.poi_id]}


def feedback_of(row: Row[Any]) -> Feedback:
    """A row of `FEEDBACK` as feedback."""
    values = dict(row._mapping)
    del values["poi"]
    values["person"] = values.pop("of")
    return Feedback(**values)
