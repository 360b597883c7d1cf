"""The fusion: probabilities over all places, from whatever there is; files that are checked; reasons that add up."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import KINDS, at, made_checkins, make
from made_city import town

from genrec.errors import InputError
from genrec.evidence import Evidence
from genrec.rankers.asked import asked
from genrec.rankers.batch import Situation
from genrec.rankers.candidates import candidates
from genrec.rankers.features import features, layout
from genrec.rankers.fields import FIELDS, NAMES
from genrec.rankers.fusion import Fusion
from genrec.rankers.fusion_file import SHIPPED, read_fusion
from genrec.rankers.places import places_of
from genrec.rankers.ranker import Query
from genrec.rankers.tables import Tables

some = settings(max_examples=15, deadline=None)
moments = st.integers(0, 24 * 12).map(lambda hour: at(hour=hour))


@pytest.fixture(scope="module")
def fusion():
    return Fusion()


def looked(checkins, as_of, *queries):
    evidence = Evidence(checkins, as_of)
    tables = Tables(evidence, places_of(checkins.pois))
    questions = asked(queries, tables, as_of)
    return tables, questions, candidates(tables, questions)


@some
@given(checkins=made_checkins(), as_of=moments, timed=st.booleans(), user=st.sampled_from("abz"))
def test_probabilities_are_finite_and_sum_to_1(fusion, checkins, as_of, timed, user):
    query = Query(user, as_of if timed else None)
    scores = fusion.score([query, query], Evidence(checkins, as_of))
    assert np.isfinite(scores).all() or (scores > -np.inf).any(axis=1).all()
    assert np.allclose(np.exp(scores).sum(axis=1), 1)
    assert np.allclose(scores[0], scores[1], atol=1e-5)


@some
@given(checkins=made_checkins(), as_of=moments)
def test_visits_after_the_moment_change_nothing(fusion, checkins, as_of):
    evidence = Evidence(checkins, as_of)
    past = Evidence(replace(checkins, frame=evidence.past.frame), as_of)
    query = Query("a", as_of)
    assert np.array_equal(fusion.score([query], evidence), fusion.score([query], past))


def test_a_city_without_checkins_and_a_stranger(fusion):
    scores = fusion.score([Query("nobody", at(1, 9)), Query("nobody", None)], Evidence(town(), at(-5)))
    assert np.allclose(np.exp(scores).sum(axis=1), 1)


def test_most_places_of_a_large_city_share_a_remainder(fusion):
    checkins = make([("a", 0, at(day, 8)) for day in range(10)], [f"kind {i % 7}" for i in range(2000)])
    [scores] = fusion.score([Query("a", at(11, 8))], Evidence(checkins, at(11)))
    _, _, found = looked(checkins, at(11), Query("a", at(11, 8)))
    assert found.poi.shape[1] < 400
    assert np.isfinite(scores).all()
    assert np.isclose(np.exp(scores).sum(), 1)
    assert scores.argmax() == 0


def test_visits_of_the_trajectory_count():
    checkins = town()
    prefix = ((at(14, 8), 7), (at(14, 9), 6))
    _, questions, found = looked(checkins, at(14), Query("u0", at(14, 10), prefix))
    assert {6, 7} <= set(found.poi[0].tolist())
    assert questions.last[0] == 6
    assert questions.recent[0, :2].tolist() == [6, 7]


def test_features_are_as_they_are_named():
    tables, questions, found = looked(town(), at(10), Query("u0", at(10, 9)), Query("nobody", None))
    situation = Situation.of(tables, questions, found)
    assert {field: tuple(make(situation)) for field, make in FIELDS.items()} == NAMES
    made = features(tables, questions, found)
    assert made.x.shape[2] == sum(map(len, layout().values()))


def test_ids_do_not_matter(fusion):
    """Features are relative: numbering the places otherwise ranks the same places."""
    checkins = town()
    order = np.random.default_rng(0).permutation(len(KINDS))
    rows = [(user, int(order[poi]), time) for user, poi, time in checkins.frame.select("user_id", "poi", "time").rows()]
    renamed = make(rows, [KINDS[i] for i in np.argsort(order)])
    positions = checkins.pois.select("latitude", "longitude")[np.argsort(order).tolist()]
    renamed = replace(renamed, pois=renamed.pois.with_columns(positions))
    query = Query("u0", at(14, 9))
    [one], [two] = (fusion.score([query], Evidence(c, at(14))) for c in (checkins, renamed))
    assert np.allclose(one, two[order], atol=1e-3)


def test_reasons_add_up(fusion):
    checkins = town()
    evidence = Evidence(checkins, at(11))
    query = Query("u0", at(11, 9), ((at(11, 8), 2),))
    [explanation] = fusion.explain([query], evidence, k=3)
    [scores] = fusion.score([query], evidence)
    assert np.isclose(sum(explanation.gate.values()), 1, atol=1e-4)
    assert [reason.poi for reason in explanation.places] == np.argsort(-scores)[:3].tolist()
    for reason in explanation.places:
        assert np.isclose(reason.probability, np.exp(scores[reason.poi]), rtol=1e-3)
        assert np.isclose(sum(reason.fields.values()), 1, atol=1e-4)
    facts = {reason.poi: reason.facts for reason in explanation.places}[1]
    assert facts.visits == 9
    assert facts.at_hour == 9
    assert facts.on_day == 1
    assert facts.steps == 9
    assert facts.km == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"format": 2}, "format"),
        ({"catalogue": "x"}, "catalogue"),
        ({"learned": {}}, "learned"),
    ],
)
def test_a_faulty_folder_is_one_line(tmp_path, change, word):
    folder = tmp_path / "rankers"
    shutil.copytree(SHIPPED, folder)
    settings_ = json.loads((folder / "fusion.json").read_text())
    (folder / "fusion.json").write_text(json.dumps(settings_ | change))
    with pytest.raises(InputError, match=word) as error:
        read_fusion(folder, layout())
    assert "\n" not in str(error.value)


def test_other_features_and_another_catalogue_are_refused(tmp_path):
    folder = tmp_path / "rankers"
    shutil.copytree(SHIPPED, folder)
    with pytest.raises(InputError, match="other features"):
        read_fusion(folder, layout() | {"own": ("visits",)})
    settings_ = json.loads((folder / "fusion.json").read_text())
    (folder / "fusion.json").write_text(json.dumps(settings_ | {"catalogue": "0" * 16}))
    with pytest.raises(InputError, match="another catalogue"):
        Fusion(folder).score([Query("a", None)], Evidence(town(), at(5)))


@some
@given(data=st.data())
def test_damaged_weights_are_refused(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("rankers") / "damaged"
    shutil.copytree(SHIPPED, folder)
    path = folder / "fusion.safetensors"
    raw = path.read_bytes()
    kept = data.draw(st.integers(0, len(raw) - 1))
    path.write_bytes(raw[:kept])
    with pytest.raises(InputError):
        read_fusion(folder, layout())


def test_what_ships_is_small():
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 2 << 20
