"""Tests of the localization baselines: what they score, and that ridge regression learns."""

import numpy as np
import pytest

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.grounding import Grounding
from tb_keras.evaluation import corpus_localization_metrics
from tb_keras.evaluation.baselines import localization_baselines
from tb_keras.evaluation.baselines.localization_baselines import (
    cosine_region_scores,
    largest_region_scores,
    localization_recall_at_1,
    random_region_scores,
)
from tb_keras.evaluation.baselines.ridge_baseline import RidgeBaseline, retrieval_rsum


def regions_and_phrases(pictures=30, regions=8, seed=0, noise=1.0):
    """Each picture a row of regions side by side; a phrase's features are a map of its region's."""
    rng = np.random.default_rng(seed)
    left = np.tile(10 * np.arange(regions), pictures)
    boxes = np.stack([left, 0 * left, left + 10, 0 * left + 10], axis=1)
    region = np.arange(pictures) * regions + rng.integers(0, regions, pictures)
    grounding = Grounding(
        ["a.jpg"] * pictures,
        np.full((pictures, 2), 10 * regions),
        np.repeat(np.arange(pictures), regions),
        boxes,
        np.arange(pictures),
        boxes[region],
    )
    features = rng.normal(size=(pictures * regions, 6))
    texts = features[region] @ np.random.default_rng(99).normal(size=(6, 5))
    return Corpus(
        grounding.matches_by_iou(),
        image_features=features,
        text_features=texts + noise * rng.normal(size=texts.shape),
        grounding=grounding,
    )


def test_random_scores_follow_the_seed_and_find_one_region_in_eight():
    corpus = regions_and_phrases(pictures=500)
    scores = random_region_scores(corpus.grounding, seed=3)
    np.testing.assert_array_equal(scores, random_region_scores(corpus.grounding, seed=3))
    assert (scores != random_region_scores(corpus.grounding, seed=4)).any()
    metrics = corpus_localization_metrics(scores, corpus)
    assert 8 < metrics["recall@1"] < 17  # 12.5, and three standard deviations of 1.5
    assert 56 < metrics["recall@5"] < 69  # 62.5


def test_the_largest_region_comes_first_and_of_equal_ones_the_lower_index():
    grounding = Grounding(
        ["a.jpg", "b.jpg"],
        [[9, 9], [9, 9]],
        [1, 0, 0, 1, 0],
        [[0, 0, 2, 2], [0, 0, 3, 3], [0, 0, 1, 9], [0, 0, 4, 4], [4, 4, 5, 5]],
        [0, 1, 0],
        [[0, 0, 3, 3]] * 3,
    )
    scores = largest_region_scores(grounding)
    regions, phrases = grounding.same_picture_pairs()
    for phrase, order in enumerate([[1, 2, 4], [3, 0], [1, 2, 4]]):
        some = phrases == phrase
        assert regions[some][np.argsort(-scores[some])].tolist() == order
    assert len(set(scores)) == 5


@pytest.mark.parametrize("block", [1, 9, 2**24])
def test_ridge_scores_are_cosines(monkeypatch, block):
    monkeypatch.setattr(localization_baselines, "_BLOCK_VALUES", block)
    train, other = regions_and_phrases(), regions_and_phrases(5, seed=1)
    baseline = RidgeBaseline(train, train, alphas=[1.0])
    cosines = baseline.embed_images(other.image_features) @ (
        baseline.embed_texts(other.text_features).T
    )
    regions, phrases = other.grounding.same_picture_pairs()
    found = cosine_region_scores(baseline, other)
    np.testing.assert_allclose(found, cosines[regions, phrases], atol=1e-6)
    assert found.dtype == np.float32


def test_ridge_learns_to_localize():
    train, test = regions_and_phrases(200), regions_and_phrases(200, seed=1)
    baseline = RidgeBaseline(train, train, figure=localization_recall_at_1)
    metrics = corpus_localization_metrics(cosine_region_scores(baseline, test), test)
    assert metrics["recall@1"] > 60  # chance is 12.5
    assert localization_recall_at_1(baseline, test) == metrics["recall@1"]


def test_ridge_chooses_its_strength_by_the_figure_given():
    train = regions_and_phrases(12, noise=6.0)
    validation = regions_and_phrases(150, seed=1, noise=6.0)
    alphas = [1e7, 1.0, 30.0, 1e-6]
    for figure in (localization_recall_at_1, retrieval_rsum):
        each = {
            alpha: figure(RidgeBaseline(train, train, alphas=[alpha]), validation)
            for alpha in alphas
        }
        baseline = RidgeBaseline(train, validation, alphas=alphas, figure=figure)
        assert len(set(each.values())) > 1
        assert figure(baseline, validation) == each[baseline.alpha] == max(each.values())


@pytest.mark.parametrize("lacking", ["grounding", "image_features", "text_features"])
def test_ridge_scores_name_what_the_corpus_lacks(lacking):
    corpus = regions_and_phrases(4)
    baseline = RidgeBaseline(corpus, corpus, alphas=[1.0])
    with pytest.raises(ValueError, match=f"`corpus` must have {lacking}"):
        cosine_region_scores(baseline, corpus.replace(**{lacking: None}))
