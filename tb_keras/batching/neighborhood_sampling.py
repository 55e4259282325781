"""Batches of images and texts as a `tf.data.Dataset`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tb_keras.batching.neighborhood_order import NeighborhoodOrder
from tb_keras.batching.shard_choice import check_shard
from tb_keras.checks.arguments import check_int
from tb_keras.corpus.corpus import Corpus
from tb_keras.storage.mapped_rows import read_ahead

if TYPE_CHECKING:
    import tensorflow as tf

_ALIGNMENT = 64  # bytes; TensorFlow copies an array whose memory starts elsewhere


def neighborhood_batches(
    corpus: Corpus,
    images_per_batch: int = 500,
    texts_per_image: int = 2,
    *,
    seed: int = 0,
    num_shards: int = 1,
    shard_index: int = 0,
    first_epoch: int = 0,
    first_batch: int = 0,
    mined_images: int = 0,
    confused: Callable[[int], np.ndarray] | None = None,
    teacher: Sequence[np.ndarray] | None = None,
) -> tf.data.Dataset:
    """Returns batches of distinct images, each with several of its texts, and their masks.

    A batch has `n = images_per_batch` images and `m = n * texts_per_image` texts. Each image has an
    anchor text and companions, drawn from its other texts. If an image has too few texts, padding
    follows them: features of 0, without a match or a negative. In one epoch every text that has an
    image is an anchor once, and other images fill up the last batches. The masks follow from the
    whole corpus, so two texts that share an image outside the batch are no negatives.

    Each iteration over the data set gives the next epoch, as `model.fit` needs it. The order
    depends on the seed and the epoch alone.

    Args:
        corpus: a `Corpus` with `image_features` and `text_features`.
        images_per_batch: positive int, at most the number of images that have a text.
        texts_per_image: positive int, texts of each image in a batch.
        seed: non-negative int.
        num_shards: positive int. The batches of each epoch are dealt into so many shards, one for
            each worker. Their lengths differ by one at most.
        shard_index: int in [0, num_shards), the shard to return.
        first_epoch: non-negative int, the epoch of the first iteration, to continue a training.
        first_batch: non-negative int, how many batches of the first epoch to leave out.
        mined_images: int, how many of the images of a batch are hard negatives of the others, by
            `confused`. Their texts are no anchors.
        confused: function that is called with an epoch's number as it begins and returns int
            `(num_images, k)`, the images that each image is confused with, and -1; such as
            `tb_keras.training.ConfusedImages`.
        teacher: float `(num_images, size)` and `(num_texts, size)`, embeddings for
            `tb_keras.losses.Distillation`, such as `tb_keras.training.teacher_embeddings` returns.

    Returns:
        A `tf.data.Dataset` of dicts with static shapes: `image`, float32 `(n, image_dim)`; `text`,
        float32 `(m, text_dim)`, or int32 for word indices; and the four masks of `BatchMasks`,
        bool: `matches` `(n, m)`, `negatives` `(n, m)`, `text_negatives` `(m, m)` and
        `image_negatives` `(n, n)`. With a teacher also its embeddings, `teacher_image` float32
        `(n, size)` and `teacher_text` `(m, size)`.

    Raises:
        ValueError: if features are missing, the teacher's rows are not those of the corpus, or a
            number is out of range.

    Reference:
        "Neighborhood sampling" of Wang, Li, Huang and Lazebnik, TPAMI 41(2), 2019, section 3.2.
        Their released code shuffles sentences. There an image may be twice in a batch, and its
        sentences become each other's negatives; here images are distinct.

    Examples:
        >>> corpus = Corpus(
        ...     np.array([0, 0, 1, 1]),
        ...     image_features=np.ones((2, 3), "float32"),
        ...     text_features=np.ones((4, 5), "float32"),
        ... )
        >>> for batch in neighborhood_batches(corpus, images_per_batch=2).take(1):
        ...     print(batch["image"].shape, batch["text"].shape, batch["matches"].shape)
        (2, 3) (4, 5) (2, 4)
    """
    if corpus.image_features is None or corpus.text_features is None:
        raise ValueError(f"`corpus` must have image_features and text_features. Received: {corpus}")
    check_shard(num_shards, shard_index)
    check_int("first_epoch", first_epoch, least=0)
    check_int("first_batch", first_batch, least=0)
    if mined_images and confused is None:
        raise ValueError(f"`confused` must be given with mined_images={mined_images}")
    of_images, of_texts = {"image": corpus.image_features}, {"text": corpus.text_features}
    if teacher is not None:
        of_images["teacher_image"], of_texts["teacher_text"] = _checked_teacher(teacher, corpus)
    order = NeighborhoodOrder(corpus.matches, images_per_batch, texts_per_image, seed, mined_images)
    shard = slice(shard_index, None, num_shards)
    epochs = itertools.count(first_epoch)

    def batches_of_next_epoch():
        epoch = next(epochs)
        batches = order.epoch(epoch, None if confused is None else confused(epoch))
        first = first_batch if epoch == first_epoch else 0
        for images, texts in zip(batches.images[shard][first:], batches.texts[shard][first:]):
            yield {
                **{name: gathered(rows, images) for name, rows in of_images.items()},
                **{name: gathered(rows, texts) for name, rows in of_texts.items()},
                **corpus.matches.batch_masks(images, texts)._asdict(),
            }

    num_batches = None
    if first_batch == 0:  # else the first epoch is shorter than the others
        num_batches = len(range(*shard.indices(order.num_batches)))
    num_texts = images_per_batch * texts_per_image
    return batch_dataset(
        batches_of_next_epoch, of_images, images_per_batch, of_texts, num_texts, num_batches
    )


def batch_dataset(
    batches: Callable[[], Iterator[dict]],
    of_images: Mapping[str, np.ndarray],
    num_images: int,
    of_texts: Mapping[str, np.ndarray],
    num_texts: int,
    num_batches: int | None,
) -> tf.data.Dataset:
    """Returns a data set of the batches that a function generates.

    Args:
        batches: function that is called once an epoch and yields dicts of features and masks.
        of_images: the matrices by name that have a row for each image, of which batches have some.
        num_images: int, images in a batch.
        of_texts: the same for texts.
        num_texts: int, texts in a batch.
        num_batches: int, batches in an epoch; None if it differs.
    """
    import tensorflow as tf

    shapes = {
        "matches": (num_images, num_texts),
        "negatives": (num_images, num_texts),
        "text_negatives": (num_texts, num_texts),
        "image_negatives": (num_images, num_images),
    }
    rows = {name: _rows_spec(num_images, features) for name, features in of_images.items()}
    rows |= {name: _rows_spec(num_texts, features) for name, features in of_texts.items()}
    masks = {name: tf.TensorSpec(shape, tf.bool) for name, shape in shapes.items()}
    words = {name for name in of_texts if rows[name].dtype.is_integer}  # of images ints are pixels
    dtypes = {name: tf.int32 if name in words else tf.float32 for name in rows}

    def as_floats(batch):  # faster in the graph than in NumPy
        return {**batch, **{name: tf.cast(batch[name], dtype) for name, dtype in dtypes.items()}}

    dataset = tf.data.Dataset.from_generator(batches, output_signature=rows | masks)
    if any(rows[name].dtype != dtype for name, dtype in dtypes.items()):
        dataset = dataset.map(as_floats)
    if num_batches is not None:
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(num_batches))
    # TensorFlow 2.21's tuning may let the end of an epoch wait as long again as the epoch took.
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.prefetch(2).with_options(options)


def gathered(features: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Returns rows of a feature matrix, with zeros for padding (-1)."""
    taken = np.maximum(rows, 0)
    read_ahead(features, taken)
    found = _aligned((len(rows), features.shape[1]), features.dtype.newbyteorder("="))
    if features.dtype == found.dtype:
        np.take(features, taken, axis=0, out=found, mode="clip")  # other modes make a copy
    else:
        found[...] = features[taken]
    found[rows < 0] = 0
    return found


def _checked_teacher(teacher: Sequence, corpus: Corpus) -> list[np.ndarray]:
    views = [np.atleast_1d(embeddings) for embeddings in teacher]
    wanted = [(corpus.num_images, views[0].shape[-1]), (corpus.num_texts, views[0].shape[-1])]
    if [view.shape for view in views] != wanted or any(view.dtype.kind != "f" for view in views):
        received = " and ".join(f"{view.dtype} {view.shape}" for view in views)
        raise ValueError(
            f"`teacher` must be floats of {corpus.num_images} images and {corpus.num_texts} texts, "
            f"rows of one size. Received: {received}"
        )
    if not all(np.isfinite(view).all() for view in views):
        raise ValueError("`teacher` must be finite. Received: NaN or infinity")
    return views


def _aligned(shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    """Returns an uninitialised array that TensorFlow can use as a tensor without a copy."""
    size = shape[0] * shape[1] * dtype.itemsize
    memory = np.empty(size + _ALIGNMENT - 1, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


def _rows_spec(rows: int, features: np.ndarray) -> tf.TensorSpec:
    import tensorflow as tf

    return tf.TensorSpec((rows, features.shape[1]), features.dtype.newbyteorder("="))
