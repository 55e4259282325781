"""Tests of the positions that a refused batch is told."""

import numpy as np
import pytest
import tensorflow as tf

from tb_keras.checks.rows import assert_rows, positions_from


def refused(good):
    """What is said, eagerly and in a graph."""

    @tf.function
    def in_graph(good, text):
        with tf.control_dependencies([assert_rows(good, text)]):
            return tf.constant(0)

    texts = []
    for ask in (assert_rows, in_graph):
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            ask(tf.constant(good), "`x` must be so.")
        texts.append(caught.value.message.split("[[node")[0])
    assert all("[`x` must be so. Not so at positions: [" in text for text in texts)
    first, second = (text.split("positions: ")[1].split("]")[0] + "]" for text in texts)
    assert first == second
    return first


def test_positions():
    assert refused([True, False, True, True, False]) == "[1, 4]"
    assert refused([False]) == "[0]"


@pytest.mark.parametrize("good", [[True, True], np.zeros(0, bool)])
def test_good_rows_pass(good):
    assert_rows(tf.constant(good), "`x` must be so.")


def test_the_first_of_many():
    assert refused([False] * 20) == str(list(range(20)))
    assert refused([True] * 5 + [False] * 30) == str(list(range(5, 25)))[:-1] + ", ...]"


def test_positions_from():
    with positions_from(100):
        assert refused([True, False]) == "[101]"
        with positions_from(tf.constant(7)):
            assert refused([True, False]) == "[8]"
        assert refused([False]) == "[100]"
    assert refused([False]) == "[0]"
    with pytest.raises(KeyError), positions_from(3):
        raise KeyError
    assert refused([False]) == "[0]"


def test_blocks_of_a_loop():
    @tf.function
    def in_blocks(good):
        def step(start):
            with positions_from(start):
                check = assert_rows(good[start : start + 3], "`x` must be so.")
            with tf.control_dependencies([check]):
                return start + 3

        return tf.while_loop(lambda start: start < tf.size(good), step, [tf.constant(0)])

    with pytest.raises(tf.errors.InvalidArgumentError, match=r"positions: \[7\]"):
        in_blocks(tf.constant([True] * 7 + [False, True]))
    in_blocks(tf.constant([True] * 9))
