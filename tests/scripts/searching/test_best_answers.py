"""Tests of the answers of a search against loops."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.scripts.searching.best_answers import best_answers, first_of_equal
from tb_keras.scripts.searching.places import NewPlace
from tb_keras.scripts.searching.searched_collection import Searched


class Model:
    """Embeds names of numbers as the rows of a matrix."""

    def __init__(self, rows):
        self.rows = rows

    def embed_images(self, names):
        return self.rows[[int(name) for name in names]]

    embed_texts = embed_images


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.booleans())
def test_answers_are_those_of_loops(seed, k, distinct):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(rng.integers(1, 5), 3))
    rows = rows[rng.integers(0, len(rows), rng.integers(1, 20))].astype("float32")  # with copies
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    place = NewPlace(Model(rows), Searched([str(row) for row in range(len(rows))], [], {"0": "A"}))
    query = rng.normal(size=3).astype("float32")
    scores, ids = best_answers(place, query, k, "images", None, 0.1, distinct)
    expected = []
    for score, row in sorted((-(rows[row] @ query), row) for row in range(len(rows))):
        near = any(rows[row] @ rows[other] >= 0.995 for other in expected)
        if -score >= 0.1 and not (distinct and near):
            expected.append(row)
    np.testing.assert_allclose(scores, rows[expected[:k]] @ query, atol=1e-6)
    assert len(ids) == len(expected[:k])
    names = [name for _, name in place.shown(ids.tolist(), "images")]
    assert names == ["A" if row == 0 else "" for row in ids.tolist()]


def test_of_equal_rows_the_first_is_kept():
    rows = np.array([[0.0, 2.0], [0.0, 1.0], [1.0, 0.0], [0.05, 1.0]])
    assert first_of_equal(rows).tolist() == [0, 2]
    assert first_of_equal(rows, cosine=0.9999).tolist() == [0, 2, 3]
    assert first_of_equal(rows[:0]).tolist() == []
