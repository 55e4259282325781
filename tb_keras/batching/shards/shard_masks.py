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
    related = tf.maximum(matches, _incidence(ignored, of_ignored, count))
    there = texts >= 0
    in_batch = tf.gather(matches, of_texts, axis=1) * tf.cast(there, tf.float32)
    unsafe = tf.gather(related, of_texts, axis=1)
    texts_near = tf.matmul(in_batch, unsafe, transpose_a=True) > 0
    images_near = tf.matmul(matches, related, transpose_b=True) > 0
    own = tf.eye(tf.shape(matched)[0], dtype=tf.bool)  # of an image without a text, too
    both = there[:, None] & there[None, :]
    return {
        "matches": in_batch > 0,
        "negatives": (unsafe == 0) & there,
        "text_negatives": ~(texts_near | tf.transpose(texts_near)) & both,
        "image_negatives": ~(images_near | tf.transpose(images_near) | own),
    }


def _incidence(ids: tf.Tensor, places: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Returns which of the distinct texts each image has, float32 `(n, count)` of 0 and 1."""
    n, k = tf.shape(ids)[0], tf.shape(ids)[1]
    rows = tf.repeat(tf.range(n), k)
    there = tf.cast(tf.reshape(ids, [-1]) >= 0, tf.float32)
    found = tf.scatter_nd(tf.stack([rows, places], axis=1), there, [n, count])
    return tf.minimum(found, 1.0)
