"""Tests of regularised kernel CCA, against the dense generalised eigenproblem that it is."""

import numpy as np
import pytest
from scipy import linalg
from sklearn.metrics.pairwise import rbf_kernel

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches
from tb_keras.evaluation.baselines.kernel_cca_baseline import KernelCCABaseline
from tb_keras.evaluation.baselines.regularized_cca_baseline import RegularizedCCABaseline
from tb_keras.evaluation.baselines.ridge_baseline import retrieval_rsum


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def curved_views(num=60, seed=0):
    """The texts tell the images' squares, which no linear map finds."""
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(num, 3))
    texts = images**2 + 0.01 * rng.normal(size=(num, 3))
    return Corpus(np.arange(num), image_features=images, text_features=texts)


@pytest.mark.parametrize("regularization", [0.3, 3.0])
def test_it_solves_the_generalised_eigenproblem_of_both_kernels(regularization):
    train, other = curved_views(), curved_views(20, seed=1)
    found = KernelCCABaseline(train, train, [regularization], [0], dim=4)
    grams, centred, rows = [], [], []
    for features, others, axis, gamma in (
        (train.image_features, other.image_features, 0, 0.5),
        (train.text_features, other.text_features, None, 1.5),
    ):
        mean = features.mean(axis=0)
        deviation = (features - mean).std(axis=axis)
        own, new = (unit((part - mean) / deviation) for part in (features, others))
        grams.append(rbf_kernel(own, gamma=gamma))
        centre = grams[-1].mean(axis=0)
        centred.append(grams[-1] - centre)
        rows.append(rbf_kernel(new, own, gamma=gamma) - centre)
    n = len(train.image_features)
    held = [
        part.T @ part / n + regularization * (1 - gram.mean()) / n * (gram + 1e-6 * np.eye(n))
        for part, gram in zip(centred, grams)
    ]
    cross, zero = centred[0].T @ centred[1] / n, np.zeros((n, n))
    values, vectors = linalg.eigh(
        np.block([[zero, cross], [cross.T, zero]]), linalg.block_diag(*held)
    )
    leading = np.argsort(-values)[:4]
    np.testing.assert_allclose(found.projections.correlations, values[leading], rtol=1e-4)
    images, texts = (
        unit(part @ side) for part, side in zip(rows, np.split(vectors[:, leading], 2))
    )
    cosines = found.embed_images(other.image_features) @ found.embed_texts(other.text_features).T
    np.testing.assert_allclose(cosines, images @ texts.T, atol=2e-3)


def test_it_finds_what_linear_maps_do_not():
    train, validation, test = (curved_views(n, s) for n, s in ((300, 0), (60, 1), (60, 2)))
    rsums = {
        kind: retrieval_rsum(kind(train, validation), test)
        for kind in (KernelCCABaseline, RegularizedCCABaseline)
    }
    assert rsums[RegularizedCCABaseline] < 100  # chance is 53
    assert rsums[KernelCCABaseline] > 200


def test_landmarks_are_at_most_as_many_as_it_is_told():
    corpus = curved_views()
    baseline = KernelCCABaseline(corpus, corpus, landmarks=11)
    for projection in (baseline.projections.images, baseline.projections.texts):
        assert projection.kernel.landmarks.shape == (11, 3)
    assert baseline.embed_images(corpus.image_features).shape == (60, 11)


def test_equal_rows_do_no_harm():
    corpus = curved_views()
    twice = Corpus(
        np.arange(120),
        image_features=np.repeat(corpus.image_features, 2, axis=0),
        text_features=np.repeat(corpus.text_features, 2, axis=0),
    )
    baseline = KernelCCABaseline(twice, twice, dim=4)
    found = baseline.embed_images(corpus.image_features)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("lacking", [{"image_features": None}, {"matches": Matches([], 60, 60)}])
def test_a_corpus_without_features_or_matches_is_refused(lacking):
    with pytest.raises(ValueError, match="must have both features and matches"):
        KernelCCABaseline(curved_views().replace(**lacking), curved_views())
