"""The trained rankers: what they answer, and what they refuse."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made import at, make
from made_trained import LATE, city, cml, grown, m2trec
from safetensors.torch import load_file, save_file

from genrec.errors import GenRecError
from genrec.evidence import Evidence
from genrec.rankers.cml import Cml
from genrec.rankers.m2trec import M2TRec
from genrec.rankers.ranker import Query

TRAINED = [(m2trec, M2TRec), (cml, Cml)]
KNOWN = Query("u3", LATE, ((at(28), 2),))
QUERIES = [KNOWN, Query("u3", None), Query("stranger", LATE), Query("stranger", None, ((at(28), 5), (at(28, 1), 5)))]


@pytest.mark.parametrize("trained", [m2trec, cml])
def test_scores_are_log_probabilities_of_all_places(trained):
    scores = trained().score(QUERIES, Evidence(city(), at(28)))
    assert scores.shape == (len(QUERIES), len(city().pois)) and scores.dtype == np.float64
    np.testing.assert_allclose(np.exp(scores).sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("trained", [m2trec, cml])
def test_queries_do_not_depend_on_each_other(trained):
    evidence = Evidence(city(), at(28))
    together = trained().score(QUERIES, evidence)
    alone = np.vstack([trained().score([query], evidence) for query in QUERIES])
    np.testing.assert_allclose(together, alone, atol=1e-4)


@pytest.mark.parametrize("trained", [m2trec, cml])
def test_later_check_ins_change_nothing(trained):
    now = Evidence(city(), at(20))
    cut = replace(city(), frame=city().frame.filter(pl.col("time") < at(20)))
    np.testing.assert_array_equal(trained().score(QUERIES, now), trained().score(QUERIES, Evidence(cut, at(20))))


@pytest.mark.parametrize("trained", [m2trec, cml])
def test_no_evidence_no_queries_and_new_places(trained):
    assert trained().score([], Evidence(city(), at(28))).shape == (0, len(city().pois))
    assert np.isfinite(trained().score(QUERIES, Evidence(city(), at(-1)))).all()
    scores = trained().score(QUERIES, Evidence(grown(), at(28)))
    assert scores.shape[1] == len(city().pois) + 2 and np.isfinite(scores).all()


def test_m2trec_knows_places_of_any_catalogue_by_what_they_are():
    """The order of the catalogue says nothing."""
    order = np.random.default_rng(0).permutation(len(city().pois))
    numbers = {int(old): new for new, old in enumerate(order)}
    pois = city().pois[order].with_columns(poi=pl.Series(range(len(order)), dtype=pl.UInt32))
    frame = city().frame.with_columns(pl.col("poi").replace_strict(numbers, return_dtype=pl.UInt32))
    shuffled = replace(city(), frame=frame, pois=pois)
    queries = [replace(query, prefix=tuple((t, numbers[p]) for t, p in query.prefix)) for query in QUERIES]
    there = m2trec().score(queries, Evidence(shuffled, at(28)))
    np.testing.assert_allclose(there, m2trec().score(QUERIES, Evidence(city(), at(28)))[:, order], atol=1e-4)


def test_cml_refuses_another_catalogue():
    other = make([("a", 0, at(0))])
    with pytest.raises(GenRecError, match="another catalogue of places"):
        cml().score([KNOWN], Evidence(other, at(1)))


@pytest.mark.parametrize(("trained", "kind"), TRAINED)
def test_a_folder_keeps_a_ranker(trained, kind, tmp_path):
    trained().save(tmp_path)
    evidence = Evidence(city(), at(28))
    kept = kind.load(tmp_path)
    np.testing.assert_array_equal(kept.score(QUERIES, evidence), trained().score(QUERIES, evidence))
    assert kept.settings() == trained().settings()
    assert json.dumps(kept.settings())
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}


@pytest.mark.parametrize(("trained", "kind"), TRAINED)
def test_a_faulty_folder_is_refused_in_one_line(trained, kind, tmp_path):
    name = kind.name

    def refused(reason):
        with pytest.raises(GenRecError, match=reason) as error:
            kind.load(tmp_path)
        assert "\n" not in str(error.value)

    refused("is not a folder that `genrec-train rankers` has written: it has no ")
    trained().save(tmp_path)
    facts = json.loads((tmp_path / f"{name}.json").read_text())
    weights = load_file(tmp_path / f"{name}.safetensors")

    def with_facts(**changed):
        (tmp_path / f"{name}.json").write_text(json.dumps(facts | changed))

    with_facts(format=2)
    refused("format")
    with_facts(width=4096)
    refused("width")
    with_facts(colour="red")
    refused("colour")
    with_facts(width=16 if facts["width"] != 16 else 24)
    refused("misshapen")
    with_facts()
    first = min(weights)
    save_file({key: value for key, value in weights.items() if key != first}, tmp_path / f"{name}.safetensors")
    refused("missing")
    damaged = next(key for key, value in weights.items() if value.is_floating_point())
    save_file(weights | {damaged: torch.full_like(weights[damaged], torch.nan)}, tmp_path / f"{name}.safetensors")
    refused("not a number")
    (tmp_path / f"{name}.safetensors").write_bytes(b"not a tensor")
    refused("damaged")


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_settings_or_refused(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("rankers")
    (folder / "m2trec.json").write_bytes(content)
    with pytest.raises(GenRecError):
        M2TRec.load(folder)
