"""A searchable corpus as part of a SavedModel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tb_keras.search.searchable import check_embedded
from tb_keras.search.top_k import top_k

STORED_DTYPES = ("float32", "bfloat16", "float16")


class GraphIndex(tf.Module):
    """An index inside a graph, which finds identifiers by the dot product of their embeddings.

    It is for exported models what `tb_keras.search.Index` is for Python. Identifiers and embeddings
    are variables, so a SavedModel stores them beside the graph, not in it.

    Args:
        ids: n strings, none empty.
        embeddings: finite float `(n, dim)`.
        dtype: `"float32"`, `"bfloat16"` or `"float16"`, in which embeddings are stored. Products
            are float32 in any case.

    Raises:
        ValueError: if an argument is wrong, or an embedding is too large for `dtype`.

    Examples:
        >>> index = GraphIndex(["a.jpg", "b.jpg"], np.eye(2))
        >>> found = index(tf.constant([[0.2, 0.7]]), k=tf.constant([2]))
        >>> found["id"].numpy().tolist()
        [[b'b.jpg', b'a.jpg']]
        >>> found["score"].numpy()
        array([[0.7, 0.2]], dtype=float32)
    """

    def __init__(self, ids: Sequence[str], embeddings: np.ndarray, dtype: str = "float32"):
        super().__init__(name="graph_index")
        check_embedded("", ids, embeddings)
        if dtype not in STORED_DTYPES:
            raise ValueError(
                f"`dtype` must be one of {', '.join(STORED_DTYPES)}. Received: {dtype!r}"
            )
        stored = tf.cast(np.asarray(embeddings), dtype)
        if not bool(tf.reduce_all(tf.math.is_finite(stored))):
            raise ValueError(
                f"`dtype` must have room for the embeddings. Received: dtype={dtype!r}, and "
                f"embeddings of up to {np.abs(embeddings).max():g}"
            )
        self.embeddings = tf.Variable(stored, trainable=False, name="embeddings")
        self.ids = tf.Variable(list(ids), dtype=tf.string, trainable=False, name="ids")

    def __call__(self, queries: tf.Tensor, k: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the best answers to each query, best first. Ties go to the lower row.

        Args:
            queries: float32 `(q, dim)`.
            k: int32 `(q,)`, how many answers each query asks for, at least 1. More than n means n.

        Returns:
            A dict of `"id"`, string, and `"score"`, float32, both `(q, w)`, where w is the highest
            k, at most n. Where a query asks for fewer, `""` and 0 follow.

        Raises:
            tf.errors.InvalidArgumentError: if some of `k` are below 1, some of `queries` have no
                finite norm, or `queries` and `k` are not equally many.
        """
        scores, rows = top_k(queries, self.embeddings, k)
        names = tf.gather(self.ids, tf.maximum(rows, 0))
        return {"id": tf.where(rows < 0, "", names), "score": scores}
