"""Tests of the parts of a corpus that published protocols measure on."""

import numpy as np
import pytest

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches
from tb_keras.evaluation import (
    by_language,
    folds,
    localization_metrics,
    mean_metrics,
    retrieval_metrics,
)

LANGUAGES = ["de", "en", "en", "fr", "de", "en", "en"]


def corpus_of():
    """Image 1 has no German text, image 3 none at all; texts do not stand in the images' order."""
    pairs = np.array([[0, 0], [0, 1], [1, 2], [1, 3], [2, 4], [2, 5], [0, 6]])
    rng = np.random.default_rng(0)
    return Corpus(
        Matches(pairs, 4, 7, ignored=[(3, 5)]),
        image_features=rng.normal(size=(4, 3)),
        text_features=rng.normal(size=(7, 3)),
        texts=[f"text {i}" for i in range(7)],
        image_attributes={"id": [10, 11, 12, 13]},
        text_attributes={"language": LANGUAGES},
    )


def test_folds_are_consecutive_images_with_their_texts():
    corpus = corpus_of()
    first, second, third = folds(corpus, 3)
    assert [fold.image_attributes["id"] for fold in (first, second, third)] == [
        [10, 11],
        [12],
        [13],
    ]
    assert first.texts == ["text 0", "text 1", "text 2", "text 3", "text 6"]
    assert second.texts == ["text 4", "text 5"]
    assert third.num_texts == 0
    assert first.matches.texts_of(0).tolist() == [0, 1, 4]
    np.testing.assert_array_equal(second.image_features, corpus.image_features[[2]])
    np.testing.assert_array_equal(second.text_features, corpus.text_features[[4, 5]])


def test_five_folds_of_a_thousand_images():
    corpus = Corpus(np.repeat(np.arange(5000), 5))
    parts = folds(corpus)
    assert [(part.num_images, part.num_texts) for part in parts] == [(1000, 5000)] * 5
    assert len(folds(corpus.subset(images=range(11)), 5)[0].matches.pairs) == 15


def test_a_language_keeps_all_images_and_only_its_texts():
    corpus = corpus_of()
    parts = by_language(corpus)
    assert list(parts) == ["de", "en", "fr", "all"]
    assert parts["all"] is corpus
    assert parts["de"].texts == ["text 0", "text 4"]
    assert parts["de"].num_images == 4
    assert parts["de"].matches.pairs.tolist() == [[0, 0], [2, 1]]
    assert parts["en"].matches.ignored.tolist() == [[3, 2]]
    np.testing.assert_array_equal(parts["fr"].text_features, corpus.text_features[[3]])
    german = parts["de"]
    metrics = retrieval_metrics(german.image_features, german.text_features, german.matches)
    assert (metrics["i2t_queries"], metrics["t2i_queries"]) == (2, 2)


def test_mean_figures_and_summed_queries():
    corpus = corpus_of()
    each = [
        retrieval_metrics(part.image_features, part.text_features, part.matches)
        for part in folds(corpus, 2)
    ]
    mean = mean_metrics(each)
    assert list(mean) == list(each[0])
    assert (mean["i2t_queries"], mean["t2i_queries"]) == (3, 7)
    assert type(mean["i2t_queries"]) is int
    for name in set(mean) - {"i2t_queries", "t2i_queries"}:
        assert mean[name] == pytest.approx((each[0][name] + each[1][name]) / 2)
    box = [[0, 0, 4, 4]]
    localized = localization_metrics([[1.0]], [box], box)
    assert mean_metrics([localized, localized]) == {**localized, "phrases": 2}


def test_wrong_arguments_are_named():
    corpus = corpus_of()
    for wrong in (0, 2.0):
        with pytest.raises(ValueError, match=r"`num_folds` must be a positive int. Received: "):
            folds(corpus, wrong)
    with pytest.raises(ValueError, match=r"`num_folds` must be at most 4.*Received: num_folds=5"):
        folds(corpus)
    with pytest.raises(ValueError, match=r"must have the text attribute 'language'.*\['id'\]"):
        by_language(corpus.replace(text_attributes={"id": range(7)}))
    with pytest.raises(ValueError, match="`corpus` must have no language 'all'"):
        by_language(corpus.replace(text_attributes={"language": ["en"] * 6 + ["all"]}))
    for wrong in ([], [{"rsum": 1.0}, {"mean_recall": 1.0}]):
        with pytest.raises(ValueError, match="`metrics` must be dicts of the same figures"):
            mean_metrics(wrong)
