"""Rankings over HTTP: those of the command line, as of now, and of what may be used."""

import json

import pytest
from made import at, make
from made_city import routine

from genrec.store.records import Settings

from .conftest import done, eventually, person, problem, settled


def ranked(api, status=200, **ask):
    return done(api.post("/v1/recommend", json=ask), status)


def places(answer):
    return [place["poi_id"] for place in answer["places"]]


@pytest.mark.parametrize("by", ["fusion", "habits"])
@pytest.mark.parametrize("time", [None, "2024-01-13T08:30:00", "2024-01-10T09:30:00"])
def test_they_are_those_of_the_command_line(api, data, genrec, by, time):
    at = ["--at", time] if time else []
    code, out, err = genrec("recommend", data, "--user", "u1", "--by", by, "-k", 5, "--json", *at)
    assert code == 0, err
    theirs = json.loads(out)
    ours = ranked(api, person="u1", by=by, k=5, time=time, as_of=time)
    assert ours["evidence"]["as_of"] == theirs["as_of"]
    for kind in ("places", "by_habits"):
        for one, other in zip(ours[kind], theirs[kind], strict=True):
            assert (one["poi_id"], one["reasons"]) == (other["poi_id"], other["reasons"])
            assert one["probability"] == pytest.approx(other["probability"], abs=1e-4)
            assert one["fields"] == pytest.approx(other["fields"], abs=1e-4)


def test_an_answer_says_how_it_was_made_and_is_kept(api):
    answer = ranked(api, person="u0", time="2024-01-13T08:00:00")
    assert (answer["method"], answer["cold_start"]) == ("fusion", None)
    assert answer["used"]["checkins"] == 32 and answer["used"]["time"] is True
    assert sum(answer["gate"].values()) == pytest.approx(1, abs=1e-3)
    kept = done(api.get(f"/v1/answers/{answer['id']}"))
    assert (kept["person"], kept["places"], kept["used"]) == ("u0", places(answer), answer["used"])


def test_a_cold_start_is_labelled(api, ann):
    assert "no visits" in ranked(api)["cold_start"]
    assert "no visits" in ranked(api, person="ann")["cold_start"]
    session = ranked(api, visits=[{"poi_id": "p2", "time": "2024-01-13T08:00:00"}], time="2024-01-13T09:00:00")
    assert "only the visits given with the question" in session["cold_start"]
    assert session["places"] != ranked(api, time="2024-01-13T09:00:00")["places"]


def test_a_visit_is_seen_by_the_next_ranking(api, ann):
    """Even while nothing is counted again."""
    time = "2024-01-15T09:00:00"
    before = ranked(api, person="ann", time=time)
    visit = {"id": "1", "poi_id": "p5", "time": "2024-01-15T08:00:00"}
    assert done(api.post(f"{ann}/checkins", json={"checkins": [visit]})) == {"new": 1, "known": 0}
    after = ranked(api, person="ann", time=time)
    assert after["used"]["session"] == 1
    assert after["places"] != before["places"]
    eventually(lambda: ranked(api, person="ann", time=time)["cold_start"] is None)


def test_a_time_before_the_latest_visit_is_answered_as_of_then(api):
    answer = ranked(api, person="u0", time="2024-01-10T09:30:00")
    assert answer["evidence"]["as_of"] == "2024-01-10T09:30:00"
    assert answer["used"]["checkins"] < 32


def test_nothing_after_the_moment_asked_about_is_used(api, ann):
    visits = [{"id": str(n), "poi_id": f"p{n}", "time": f"2024-01-{n:02d}T12:00:00"} for n in range(1, 7)]
    done(api.post(f"{ann}/checkins", json={"checkins": visits[:3]}))
    eventually(lambda: ranked(api, person="ann")["cold_start"] is None)
    asks = [{"as_of": "2024-01-03T15:00:00", "time": time} for time in (None, "2024-01-03T15:00:00")]
    before = [ranked(api, person="ann", **ask)["places"] for ask in asks]
    done(api.post(f"{ann}/checkins", json={"checkins": visits}))
    eventually(lambda: ranked(api, person="ann", time="2024-01-13T08:00:00")["used"]["checkins"] == 6)
    assert [ranked(api, person="ann", **ask)["places"] for ask in asks] == before


def test_what_is_excluded_disliked_or_hidden_is_not_named(api, ann):
    everything = places(ranked(api, person="ann", k=50))
    without = ranked(api, person="ann", k=50, exclude=[everything[0], "unheard of"])
    assert places(without) == everything[1:]
    for number, kind in enumerate(("dislike", "hide", "visited")):
        said = {"id": str(number), "kind": kind, "poi_id": everything[number]}
        first = done(api.post(f"{ann}/feedback", json=said), 201)
        assert done(api.post(f"{ann}/feedback", json=said), 201) == first
        problem(api.post(f"{ann}/feedback", json={**said, "poi_id": everything[5]}), 409)
    for by in ("fusion", "habits"):
        answer = ranked(api, person="ann", k=50, by=by)
        assert set(places(answer)) == set(everything[2:])
        assert answer["used"]["excluded"] == 2
    assert len(done(api.get(f"{ann}/feedback"))["feedback"]) == 3
    assert api.delete(f"{ann}/feedback/0").status_code == 204
    assert places(ranked(api, person="ann", k=50)) == [everything[0], *everything[2:]]


