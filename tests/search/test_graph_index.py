"""Tests of the searchable part of a SavedModel, here and in a process without the package."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import tb_keras
from tb_keras.search import Index
from tb_keras.search.graph_index import GraphIndex

QUERIES, K = np.eye(3, dtype="float32")[:2], np.array([2, 1], np.int32)
EMBEDDINGS = np.array([[0, 1, 0], [1, 0, 0], [0.5, 0.25, 0]], "float32")

CLIENT = """
import sys
sys.path[:] = [path for path in sys.path if path != sys.argv[1]]
sys.modules["tb_keras"] = None  # an import would fail
import numpy as np
import tensorflow as tf
for name in sys.argv[2:]:
    search = tf.saved_model.load(name).signatures["search"]
    for queries, k in ((np.eye(3)[:2], [2, 1]), (np.ones((0, 3)), np.ones(0))):
        found = search(
            queries=tf.constant(queries, tf.float32), k=tf.constant(k, tf.int32)
        )
        print(found["id"].numpy().tolist(), found["score"].numpy().tolist(), found["id"].shape)
"""


class Root(tf.Module):
    def __init__(self, index):
        super().__init__()
        self.index = index


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_answers_are_those_of_the_search_in_numpy(dtype):
    rng = np.random.default_rng(0)
    embeddings, queries = rng.normal(size=(50, 8)), rng.normal(size=(4, 8)).astype("float32")
    ids = [f"picture {number}" for number in range(50)]
    index = GraphIndex(ids, embeddings, dtype)
    assert index.embeddings.dtype.name == dtype
    assert index.trainable_variables == ()
    found = index(queries, tf.constant([3, 50, 1, 2]))
    stored = tf.cast(index.embeddings, tf.float32).numpy()
    scores, rows = Index(stored).search(queries, k=50)
    for query, k in enumerate((3, 50, 1, 2)):
        names = [ids[row].encode() for row in rows[query, :k]]
        assert found["id"][query].numpy().tolist() == names + [b""] * (50 - k)
        np.testing.assert_allclose(found["score"][query, :k], scores[query, :k], atol=1e-5)
        np.testing.assert_array_equal(found["score"][query, k:], 0)


@pytest.mark.slow
def test_a_saved_index_answers_in_another_process(tmp_path):
    names = []
    for dtype in ("float32", "bfloat16", "float16"):
        root = Root(GraphIndex(["a", "b", "ü"], EMBEDDINGS, dtype))
        search = tf.function(
            root.index,
            input_signature=[
                tf.TensorSpec((None, 3), name="queries"),
                tf.TensorSpec((None,), tf.int32, name="k"),
            ],
        )
        names.append(str(tmp_path / dtype))
        signatures = {"search": search.get_concrete_function()}
        tf.saved_model.save(root, names[-1], signatures)
    repository = str(pathlib.Path(tb_keras.__file__).parents[1])
    command = [sys.executable, "-c", CLIENT, repository, *names]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    answers = [
        f"{[[b'b', 'ü'.encode()], [b'a', b'']]} [[1.0, 0.5], [1.0, 0.0]] (2, 2)",
        "[] [] (0, 0)",
    ]
    assert done.stdout.splitlines() == answers * 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["a"], EMBEDDINGS), "`ids` must be as many strings as `embeddings` have rows, 3."),
        ((["a", "b", ""], EMBEDDINGS), "`ids` must be strings.*'' at position 2"),
        ((["a"], EMBEDDINGS[0]), "`embeddings` must be float of shape"),
        ((["a"], [[np.nan]]), "`embeddings` must be finite"),
        ((["a"], [[1e5]], "float16"), "`dtype` must have room.*'float16'.* up to 100000"),
        ((["a"], [[1.0]], "float64"), "`dtype` must be one of float32, .*Received: 'float64'"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        GraphIndex(*arguments)


def test_wrong_requests_are_named():
    index = GraphIndex(["a", "b", "c"], EMBEDDINGS)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)`k` must be at least 1.*1"):
        index(QUERIES, K - 1)
