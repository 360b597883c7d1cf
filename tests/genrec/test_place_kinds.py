"""Kinds of places without categories: the words that names share."""

import polars as pl

from genrec.profiles.place_kinds import place_kinds


def test_words_of_names_are_spelled_as_words():
    pois = pl.DataFrame({"category": ["unknown"] * 5, "name": ["JOE'S"] * 2 + ["Joe's"] * 3})
    assert place_kinds(pois) == [("Joe's",)] * 5
