"""People, settings, versions of their profiles, answers and feedback, in both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from made_store import NOON, WILLING, a_place, a_profile, a_visit, an_answer, fill, said

from genrec.errors import GenRecError
from genrec.profiles.changes import changes
from genrec.store.protocol import ConflictError, ConsentError, MissingError, StaleError
from genrec.store.records import LONGEST_ID, Settings

INJECTIONS = [
    "'; DROP TABLE people; --",
    '" OR 1=1 --',
    "%",
    "_",
    "\\",
    "a\nb",
    "Zoë",
    "猫",
    "\u202eevil",
    "{x}",
    ":id",
]


def test_people_are_listed_page_by_page_in_the_order_of_their_ids(store):
    ids = [f"p{i:02}" for i in range(25)] + ["Ä", "a", "Z", "~"]
    assert store.add_people(ids, Settings()) == len(ids)
    assert store.add_people([*ids[:3], "new"], Settings()) == 1
    seen, after = [], ""
    while page := store.people(after=after, limit=7):
        assert len(page) <= 7
        seen += [person.id for person in page]
        after = seen[-1]
    assert seen == sorted([*ids, "new"])


def test_settings_are_kept_and_a_known_person_keeps_theirs(store):
    store.add_people(["ann"], Settings(strength=0.5))
    store.add_people(["ann"], WILLING)
    assert (store.person("ann").strength, store.person("ann").consent) == (0.5, False)
    changed = store.change_settings("ann", Settings(strength=2, consent=True))
    assert store.person("ann") == changed
    assert (changed.strength, changed.consent) == (2, True)


def test_any_text_is_an_id_and_nothing_else(store):
    store.add_people(INJECTIONS, WILLING)
    store.add_places([a_place(text, name=text, category=text) for text in INJECTIONS])
    for text in INJECTIONS:
        assert store.person(text).id == text
        store.add_answer(an_answer(text, f"a{text}", method=text, used={text: text}, places=[text]))
        assert store.answers(text)[0].used == {text: text}
        store.add_feedback(said(text, text, poi_id=text, answer=f"a{text}"))
        assert store.feedback(text)[0].id == text
    assert store.counts()["people"] == len(INJECTIONS)
    assert store.catalogue()["poi_id"].to_list() == INJECTIONS


def test_what_no_database_can_keep_is_refused_in_one_line(store):
    for text in ("", "a\0b", "x" * (LONGEST_ID + 1), "\ud800"):
        with pytest.raises(GenRecError, match="cannot be kept as a person") as refused:
            store.add_people(["ann", text], Settings())
        assert "\n" not in str(refused.value)
        assert store.people() == []
        with pytest.raises(GenRecError):
            store.person(text)


def test_what_is_not_there_is_said_to_be_missing(store):
    store.add_people(["ann"], WILLING)
    store.add_places([a_place()])
    asks = [
        (store.person, "bob"), (store.change_settings, "bob", Settings()), (store.visits, "bob"), (store.frame, "bob"),
        (store.profile, "bob"), (lambda: store.save_profile(a_profile("u0"), by="x", base=0),), (store.history, "bob"),
        (lambda: store.revert("ann", 1, by="x", base=0),), (store.drop_profile, "bob"), (store.answer, "a9"),
        (store.answers, "bob"), (store.add_answer, an_answer("bob")), (store.feedback, "bob"),
        (store.add_feedback, said("bob")), (store.add_feedback, said(poi_id="nowhere")),
        (store.add_feedback, said(answer="a9")), (store.drop_feedback, "ann", "f9"),
        (lambda: list(store.records("bob")),), (store.erase, "bob"), (store.add_places, [a_place("q", owner="bob")]),
        (store.add_checkins, [a_visit("bob")]), (store.add_checkins, [a_visit(poi_id="nowhere")]),
    ]  # fmt: skip
    before = list(store.records())
    for ask, *arguments in asks:
        with pytest.raises(MissingError, match=r"no|version"):
            ask(*arguments)
    assert list(store.records()) == before


def test_the_history_says_who_changed_what_from_what_to_what_and_when(store):
    store.add_people(["u0"], WILLING)
    store.save_profile(a_profile("u0", "Likes tea.", "Walks."), by="a model", base=0)
    store.save_profile(a_profile("u0", "Likes coffee.", "Walks.", "Sings."), by="u0", base=1)
    back = store.revert("u0", 1, by="operator", base=2)
    versions = store.history("u0")
    assert [(version.number, version.by, version.reverts) for version in versions] == [
        (1, "a model", None), (2, "u0", None), (3, "operator", 1)
    ]  # fmt: skip
    assert versions[2] == back == store.profile("u0")
    assert versions[2].text == versions[0].text
    assert versions[0].at <= versions[1].at <= versions[2].at
    made = [(c.field, c.before, c.after) for c in changes(versions[0].profile, versions[1].profile)]
    assert made == [("summary", "Likes tea.", "Likes coffee."), ("summary", None, "Sings.")]
    assert changes(versions[0].profile, versions[2].profile) == []
    with pytest.raises(StaleError, match="version 3, by 'operator'"):
        store.revert("u0", 2, by="u0", base=2)
    store.drop_profile("u0")
    assert store.history("u0") == []


def test_changes_of_a_first_profile_and_of_answers():
    first = a_profile("u0", "Likes tea.")
    assert ("summary", None, "Likes tea.") in [(c.field, c.before, c.after) for c in changes(None, first)]
    guessed = first.model_copy(update={"traits": first.traits | {"openness": first.traits["openness"].model_copy(
        update={"value": "high", "confidence": 1.0})}})  # fmt: skip
    assert [(c.field, c.before, c.after) for c in changes(first, guessed)] == [("openness", None, "high")]
    assert [(c.field, c.before, c.after) for c in changes(guessed, first)] == [("openness", "high", None)]


def test_without_consent_no_profile_is_written_even_by_one_who_began_before(store):
    store.add_people(["u0"], WILLING)
    store.save_profile(a_profile("u0"), by="model", base=0)
    store.change_settings("u0", Settings(consent=False))
    with pytest.raises(ConsentError, match="u0"):
        store.save_profile(a_profile("u0", "Likes tea."), by="model", base=1)
    assert len(store.history("u0")) == 1


def test_of_many_who_edit_the_same_version_one_wins(store):
    store.add_people(["u0"], WILLING)

    def edit(number):
        try:
            return store.save_profile(a_profile("u0", f"Likes {number}."), by=str(number), base=0).number
        except StaleError as error:
            return error.current.by

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(edit, range(8)))
    [version] = store.history("u0")
    assert sorted(map(str, results)) == sorted(["1", *[version.by] * 7])


def test_answers_are_kept_as_they_were_given(store):
    fill(store)
    answer = an_answer("u0", "a3", used={"words": ["\0 odd"], "none": None, "deep": {"x": [1, 2.5, True]}})
    for _ in range(2):
        store.add_answer(answer)
    assert store.answer("a3") == answer
    assert [one.id for one in store.answers("u0")] == ["a1", "a3"]
    assert store.answer("a2").person is None
    with pytest.raises(ConflictError, match="a3"):
        store.add_answer(an_answer("u0", "a3"))


def test_feedback_is_one_by_its_id_and_can_be_taken_back(store):
    fill(store)
    dislike = said("u0", "f2", poi_id="p2", answer="a1")
    assert store.add_feedback(dislike)
    assert not store.add_feedback(dislike)
    assert store.feedback("u0")[-1] == dislike
    with pytest.raises(ConflictError, match="f2"):
        store.add_feedback(dislike.model_copy(update={"kind": "hide"}))
    with pytest.raises(MissingError, match="a1"):  # somebody else's answer
        store.add_feedback(said("u1", answer="a1"))
    store.drop_feedback("u0", "f2")
    assert dislike not in store.feedback("u0")


def test_a_person_s_records_are_all_theirs(store):
    fill(store)
    records = list(store.records("u0"))
    assert {record.record for record in records} == {"person", "place", "checkin", "profile", "answer", "feedback"}
    owners = {getattr(record, "person", "u0") for record in records}
    assert owners == {"u0"}
    visited = {visit.poi_id for visit in store.visits("u0")}
    assert {record.poi_id for record in records if record.record == "place"} == visited | {"den"}


def test_people_are_found_by_any_part_of_their_ids(store):
    store.add_people(INJECTIONS, WILLING)
    for text in INJECTIONS:
        assert [one.id for one in store.people(search=text)] == [text]
    assert [one.id for one in store.people(search="ZO")] == ["Zoë"]


def test_old_answers_are_dropped_and_what_was_said_of_them_stays(store, monkeypatch):
    monkeypatch.setattr("genrec.store.sql.answers.DROPPED", 2)
    fill(store)
    days = [NOON - timedelta(days=day) for day in range(5)]
    for number, day in enumerate(days):
        store.add_answer(an_answer("u1", f"old{number}", at=day))
    store.add_feedback(said("u1", poi_id="p1", answer="old4"))
    assert store.drop_answers(days[1]) == 3
    assert {one.id for one in store.answers("u1")} == {"old0", "old1"}
    assert store.feedback("u1")[0].answer == "old4"
    assert store.drop_answers(days[1]) == 0
