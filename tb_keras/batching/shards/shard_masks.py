"""The masks of a batch, from the texts of each of its images."""

from __future__ import annotations

import tensorflow as tf


def shard_masks(matched: tf.Tensor, ignored: tf.Tensor, texts: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns the masks of a batch, as `Matches.batch_masks` does, from what its images know.

    Of the images that match a text, those outside the batch are not known here, so two texts that
    share such an image alone count as each other's negatives.

    Args:
        matched: int64 `(n, k)`, all texts that each image matches; -1 is padding.
        ignored: int64 `(n, g)`, all texts that each image ignores; -1 is padding.
        texts: int64 `(m,)`, the texts of the batch; -1 is padding.

    Returns:
        A dict of bool tensors: `matches` `(n, m)`, `negatives` `(n, m)`, `text_negatives` `(m, m)`
        and `image_negatives` `(n, n)`.

    Examples:
        >>> masks = shard_masks(
        ...     tf.constant([[5, 7], [8, -1]], tf.int64),
        ...     tf.zeros((2, 0), tf.int64),
        ...     tf.constant([7, 8], tf.int64),
        ... )
        >>> masks["matches"].numpy().tolist(), masks["text_negatives"].numpy().tolist()
        ([[True, False], [False, True]], [[False, True], [True, False]])
    """
    lists = [matched, ignored, texts[:, None]]
    distinct, places = tf.unique(tf.concat([tf.reshape(ids, [-1]) for ids in lists], axis=0))
    sizes = [tf.size(ids) for ids in lists]
    of_matched, of_ignored, of_texts = tf.split(places, sizes)
    count = tf.size(distinct)
    matches = _incidence(matched, of_matched, count)
    related = matches | _incidence(ignored, of_ignored, count)
    there = texts >= 0
    in_batch = tf.gather(matches, of_texts, axis=1) & there
    unsafe = tf.gather(related, of_texts, axis=1)
    # Most texts are of one image, so products are taken where a text is of several alone.
    shared = _of_several(related)
    images_near = _meet(tf.gather(matches, shared, axis=1), tf.gather(related, shared, axis=1))
    image_of = tf.argmax(tf.cast(in_batch, tf.uint8), axis=0)
    texts_near = tf.gather(unsafe, image_of) & tf.reduce_any(in_batch, axis=0)[:, None]
    shared = _of_several(in_batch)
    of_shared = _meet(tf.transpose(tf.gather(in_batch, shared, axis=1)), tf.transpose(unsafe))
    texts_near = tf.tensor_scatter_nd_update(texts_near, shared[:, None], of_shared)
    own = tf.eye(tf.shape(matched)[0], dtype=tf.bool)  # of an image without a text, too
    both = there[:, None] & there[None, :]
    return {
        "matches": in_batch,
        "negatives": ~unsafe & there,
        "text_negatives": ~(texts_near | tf.transpose(texts_near)) & both,
        "image_negatives": ~(images_near | tf.transpose(images_near) | own),
    }


def _incidence(ids: tf.Tensor, places: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Returns which of the distinct texts each image has, bool `(n, count)`."""
    n, k = tf.shape(ids)[0], tf.shape(ids)[1]
    rows = tf.repeat(tf.range(n), k)
    there = tf.cast(tf.reshape(ids, [-1]) >= 0, tf.int32)
    return tf.scatter_nd(tf.stack([rows, places], axis=1), there, [n, count]) > 0


def _of_several(texts: tf.Tensor) -> tf.Tensor:
    """Returns the columns in which several rows are true."""
    return tf.where(tf.reduce_sum(tf.cast(texts, tf.int32), axis=0) > 1)[:, 0]


def _meet(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """Returns which rows of both are true in the same column."""
    left, right = (tf.cast(rows, tf.float32) for rows in (left, right))
    return tf.matmul(left, right, transpose_b=True) > 0
