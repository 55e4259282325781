"""Tests of zero-shot classification against loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.evaluation import class_embeddings, classification_metrics


@given(st.integers(0, 2**32 - 1))
def test_figures_are_those_of_loops(seed):
    rng = np.random.default_rng(seed)
    n, c = rng.integers(1, 12), rng.integers(1, 7)
    images, classes = rng.integers(-2, 3, (n, 3)), rng.integers(-2, 3, (c, 3))  # ties are common
    labels = rng.integers(0, c, n)
    scores = (images @ classes.T).tolist()
    ranks = [
        1 + sum(s >= row[label] for other, s in enumerate(row) if other != label)
        for row, label in zip(scores, labels)
    ]
    shares = [
        np.mean([rank == 1 for rank, label in zip(ranks, labels) if label == one])
        for one in sorted(set(labels))
    ]
    assert classification_metrics(images, classes, labels) == pytest.approx(
        {
            "accuracy@1": 100 * np.mean([rank <= 1 for rank in ranks]),
            "accuracy@5": 100 * np.mean([rank <= 5 for rank in ranks]),
            "mean_per_class": 100 * np.mean(shares),
            "images": n,
        }
    )


def test_a_class_is_the_mean_of_its_templates():
    asked = []

    def embed(texts):
        asked.extend(texts)
        return np.random.default_rng(0).normal(size=(len(texts), 5)) * [[1], [9], [2], [3]]

    found = class_embeddings(embed, ["dog", "{x} cat"], ["a {}", "{}s"])
    assert asked == ["a dog", "dogs", "a {x} cat", "{x} cats"]
    rows = np.random.default_rng(0).normal(size=(4, 5))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    means = np.stack([rows[0] + rows[1], rows[2] + rows[3]])
    expected = means / np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_no_images():
    figures = classification_metrics(np.zeros((0, 2)), np.eye(2), np.zeros(0, int))
    assert figures["images"] == 0
    assert np.isnan(figures["accuracy@1"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: classification_metrics(np.eye(2), np.eye(2), [0, 2]), "`labels`"),
        (lambda: classification_metrics(np.eye(2), np.eye(2), [0]), "`labels` must be ints"),
        (lambda: classification_metrics(np.eye(2), np.eye(3), [0, 1]), "`classes`"),
        (lambda: class_embeddings(len, []), "`names` must be strings"),
        (lambda: class_embeddings(len, ["a"], ["a photo"]), "`templates` must be strings"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_class_whose_texts_say_nothing_is_no_answer():
    classes = class_embeddings(
        lambda texts: [[float("dog" in t), 0.0] for t in texts], ["dog", "?"]
    )
    np.testing.assert_array_equal(classes, [[1, 0], [0, 0]])
    figures = classification_metrics([[1.0, 0.0], [1.0, 0.0]], classes, [1, 0], ks=(1,))
    assert (figures["accuracy@1"], figures["mean_per_class"]) == (50.0, 50.0)
    with pytest.raises(ValueError, match="`image_embeddings` must be finite"):
        classification_metrics([[np.nan, 0.0]], classes, [1])
    with pytest.raises(ValueError, match="`labels` must be ints"):
        classification_metrics([[1.0, 0.0]], classes, [1.0])
