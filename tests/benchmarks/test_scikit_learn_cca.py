"""Tests of scikit-learn's CCA as a peer in the table of accuracy."""

import numpy as np
import pytest
from sklearn.cross_decomposition import CCA

from benchmarks.peers.accuracy.scikit_learn_cca import ScikitLearnCCA
from tb_keras.corpus.corpus import Corpus
from tb_keras.evaluation.baselines.ridge_baseline import retrieval_rsum


def two_views(num_images):
    """Images and texts that share three hidden directions."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(num_images, 3))
    images = hidden @ rng.normal(size=(3, 20)) + 0.1 * rng.normal(size=(num_images, 20))
    texts = hidden @ rng.normal(size=(3, 10)) + 0.1 * rng.normal(size=(num_images, 10))
    return Corpus(np.arange(num_images), image_features=images, text_features=texts)


def test_it_is_chosen_by_validation_and_finds_a_shared_subspace():
    corpus = two_views(300)
    train, validation = corpus.subset(images=range(200)), corpus.subset(images=range(200, 300))
    each = {
        dim: retrieval_rsum(ScikitLearnCCA(train, validation, dims=[dim]), validation)
        for dim in (2, 6)
    }
    baseline = ScikitLearnCCA(train, validation, dims=(2, 6))
    assert retrieval_rsum(baseline, validation) == max(each.values())
    assert each[baseline.dim] == max(each.values())
    assert max(each.values()) > 300  # chance is about 32


def test_it_leaves_out_the_sizes_that_do_not_converge(monkeypatch):
    """Its singular value decomposition fails now and then, and takes no other figure with it."""
    corpus, fit = two_views(60), CCA.fit

    def fails_at(width):
        def fit_or_fail(self, images, texts):
            if images.shape[1] >= width:
                raise np.linalg.LinAlgError("SVD did not converge")
            return fit(self, images, texts)

        monkeypatch.setattr(CCA, "fit", fit_or_fail)

    fails_at(4)
    assert ScikitLearnCCA(corpus, corpus, dims=[3, 4]).dim == 3
    assert ScikitLearnCCA(corpus, corpus, dims=[4, 3]).dim == 3
    fails_at(0)
    with pytest.raises(np.linalg.LinAlgError, match="did not converge"):
        ScikitLearnCCA(corpus, corpus, dims=[3, 4])
