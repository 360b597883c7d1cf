"""The fusion without one of its parts: names, probabilities, and the command that takes it apart."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import at, make, quick
from made_city import csv_of, failed, town

from eval.experiments.parts import part_methods
from eval.methods.fusion import FusionSpec
from eval.methods.fusion_parts import fusion_method
from eval.methods.llm import Models
from eval.methods.names import make_methods
from eval.protocol import cases
from genrec.errors import GenRecError
from genrec.evidence import Evidence
from genrec.profiles.shelf import ProfileShelf
from genrec.rankers.features import ALL_FIELDS
from genrec.rankers.fields import FIELDS
from genrec.rankers.fusion import COUNTED, Fusion
from genrec.rankers.parts import Parts
from genrec.rankers.ranker import Query

pytestmark = pytest.mark.usefixtures("little_work")
QUERIES = [Query("u0", at(11, 9), ((at(11, 8), 2),)), Query("u3", None), Query("nobody", at(11, 9))]
PARTS = [
    Parts(residual=False),
    Parts(gate=dict.fromkeys(ALL_FIELDS, 0.1)),
    *(Parts(without=field) for field in (*FIELDS, *COUNTED)),
]


@quick
@given(st.sampled_from(ALL_FIELDS))
def test_names_say_what_is_left_out(field):
    for spec in (FusionSpec(), FusionSpec(field), FusionSpec(form="mixture"), FusionSpec(form="fixed-gate")):
        assert FusionSpec.parse(spec.name) == spec
    for name in ("fusion-without-", "fusion-without-nothing", f"fusion-{field}", "fusion-mixture-mixture", "fusions"):
        assert FusionSpec.parse(name) is None


@pytest.mark.parametrize("parts", PARTS, ids=str)
def test_what_is_left_still_shares_all_probability(parts):
    checkins = town()
    fusion = Fusion(parts=parts)
    scores = fusion.score(QUERIES, Evidence(checkins, at(11)))
    assert np.allclose(np.exp(scores).sum(axis=1), 1)
    assert fusion.settings().items() >= parts.settings().items()
    assert parts.without not in fusion.settings()["rankers"]
    for explained in fusion.explain(QUERIES, Evidence(checkins, at(11))):
        assert parts.without not in explained.gate
        assert np.isclose(sum(explained.gate.values()), 1, atol=1e-4)


def test_a_gate_that_is_fixed_at_what_it_is_changes_nothing():
    evidence = Evidence(town(), at(11))
    [found] = Fusion().explain(QUERIES[:1], evidence)
    whole, fixed = (fusion.score(QUERIES[:1], evidence) for fusion in (Fusion(), Fusion(parts=Parts(gate=found.gate))))
    assert np.allclose(whole, fixed, atol=1e-4)
    assert "gate" not in Fusion().settings()


def test_the_mixture_is_what_the_gate_makes_of_the_fields():
    [found] = Fusion(parts=Parts(residual=False)).explain(QUERIES[:1], Evidence(town(), at(11)), k=3)
    [single] = Fusion(parts=Parts(residual=False, gate={"own": 1.0})).explain(
        QUERIES[:1], Evidence(town(), at(11)), k=3
    )
    by_own = {reason.poi: reason.probability for reason in single.places}
    for reason in found.places:
        share = reason.fields["own"] * reason.probability / found.gate["own"]
        assert reason.poi not in by_own or np.isclose(share, by_own[reason.poi], rtol=1e-3)


def test_a_fixed_gate_is_the_mean_of_earlier_ones_and_looks_at_no_answer():
    asked = cases(town(6), "all-visits")
    gate = fusion_method(FusionSpec(form="fixed-gate"), None).settings(asked)["gate"]
    assert set(gate) == set(ALL_FIELDS)
    assert np.isclose(sum(gate.values()), 1, atol=1e-3)
    rows = asked.checkins.frame.with_row_index("row")
    later = pl.when(pl.col("row") >= asked.train_rows).then(pl.lit(0, pl.UInt32)).otherwise("poi").alias("poi")
    other = replace(asked, checkins=replace(asked.checkins, frame=rows.with_columns(later).drop("row")))
    assert fusion_method(FusionSpec(form="fixed-gate"), None).settings(other)["gate"] == gate
    nothing = cases(make([("a", poi, at(day)) for day in range(4) for poi in (0, 1)]), "all-visits")
    with pytest.raises(GenRecError, match="fusion-fixed-gate: the train part has no visits"):
        fusion_method(FusionSpec(form="fixed-gate"), None).settings(replace(nothing, train_rows=1))


def test_a_part_that_the_fusion_does_not_have():
    checkins = town()
    with pytest.raises(GenRecError, match="no part 'm2trec' to go without; it has own, sequence"):
        make_methods(["fusion-without-m2trec"], Models(checkins, None, None, None), ProfileShelf([], checkins))


@pytest.mark.slow
def test_the_fusion_is_taken_apart(genrec_eval, tmp_path):
    path, out, figures = csv_of(town(6), tmp_path / "town.csv"), tmp_path / "run", tmp_path / "figures.json"
    command = ["ablation", path, "--of", "fusion", "--split", "rolling", "--limit", 30, "--out", out]
    code, said, noise = genrec_eval(*command, "--aggregates", figures)
    assert code == 0, noise
    assert "Without a part" in said
    found = json.loads(figures.read_text())
    names = part_methods(cases(town(6), "rolling"), None)
    assert "fusion-without-category" in names
    assert "fusion-without-words" not in names  # where places have no names
    assert set(found["settings"]["methods"]) == set(names)
    pairs = {(row["a"], row["b"], row["metric"]) for row in found["differences"]}
    assert {(name, "fusion", "acc@10") for name in names[1:-1]} < pairs
    assert ("fusion", "habits", "acc@1") in pairs
    failed(genrec_eval(*command, "--profiles", path), "--of fusion asks no model")
