"""Tests of the kernel between features and landmarks, against scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel

from tb_keras.cca.landmark_kernel import LandmarkKernel, landmark_kernels
from tb_keras.corpus.corpus import Corpus


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("gamma", [0.5, 3.0])
def test_it_is_the_radial_basis_function_of_standardised_rows_of_unit_length(dtype, gamma):
    rng = np.random.default_rng(0)
    rows = (4 + rng.normal(size=(9, 5))).astype(dtype)
    mean, deviation = rng.normal(size=5), rng.uniform(1, 2, 5)
    kernel = LandmarkKernel.of(rows, mean, deviation, gamma, count=4)
    standard = unit((rows.astype("float64") - mean) / deviation)
    matches = np.abs(kernel.landmarks[:, None] - standard).max(axis=2) < 1e-6
    chosen = matches.argmax(axis=1)
    assert matches.any(axis=1).all()
    assert len(set(chosen.tolist())) == 4
    found = kernel(rows)
    assert found.dtype == np.float64
    np.testing.assert_allclose(
        found, rbf_kernel(standard, standard[chosen], gamma=gamma), rtol=1e-4, atol=1e-6
    )
    gram = kernel.gram()
    assert gram.dtype == np.float64
    np.testing.assert_allclose(
        gram, rbf_kernel(kernel.landmarks.astype("float64"), gamma=gamma), rtol=1e-5
    )


def test_few_rows_are_all_landmarks_and_many_are_drawn_alike():
    rows = np.random.default_rng(0).normal(size=(30, 3))
    scale = np.zeros(3), np.ones(3)
    all_of_them = LandmarkKernel.of(rows, *scale, 1.0, count=99).landmarks
    np.testing.assert_allclose(all_of_them, unit(rows), rtol=1e-6)
    some, again = (LandmarkKernel.of(rows, *scale, 1.0, count=7).landmarks for _ in range(2))
    np.testing.assert_array_equal(some, again)
    assert len(some) == 7


def test_a_row_without_length_is_like_all_landmarks_alike():
    rows = np.eye(3)
    kernel = LandmarkKernel.of(rows, np.zeros(3), np.ones(3), 0.5, count=3)
    np.testing.assert_allclose(kernel(np.zeros((1, 3))), np.exp(-1.0), rtol=1e-6)


@pytest.mark.parametrize("landmarks", [0, -1, 1.5])
def test_a_number_of_landmarks_out_of_range_is_refused(landmarks):
    corpus = Corpus([0, 1, 2], image_features=np.eye(3), text_features=np.eye(3))
    with pytest.raises(ValueError, match="`landmarks` must be a positive int"):
        landmark_kernels(corpus, landmarks)
