"""Tests of the baselines against closed forms and against scikit-learn."""

import numpy as np
import pytest
from sklearn.cross_decomposition import CCA
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches
from tb_keras.evaluation import retrieval_metrics
from tb_keras.evaluation.baselines.regularized_cca_baseline import RegularizedCCABaseline
from tb_keras.evaluation.baselines.ridge_baseline import RidgeBaseline


def two_views(num_images=60, seed=0, noise=0.5, texts_per_image=1):
    """Images and texts that share some hidden directions, far from standardised."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(num_images, 3))
    image_of = np.repeat(np.arange(num_images), texts_per_image)
    mixing = np.random.default_rng(99)
    images = hidden @ mixing.normal(size=(3, 6)) + noise * rng.normal(size=(num_images, 6))
    texts = hidden @ mixing.normal(size=(3, 4)) + noise * rng.normal(size=(num_images, 4))
    texts = texts[image_of] + 0.1 * rng.normal(size=(len(image_of), 4))
    return Corpus(
        image_of,
        image_features=5 + images * [1, 2, 3, 4, 5, 60],
        text_features=texts - 1,
    )


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def rsum(baseline, corpus):
    return retrieval_metrics(
        baseline.embed_images(corpus.image_features),
        baseline.embed_texts(corpus.text_features),
        corpus.matches,
    )["rsum"]


@pytest.mark.parametrize("alpha", [0.5, 20.0])
def test_ridge_is_the_closed_form(alpha):
    """(XᵀX + αI) W = XᵀY on standardised images, each as often as it has texts."""
    train, other = two_views(texts_per_image=2), two_views(seed=1)
    baseline = RidgeBaseline(train, other, alphas=[alpha])
    x = train.image_features[train.matches.pairs[:, 0]]
    y = unit(train.text_features)[train.matches.pairs[:, 1]]
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    x = (x - mean) / deviation
    weights = np.linalg.solve(x.T @ x + alpha * np.eye(6), x.T @ (y - y.mean(axis=0)))
    expected = unit((other.image_features - mean) / deviation @ weights + y.mean(axis=0))
    found = baseline.embed_images(other.image_features)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        baseline.embed_texts(other.text_features), unit(other.text_features), rtol=1e-6
    )
    assert found.dtype == np.float32


@pytest.mark.parametrize("num_images", [5, 60])
def test_ridge_is_scikit_learns_over_all_pairs(num_images):
    """Images of none, one and several texts; fewer images than dimensions among them."""
    corpus, other = two_views(num_images), two_views(seed=1)
    rng = np.random.default_rng(0)
    pairs = np.stack([rng.integers(0, num_images, 80), np.arange(80) % num_images], axis=1)
    corpus = corpus.replace(matches=Matches(pairs, num_images, num_images))
    images, texts = corpus.matches.pairs.T
    model = make_pipeline(StandardScaler(), Ridge(alpha=3.0))
    model.fit(corpus.image_features[images], unit(corpus.text_features)[texts])
    found = RidgeBaseline(corpus, other, alphas=[3.0]).embed_images(other.image_features)
    np.testing.assert_allclose(found, unit(model.predict(other.image_features)), atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_ridge_of_narrower_features(dtype):
    corpus, other = two_views(), two_views(seed=1)
    narrow = corpus.replace(
        image_features=corpus.image_features.astype(dtype),
        text_features=corpus.text_features.astype(dtype),
    )
    expected = RidgeBaseline(corpus, other, alphas=[3.0]).embed_images(other.image_features)
    found = RidgeBaseline(narrow, other, alphas=[3.0]).embed_images(other.image_features)
    np.testing.assert_allclose(found, expected, atol=1e-2 if dtype == "float16" else 1e-5)
    assert found.dtype == np.float32


def test_ridge_takes_the_strength_that_the_figure_calls_best():
    train, validation = two_views(), two_views(seed=1)
    figures, measured = iter([1.0, 3.0, 2.0]), []

    def figure(baseline, corpus):
        assert corpus.matches is validation.matches
        measured.append(baseline.embed_images(corpus.image_features))
        return next(figures)

    baseline = RidgeBaseline(train, validation, alphas=[1.0, 30.0, 900.0], figure=figure)
    assert baseline.alpha == 30.0
    found = baseline.embed_images(validation.image_features)
    assert [np.array_equal(found, other) for other in measured] == [False, True, False]


def test_ridge_without_a_figure_is_an_error():
    corpus = two_views()
    nothing = corpus.replace(matches=Matches([], 60, 60))
    with pytest.raises(ValueError, match="`validation` must have what `figure` measures"):
        RidgeBaseline(corpus, nothing)


def test_ridge_chooses_its_strength_on_the_validation_corpus():
    train, validation = two_views(20, noise=1.5), two_views(100, seed=1, noise=1.5)
    alphas = [1e7, 1.0, 30.0, 1e-6]
    each = {a: rsum(RidgeBaseline(train, train, alphas=[a]), validation) for a in alphas}
    assert len(set(each.values())) > 1
    baseline = RidgeBaseline(train, validation, alphas=alphas)
    assert each[baseline.alpha] == max(each.values())
    assert rsum(baseline, validation) == max(each.values())


def test_canonical_correlations_are_those_of_scikit_learn():
    corpus = two_views(200)
    baseline = RegularizedCCABaseline(corpus, corpus, regularizations=[1e-10], powers=[0])
    model = CCA(n_components=4, tol=1e-10, max_iter=10_000)
    images, texts = model.fit_transform(corpus.image_features, corpus.text_features)
    expected = [np.corrcoef(images[:, c], texts[:, c])[0, 1] for c in range(4)]
    np.testing.assert_allclose(baseline.projections.correlations, expected, atol=1e-4)
    assert expected[0] - expected[3] > 0.2  # else the order says nothing


def test_canonical_directions_are_those_of_scikit_learn():
    """Up to the sign of each, which both views share; so cosines are the same."""
    corpus, other = two_views(200), two_views(seed=1)
    baseline = RegularizedCCABaseline(corpus, corpus, regularizations=[1e-10], powers=[0])
    model = CCA(n_components=4, tol=1e-10, max_iter=10_000)
    model.fit(corpus.image_features, corpus.text_features)
    # Scikit-learn's variates of the training corpus are not of unit variance.
    scales = [part.std(axis=0) for part in model.transform(*training_features(corpus))]
    parts = model.transform(other.image_features, other.text_features)
    images, texts = (unit(part / scale) for part, scale in zip(parts, scales))
    found = baseline.embed_images(other.image_features) @ (
        baseline.embed_texts(other.text_features).T
    )
    np.testing.assert_allclose(found, images @ texts.T, atol=2e-3)


def training_features(corpus):
    return corpus.image_features, corpus.text_features


def test_cca_chooses_its_settings_on_the_validation_corpus():
    train, validation = two_views(20, noise=1.5), two_views(100, seed=1, noise=1.5)
    settings = [(r, p) for r in (1e-6, 0.1, 3.0) for p in (0, 2)]
    each = {
        (r, p): rsum(
            RegularizedCCABaseline(train, train, regularizations=[r], powers=[p]), validation
        )
        for r, p in settings
    }
    assert len(set(each.values())) > 1
    baseline = RegularizedCCABaseline(
        train, validation, regularizations=(1e-6, 0.1, 3.0), powers=(0, 2)
    )
    assert each[baseline.regularization, baseline.power] == max(each.values())
    assert rsum(baseline, validation) == max(each.values())


def test_cca_takes_the_settings_that_the_figure_calls_best():
    train, validation = two_views(), two_views(seed=1)
    figures, measured = iter([1.0, 2.0, 4.0, 3.0]), []

    def figure(baseline, corpus):
        assert corpus.matches is validation.matches
        measured.append(baseline.embed_images(corpus.image_features))
        return next(figures)

    baseline = RegularizedCCABaseline(
        train, validation, regularizations=(0.1, 3.0), powers=(0, 2), figure=figure
    )
    assert (baseline.regularization, baseline.power) == (3.0, 0)
    found = baseline.embed_images(validation.image_features)
    same = [np.allclose(found, other, atol=1e-6) for other in measured]
    assert same == [False, False, True, False]


def test_cca_without_a_figure_is_an_error():
    corpus = two_views()
    nothing = corpus.replace(matches=Matches([], 60, 60))
    with pytest.raises(ValueError, match="`validation` must have what `figure` measures"):
        RegularizedCCABaseline(corpus, nothing)


def test_fewer_directions():
    corpus = two_views()
    baseline = RegularizedCCABaseline(corpus, corpus, dim=2)
    found = baseline.embed_images(corpus.image_features)
    assert found.shape == (60, 2)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    assert len(baseline.projections.correlations) == 2


def test_a_constant_feature_does_no_harm():
    corpus = two_views()
    features = corpus.image_features.copy()
    features[:, 2] = 7
    corpus = corpus.replace(image_features=features)
    for baseline in (RidgeBaseline(corpus, corpus), RegularizedCCABaseline(corpus, corpus)):
        assert np.isfinite(baseline.embed_images(features)).all()


@pytest.mark.parametrize(
    "lacking",
    [{"image_features": None}, {"text_features": None}, {"matches": Matches([], 60, 60)}],
)
def test_ridge_needs_features_and_matches(lacking):
    corpus = two_views()
    with pytest.raises(ValueError, match="`train` must have both features and matches"):
        RidgeBaseline(corpus.replace(**lacking), corpus)
