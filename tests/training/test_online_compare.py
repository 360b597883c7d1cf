"""The comparison: what is there is not played again, and who learns nothing differs in nothing from themselves."""

import json

import numpy as np
import pytest
from made_trained import city

from genrec.errors import GenRecError
from genrec.rankers.fusion_file import SHIPPED
from training.online import compare as comparison
from training.online.compare import CHART, RESULT, RUNS, compare
from training.online.material import material, own_offline, visits_between
from training.progress import nothing
from training.recipe import OnlineRecipe

RECIPE = OnlineRecipe(kind="online", shown=3, warm_up=20, adopt_every=20, every=10, batch=2, rate=0.01)


def test_what_is_played_comes_before_what_is_ranked_and_the_last_tenth_is_left():
    visits = visits_between(city())
    rows = city().frame["time"]
    assert rows[len(rows) // 2] <= visits[0].time
    assert max(visit.time for visit in visits) <= rows[len(rows) * 9 // 10]
    _, offline = own_offline(city(), SHIPPED, 0)
    made = material(city(), offline, 40, 20, 0)
    assert (len(made.played), len(made.later), len(made.users[0])) == (40, 20, 40)
    with pytest.raises(GenRecError, match="name fewer"):
        material(city(), offline, 4000, 20, 0)


@pytest.mark.slow
def test_a_comparison_is_resumed(tmp_path, monkeypatch):
    network, offline = own_offline(city(), SHIPPED, 0)
    made = material(city(), offline, 60, 20, 0)
    asked = {"seeds": 1, "out": tmp_path, "about": {"checkins": "town"}, "bar": nothing}
    result = compare(made, network, RECIPE, **asked)
    usual = result["policies"]["offline only"]
    assert usual["reward_difference"] == {"value": 0, "low": 0, "high": 0}
    assert result["policies"]["warm-up"]["later"][0] == usual["later"][0]
    assert result["policies"]["warm-up"]["reward_difference"]["value"] != 0
    assert usual["regret"][60] == pytest.approx(60 * (1 - usual["reward"]["value"]), abs=0.01)
    assert (tmp_path / CHART).stat().st_size > 1000
    lines = (tmp_path / RUNS).read_text().splitlines()
    (tmp_path / RUNS).write_text("\n".join(lines[:-1]) + "\n" + lines[-1][:50])  # killed
    played = []
    real = comparison.play
    monkeypatch.setattr(comparison, "play", lambda arm, *rest: played.append(arm) or real(arm, *rest))
    again = compare(made, network, RECIPE, **asked)
    assert played == ["safe"]
    assert json.loads((tmp_path / RESULT).read_text())["policies"]["safe"] == json.loads(
        json.dumps(result["policies"]["safe"])
    )
    assert np.allclose(
        list(again["policies"]["safe"]["later"].values()), list(result["policies"]["safe"]["later"].values())
    )
