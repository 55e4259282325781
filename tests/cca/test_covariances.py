"""Tests of means, deviations and covariances over pairs, against the list of all pairs."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.cca import covariances as module
from tb_keras.cca.covariances import pair_covariances
from tb_keras.corpus import feature_statistics
from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.feature_statistics import mean_and_deviation, standardized
from tb_keras.corpus.matches import Matches
from tests.cases import examples


def corpus_of(seed=0, n=9, m=11, image_dim=4, text_dim=3, share=0.25):
    """Many-to-many, with images and texts of no match, far from standardised."""
    rng = np.random.default_rng(seed)
    related = rng.random((n, m)) < share
    related[0, 0] = True
    images = 3 + rng.normal(size=(n, image_dim)) * np.arange(1, image_dim + 1)
    texts = rng.normal(size=(m, text_dim)) - 7
    return Corpus(related, image_features=images, text_features=texts)


@given(st.integers(0, 10_000), st.integers(1, 60))
@examples(40)
def test_covariances_are_those_of_the_list_of_all_pairs(seed, block):
    corpus = corpus_of(seed)
    images, texts = corpus.matches.pairs.T
    x, y = corpus.image_features[images], corpus.text_features[texts]
    with pytest.MonkeyPatch.context() as patch:
        for part in (module, feature_statistics):
            patch.setattr(part, "BLOCK_VALUES", block)
        found = pair_covariances(corpus)
    for mean, deviation, view in ((*found[:2], x), (*found[2:4], y)):
        np.testing.assert_allclose(mean, view.mean(axis=0))
        each = np.maximum(view.std(axis=0), 0.01 * view.std(axis=0).mean() + 1e-12)
        if view is y:  # one for all
            each = np.full(len(each), np.sqrt((each**2).mean()))
        np.testing.assert_allclose(deviation, each, rtol=1e-5, atol=1e-6)
    x, y = (x - found.image_mean) / found.image_deviation, (y - found.text_mean) / found[3]
    np.testing.assert_allclose(found.images, x.T @ x / len(x), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(found.cross, x.T @ y / len(x), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(found.texts, y.T @ y / len(x), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_narrower_features_are_summed_accurately(dtype):
    """Products in float32, sums in float64: 20,000 pairs do not lose digits."""
    rng = np.random.default_rng(0)
    corpus = Corpus(
        np.repeat(np.arange(10_000), 2),
        image_features=(3 + 5 * rng.normal(size=(10_000, 4))).astype(dtype),
        text_features=(rng.normal(size=(20_000, 3)) - 7).astype(dtype),
    )
    wide = corpus.replace(
        image_features=corpus.image_features.astype("float64"),
        text_features=corpus.text_features.astype("float64"),
    )
    for found, expected in zip(pair_covariances(corpus), pair_covariances(wide)):
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_memory_grows_with_the_block_and_not_with_the_corpus(tmp_path, monkeypatch):
    for part in (module, feature_statistics):
        monkeypatch.setattr(part, "BLOCK_VALUES", 2**15)
    maps = []
    for name, rows in (("images", 20_000), ("texts", 40_000)):
        features = np.random.default_rng(0).normal(size=(rows, 64)).astype("float16")
        np.save(tmp_path / f"{name}.npy", features)
        maps.append(np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
    corpus = Corpus(np.repeat(np.arange(20_000), 2), image_features=maps[0], text_features=maps[1])
    pair_covariances(corpus.replace())  # what is imported or kept for good
    tracemalloc.start()
    pair_covariances(corpus)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6  # a float64 copy of the images alone has 10 MB


@pytest.mark.parametrize(
    "lacking",
    [{"image_features": None}, {"text_features": None}, {"matches": Matches([], 9, 11)}],
)
def test_a_corpus_without_features_or_matches_is_refused(lacking):
    with pytest.raises(ValueError, match=r"`corpus` must have both features and matches"):
        pair_covariances(corpus_of().replace(**lacking))


def test_maps_stand_for_the_features():
    """Widened by squares, block by block or beforehand, is the same."""
    corpus = corpus_of()

    def widened(rows):
        return np.concatenate([rows, rows**2], axis=1)

    found = pair_covariances(corpus, maps=(widened, np.sin))
    mapped = corpus.replace(
        image_features=widened(corpus.image_features), text_features=np.sin(corpus.text_features)
    )
    for part, expected in zip(found, pair_covariances(mapped)):
        np.testing.assert_allclose(part, expected, rtol=1e-9, atol=1e-12)
    mean, deviation = mean_and_deviation(
        corpus.image_features, corpus.matches.texts_per_image(), widened
    )
    np.testing.assert_array_equal(mean, found.image_mean)
    np.testing.assert_array_equal(deviation, found.image_deviation)


def test_standardising_leaves_the_rows_as_they_are():
    rows = np.ones((2, 3), np.float32)
    assert (standardized(rows, np.ones(3), np.ones(3)) == 0).all()
    assert (rows == 1).all()


def test_blocks_of_wide_features_have_few_rows(monkeypatch):
    """A map to few values takes rows as wide as the features."""
    sizes = []
    for part in (module, feature_statistics):
        monkeypatch.setattr(part, "BLOCK_VALUES", 90)
    corpus = corpus_of(n=40, m=40, image_dim=30, text_dim=20)
    summed = corpus.replace(
        image_features=corpus.image_features[:, :1], text_features=corpus.text_features[:, :1]
    )

    def first(rows):
        sizes.append(rows.size)
        return rows[:, :1]

    for part, expected in zip(
        pair_covariances(corpus, maps=(first,) * 2), pair_covariances(summed)
    ):
        np.testing.assert_allclose(part, expected)
    assert max(sizes) <= 90
