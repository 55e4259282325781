"""Batches of images and texts that are read from sharded files."""

from __future__ import annotations

import itertools
import os

import tensorflow as tf

from tb_keras.batching.shard_choice import check_shard
from tb_keras.batching.shards.shard_description import read_description
from tb_keras.batching.shards.shard_masks import shard_masks
from tb_keras.checks.arguments import check_int

_READ_AT_ONCE = 8  # files


def sharded_batches(
    directory: str | os.PathLike,
    images_per_batch: int = 500,
    texts_per_image: int = 2,
    *,
    seed: int = 0,
    shuffled_images: int = 20_000,
    num_shards: int = 1,
    shard_index: int = 0,
    first_epoch: int = 0,
) -> tf.data.Dataset:
    """Returns batches as `neighborhood_batches` does, from the files of `write_shards`.

    Files are read in parallel, in another order in each epoch, and the images are mixed block by
    block. Memory grows with the block, `shuffled_images`, alone; the next one is read meanwhile.
    Each image comes once an epoch, with some of its texts, drawn anew; the last images of an epoch
    that fill no batch are left out of it, other ones in each epoch. So an epoch has fewer anchors
    than one of `neighborhood_batches` if images have many texts.

    No image stands twice in a batch. The masks follow from all texts of the images of the batch;
    two texts that share an image outside the batch alone count as each other's negatives.

    Each iteration over the data set gives the next epoch. The order depends on the seed and the
    epoch alone.

    Args:
        directory: where `write_shards` has written.
        images_per_batch: positive int, at most the number of images.
        texts_per_image: positive int, texts of each image in a batch; padding where there are
            fewer.
        seed: non-negative int.
        shuffled_images: positive int, how many images are mixed at a time.
        num_shards: positive int, at most the number of files, which are dealt to so many workers.
        shard_index: int in [0, num_shards), the worker.
        first_epoch: non-negative int, the epoch of the first iteration, to continue a training.

    Returns:
        A `tf.data.Dataset` of dicts, as those of `neighborhood_batches`.

    Raises:
        FileNotFoundError: if `directory` holds no shards.
        ValueError: if a number is out of range.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> from tb_keras.batching import write_shards
        >>> from tb_keras.corpus import Corpus
        >>> corpus = Corpus([0, 0, 1], image_features=np.eye(2), text_features=np.eye(3))
        >>> folder = tempfile.mkdtemp()
        >>> write_shards(corpus, folder, verbose=False)
        >>> for batch in sharded_batches(folder, images_per_batch=2):
        ...     print(batch["image"].shape, batch["text"].shape, batch["matches"].shape)
        (2, 2) (4, 3) (2, 4)
    """
    check_int("images_per_batch", images_per_batch, least=1)
    check_int("texts_per_image", texts_per_image, least=1)
    check_int("seed", seed, least=0)
    check_int("shuffled_images", shuffled_images, least=1)
    check_shard(num_shards, shard_index)
    check_int("first_epoch", first_epoch, least=0)
    found = read_description(directory)
    if num_shards > len(found["files"]):
        raise ValueError(
            f"`num_shards` must be at most the number of files, {len(found['files'])}. "
            f"Received: num_shards={num_shards}"
        )
    files = found["files"][shard_index::num_shards]
    images = sum(file["images"] for file in files)
    if images_per_batch > images:
        raise ValueError(
            f"`images_per_batch` must be at most the number of images, {images}. "
            f"Received: images_per_batch={images_per_batch}"
        )
    paths = [os.path.join(os.fspath(directory), file["name"]) for file in files]
    dims = found["image_dim"], found["text_dim"]
    epochs = itertools.count(first_epoch)

    def of_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(tf.constant(paths), key)
        records = tf.data.Dataset.from_tensor_slices(order).interleave(
            tf.data.TFRecordDataset,
            cycle_length=min(_READ_AT_ONCE, len(paths)),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        # Not `shuffle`: whether it takes a seed that is a tensor depends on TensorFlow's own seed.
        blocks = records.batch(min(shuffled_images, images)).enumerate()
        mixed = blocks.map(lambda number, block: _mixed(block, key, number)).prefetch(1)
        batched = mixed.rebatch(images_per_batch, drop_remainder=True).enumerate()
        return batched.map(
            lambda number, records: _batch(records, key, number, dims, texts_per_image),
            num_parallel_calls=tf.data.AUTOTUNE,
        )

    numbers = tf.data.Dataset.from_generator(
        lambda: iter([next(epochs)]), output_signature=tf.TensorSpec((), tf.int64)
    )
    dataset = numbers.flat_map(of_epoch)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(images // images_per_batch))
    return dataset.prefetch(2)


def _mixed(block: tf.Tensor, key: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
    # Its own key, or the blocks of all epochs would be mixed as the files are.
    own = tf.random.experimental.stateless_fold_in(key, number + 1)
    return tf.random.experimental.stateless_shuffle(block, own)


def _batch(
    records: tf.Tensor,
    key: tf.Tensor,
    number: tf.Tensor,
    dims: tuple[int, int],
    texts_per_image: int,
) -> dict[str, tf.Tensor]:
    """Returns images with some of their texts, and the masks of these."""
    n, ids = records.shape[0], tf.io.RaggedFeature(tf.int64)
    m = n * texts_per_image
    parsed = tf.io.parse_example(
        records,
        {
            "image": tf.io.FixedLenFeature((), tf.string),
            "texts": tf.io.FixedLenFeature((), tf.string),
            "text_ids": ids,
            "ignored_ids": ids,
        },
    )
    images = tf.io.decode_raw(parsed["image"], tf.float16)
    rows = tf.io.decode_raw(tf.strings.reduce_join(parsed["texts"]), tf.float16)
    rows = tf.reshape(rows, [-1, dims[1]])
    matched = parsed["text_ids"].to_tensor(-1)
    chosen = _chosen(matched >= 0, tf.random.experimental.stateless_fold_in(key, number))
    chosen = tf.pad(chosen, [[0, 0], [0, texts_per_image]], constant_values=-1)
    chosen = chosen[:, :texts_per_image]
    there = tf.reshape(chosen >= 0, [m])
    taken = tf.maximum(chosen, 0)
    starts = tf.cast(parsed["text_ids"].row_starts(), tf.int32)
    texts = tf.gather(rows, tf.reshape(starts[:, None] + taken, [m]))
    numbers = tf.where(chosen >= 0, tf.gather(matched, taken, batch_dims=1), -1)
    masks = shard_masks(matched, parsed["ignored_ids"].to_tensor(-1), tf.reshape(numbers, [m]))
    shapes = {
        "matches": (n, m),
        "negatives": (n, m),
        "text_negatives": (m, m),
        "image_negatives": (n, n),
    }
    return {
        "image": tf.ensure_shape(tf.cast(images, tf.float32), [n, dims[0]]),
        "text": tf.where(there[:, None], tf.cast(texts, tf.float32), 0.0),
        **{name: tf.ensure_shape(mask, shapes[name]) for name, mask in masks.items()},
    }


def _chosen(there: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    """Returns the places that are there in each row, in a random order, and then -1."""
    drawn = tf.where(there, tf.random.stateless_uniform(tf.shape(there), key), 2.0)
    order = tf.argsort(drawn, axis=1)
    return tf.where(tf.gather(there, order, batch_dims=1), order, -1)
