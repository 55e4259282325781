"""A searchable corpus as a part of a SavedModel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tb_keras.search.searchable import check_embedded
from tb_keras.search.top_k import top_k

STORED_DTYPES = ("float32", "bfloat16", "float16")


class GraphIndex(tf.Module):
    """Finds the identifiers of the embeddings with the highest dot product, inside the graph.

    What `tb_keras.search.Index` is to Python this is to an exported model. Identifiers and
    embeddings are variables, so a SavedModel keeps them beside the graph and not in it.

    Args:
        ids: n strings, not empty.
        embeddings: finite float `(n, dim)`.
        dtype: that embeddings are stored in, "float32", "bfloat16" or "float16"; products are
            float32 anyway.

    Raises:
        ValueError: if one of these is not so, or an embedding is too large for `dtype`.

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
        """Returns the best answers of each query, best first; of equal scores the lower row first.

        Args:
            queries: float32 `(q, dim)`.
            k: int32 `(q,)`, how many answers to each query, at least 1; beyond n it means n.

        Returns:
            "id" string and "score" float32, both `(q, w)`, where w is the highest k, at most n.
            Columns from a query's own k on hold "" and 0.

        Raises:
            tf.errors.InvalidArgumentError: as `tb_keras.search.top_k.top_k` does.
        """
        scores, rows = top_k(queries, self.embeddings, k)
        names = tf.gather(self.ids, tf.maximum(rows, 0))
        return {"id": tf.where(rows < 0, "", names), "score": scores}
