"""Every kind of problem that pydantic knows is said in our own words, or at least not in its."""

from pydantic_core._pydantic_core import list_all_errors

from genrec.validation import WORDS, what_is_wrong


def test_every_kind_of_problem_can_be_said():
    kinds = {error["type"]: error for error in list_all_errors()}
    assert set(WORDS) <= set(kinds)
    for kind, error in kinds.items():
        told = what_is_wrong(
            {"type": kind, "msg": error["example_message_python"], "ctx": error["example_context"] or {}}
        )
        assert told and "Input should be" not in told