def test_feedback_refers_to_answers_of_the_person_alone(api, ann):
    own, other = ranked(api, person="ann"), ranked(api, person="u0")
    said = {"id": "1", "kind": "visited", "poi_id": places(own)[0]}
    problem(api.post(f"{ann}/feedback", json={**said, "answer": other["id"]}), 409, "no answer")
    done(api.post(f"{ann}/feedback", json={**said, "answer": own["id"]}), 201)


def test_nothing_of_a_person_is_used_without_their_consent(api):
    path = person(api, "bob", consent=False)
    visits = [{"id": str(n), "poi_id": "p6", "time": f"2024-01-1{n}T08:00:00"} for n in range(5)]
    unknown = ranked(api, person="bob", time="2024-01-16T08:00:00", k=50)
    done(api.post(f"{path}/checkins", json={"checkins": visits}))
    settled(api)
    answer = ranked(api, person="bob", time="2024-01-16T08:00:00", k=50)
    assert (answer["method"], answer["used"]["checkins"], answer["used"]["session"]) == ("popularity", 0, 0)
    assert "nothing of the person" in answer["cold_start"]
    assert set(places(answer)) == set(places(unknown))
    problem(api.post("/v1/recommend", json={"person": "bob", "says": ["I like bars."]}), 403, "does not want a profile")
    problem(api.post(f"{path}/profile/write", json={"by": "habits"}), 403, "consent")
    spot = done(api.get("/v1/places/p3"))
    here = {"latitude": spot["latitude"], "longitude": spot["longitude"]}
    near, plain = (
        next(place for place in ranked(api, person="bob", k=50, **where)["places"] if place["poi_id"] == "p3")
        for where in ({"near": here}, {})
    )
    assert near["probability"] > plain["probability"]
    assert (near["distance_km"], plain["distance_km"]) == (pytest.approx(0, abs=1e-6), None)
    api.delete(path)
    settled(api)


def test_a_place_is_explained_alone(api):
    settled(api)
    answer = ranked(api, person="u0", k=50)
    for place in answer["places"][:3]:
        [why] = done(api.post("/v1/explain", json={"person": "u0", "poi_id": place["poi_id"]}))["places"]
        assert why == place
    problem(api.post("/v1/explain", json={"person": "u0", "poi_id": "nowhere"}), 409, "no place")


def test_words_that_no_model_need_read_are_read(api):
    answer = ranked(api, person="u0", says=["Ich hasse Bars."])
    assert answer["method"] == "fusion" and answer["said"][0]["polarity"] == "unclear"


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_is_a_problem_of_its_own(api):
    problem(api.post("/v1/recommend", json={"says": ["I love pubs."]}), 400, "there is no such model")


@pytest.mark.parametrize(
    ("ask", "status", "part"),
    [
        ({"person": "u0", "visits": [{"poi_id": "p1", "time": "2024-01-01T00:00:00"}]}, 400, "append them"),
        ({"visits": [{"poi_id": "p1", "time": f"2024-01-0{n}T00:00:00"} for n in (2, 1)]}, 400, "order"),
        ({"visits": [{"poi_id": "p1", "time": "2024-01-02T00:00:00"}], "time": "2024-01-01T00:00:00"}, 400, "later"),
        ({"time": "2024-01-01T00:00:00", "as_of": "2024-01-02T00:00:00"}, 400, "as_of is later"),
        ({"visits": [{"poi_id": "none", "time": "2024-01-01T00:00:00"}]}, 409, "no place"),
        ({"person": "zed"}, 409, "no person"),
        ({"by": "llm"}, 400, "who they are"),
        ({"by": "habits", "says": ["I like pubs."]}, 400, "says has no effect by habits"),
        ({"by": "llm", "steer": 1}, 400, "steer has no effect"),
        ({"level": "none"}, 400, "level has no effect"),
        ({"by": "llm", "person": "u2"}, 409, "write one first"),
        ({"by": "llm", "says": ["x"], "as_of": "2024-01-01T00:00:00"}, 400, "as_of"),
    ],
)
def test_questions_that_cannot_be_answered(api, ask, status, part):
    problem(api.post("/v1/recommend", json=ask), status, part)


def test_the_audience_is_of_people_who_have_agreed(api, start):
    new = {"poi_id": "new", "latitude": 51.0, "longitude": -114.0, "category": "Pub"}
    body = {"places": [new], "top": 2}
    problem(api.post("/v1/audience", json=body), 409, "no place has opened lately")
    opening = [(f"u{n}", 7, at(12 + n)) for n in range(3)]
    api = start(checkins=make([*(visit for n in range(3) for visit in routine(f"u{n}", (0, 1, 4))), *opening]))
    api.store.change_settings("u1", Settings(consent=False))
    answer = done(api.post("/v1/audience", json=body))
    assert answer["days"] >= 1
    assert {guest["person"] for guest in answer["people"]} == {"u0", "u2"}
    assert [guest["poi_id"] for guest in answer["people"]] == ["new", "new"]
    problem(api.post("/v1/audience", json={"places": [new, new]}), 400, "same id")
