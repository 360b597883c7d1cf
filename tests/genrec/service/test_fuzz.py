"""Whatever is sent, no answer is a failure of the program."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import done, eventually

pytestmark = pytest.mark.slow

quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])

texts = st.text(max_size=30) | st.sampled_from(["u0", "u1", "p0", "p1", "nobody", "\0", "'; DROP TABLE people; --"])
times = st.sampled_from(
    [
        "2024-01-10T08:00:00",
        "2024-01-12T21:00:00",
        "1970-01-01T00:00:00",
        "2100-12-31T23:59:59",
        "9999-12-31",
        None,
        "x",
    ]
)
visits = st.lists(st.fixed_dictionaries({"poi_id": texts, "time": times}), max_size=4)
asks = st.fixed_dictionaries(
    {},
    optional={
        "person": texts | st.none(),
        "k": st.integers(-1, 200),
        "by": st.sampled_from(["fusion", "habits", "llm", "none"]),
        "time": times,
        "as_of": times,
        "visits": visits,
        "says": st.lists(st.sampled_from(["I don't dislike bars.", " ", "\x1b[2J", "a" * 3000]), max_size=2),
        "exclude": st.lists(texts, max_size=3),
        "steer": st.floats(-1, 3, allow_nan=False) | st.none(),
        "near": st.none() | st.fixed_dictionaries({"latitude": st.floats(-91, 91), "longitude": st.floats(-200, 200)}),
        "poi_id": texts,
    },
)


def expected(answer):
    """An answer, or a problem that the sender can mend."""
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"]
    return answer


@quick
@given(ask=asks)
def test_questions(api, ask):
    answer = expected(api.post("/v1/recommend", json=ask))
    if answer.status_code == 200:
        total = sum(place["probability"] for place in answer.json()["places"])
        assert 0 <= total <= 1 + 1e-6
    expected(api.post("/v1/explain", json=ask))


@quick
@given(
    new=st.lists(st.fixed_dictionaries({"id": texts, "poi_id": texts, "time": times, "utc_time": times}), max_size=4)
)
def test_visits(api, ann, new):
    answer = expected(api.post(f"{ann}/checkins", json={"checkins": new}))
    if answer.status_code == 200:
        expected(api.post("/v1/recommend", json={"person": "ann", "time": "2024-01-12T08:00:00"}))
        expected(api.get(f"{ann}/checkins"))


def test_numbers_that_are_none(api):
    for body in (b'{"near": {"latitude": NaN, "longitude": Infinity}}', b'{"steer": NaN}', b'{"k": 1e400}'):
        sent = api.post("/v1/recommend", content=body, headers={"Content-Type": "application/json"})
        assert expected(sent).status_code == 422
    assert expected(api.get("/v1/places/near?latitude=nan&longitude=1")).status_code == 422


@pytest.fixture(autouse=True, scope="module")
def whole(api):
    """What was sent has left the people of the town as they were."""
    before = [done(api.get(f"/v1/people/{user}")) for user in ("u1", "u2")]
    yield
    assert [done(api.get(f"/v1/people/{user}")) for user in ("u1", "u2")] == before
    eventually(lambda: api.post("/v1/recommend", json={"person": "u1"}).status_code == 200)
