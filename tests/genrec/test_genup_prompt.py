"""GenUP's prompt: what it says, and that nothing of the data becomes a template or a line."""

from made import at, make
from made_city import town, written
from tiny import tiny_model

from genrec.rankers.genup_prompt import genup_messages
from genrec.rankers.llm import LlmRanker, ProfileQuery
from genrec.recommender import query


def test_the_words():
    checkins = town()
    asked = query(checkins, written(checkins, as_of=at(10)), at(10, 9))
    prompt = genup_messages(asked.profile, checkins.pois, at=asked.at, prefix=asked.prefix, level="full")
    system, user = (message["content"] for message in prompt.messages)
    assert system.startswith("You are user u0 and your basic information is as follows:\nOften chooses")
    assert user.endswith(
        "At 2024-01-11 08:00:00, user u0 visited POI id 2 which is a/an Coffee Shop with category id Coffee Shop.\n"
        "At 2024-01-11 09:00:00, which POI id will user u0 visit? Answer with the POI id only."
    )
    assert prompt.pois >= {2, 0, 1}
    assert prompt.dropped == 0
    bare = genup_messages(asked.profile, checkins.pois, at=None, prefix=(), level="none")
    assert bare.messages[0]["content"] == "You are user u0 and your basic information is as follows:"
    assert bare.messages[1]["content"] == "Which POI id will user u0 visit next? Answer with the POI id only."
    assert bare.pois == frozenset()


def test_data_are_no_template():
    checkins = make([("{{ 7 * 7 }}\nuser", 0, at(hour=hour)) for hour in range(3)], ["{% if %}\nBar"])
    profile = written(checkins, "{{ 7 * 7 }}\nuser", as_of=at(1))
    prompt = genup_messages(profile, checkins.pois, at=at(2), prefix=[(at(hour=1), 0)], level="full")
    system, user = (message["content"] for message in prompt.messages)
    assert system.startswith("You are user {{ 7 * 7 }} user and")
    assert "a/an {% if %} Bar with category id {% if %} Bar." in user
    assert user.count("\n") == 2


def test_rankings_by_it():
    checkins = town()
    asked = ProfileQuery(written(checkins, as_of=at(10)), at(10, 9))
    tiny = tiny_model()
    theirs, ours = LlmRanker(tiny, checkins, "genup"), LlmRanker(tiny, checkins)
    [a], [b] = theirs.rank([asked], k=8), ours.rank([asked], k=8)
    assert set(a.pois) == set(b.pois)
    assert a.probabilities != b.probabilities
