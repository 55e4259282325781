"""Files that hold each image with all of its texts, written once and read in parallel."""

from __future__ import annotations

import json
import os
from typing import Any

import keras
import numpy as np

from tb_keras.checks.arguments import check_int
from tb_keras.corpus.corpus import Corpus

DESCRIPTION = "shards.json"
"""The file that says what is in the others. It is written last."""

_FORMAT = 1


def write_shards(
    corpus: Corpus,
    directory: str | os.PathLike,
    images_per_shard: int = 10_000,
    *,
    seed: int = 0,
    verbose: bool = True,
) -> None:
    """Writes a corpus as TFRecord files for `sharded_batches`.

    The images are written in a random order, so that those of one file are a fair sample. An image
    that has no text is left out. A text of several images stands with each. Features are kept as
    float16. The directory may be one that `tf.io.gfile` reaches, such as `gs://bucket/shards`.

    Args:
        corpus: a `Corpus` with `image_features` and `text_features`, which may be memory maps; no
            word indices.
        directory: where to write; what is there is replaced.
        images_per_shard: positive int.
        seed: non-negative int, of the order.
        verbose: whether to show a progress bar.

    Raises:
        ValueError: if features are missing, are word indices, or do not fit float16.

    Examples:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> write_shards(
        ...     Corpus([0, 0, 1], image_features=np.eye(2), text_features=np.eye(3)),
        ...     folder,
        ...     images_per_shard=1,
        ...     verbose=False,
        ... )
        >>> sorted(os.listdir(folder))
        ['shard-00000.tfrecord', 'shard-00001.tfrecord', 'shards.json']
    """
    import tensorflow as tf

    check_int("images_per_shard", images_per_shard, least=1)
    images, texts = corpus.image_features, corpus.text_features
    if images is None or texts is None or texts.dtype.kind != "f":
        raise ValueError(
            "`corpus` must have image_features and text_features that are floats. "
            f"Received: {corpus}"
        )
    directory = os.fspath(directory)
    tf.io.gfile.makedirs(directory)
    description = os.path.join(directory, DESCRIPTION)
    if tf.io.gfile.exists(description):
        tf.io.gfile.remove(description)
    order = np.random.default_rng(seed).permutation(corpus.num_images)
    order = order[corpus.matches.texts_per_image()[order] > 0]
    matched = _grouped(corpus.matches.pairs, corpus.num_images)
    ignored = _grouped(corpus.matches.ignored, corpus.num_images)
    progress = keras.utils.Progbar(len(order), verbose=verbose, unit_name="image")
    files = []
    for number, first in enumerate(range(0, len(order), images_per_shard)):
        some = order[first : first + images_per_shard]
        name = f"shard-{number:05d}.tfrecord"
        with tf.io.TFRecordWriter(os.path.join(directory, name)) as file:
            for image in some:
                file.write(_record(image, images, texts, matched(image), ignored(image)))
                progress.add(1)
        files.append({"name": name, "images": len(some)})
    found = {
        "format": _FORMAT,
        "image_dim": images.shape[1],
        "text_dim": texts.shape[1],
        "most_texts": int(corpus.matches.texts_per_image().max()),
        "files": files,
    }
    with tf.io.gfile.GFile(description, "w") as file:
        file.write(json.dumps(found, indent=1) + "\n")


def read_description(directory: str | os.PathLike) -> dict[str, Any]:
    """Returns what `write_shards` says of the files in a directory.

    Raises:
        FileNotFoundError: if it has not written there, or not to the end.
        ValueError: if another version of the package has.
    """
    import tensorflow as tf

    path = os.path.join(os.fspath(directory), DESCRIPTION)
    if not tf.io.gfile.exists(path):
        raise FileNotFoundError(
            f"`directory` must hold {DESCRIPTION}. Received: {str(directory)!r}"
        )
    with tf.io.gfile.GFile(path) as file:
        found = json.loads(file.read())
    if found.get("format") != _FORMAT:
        raise ValueError(f"{path} is of another version of tb_keras: write the shards again")
    return found


def _grouped(pairs: np.ndarray, num_images: int):
    """Returns a function from an image to its texts, ascending."""
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    ends = np.searchsorted(pairs[:, 0], np.arange(num_images + 1))
    return lambda image: pairs[ends[image] : ends[image + 1], 1]


def _record(image: int, images, texts, matched: np.ndarray, ignored: np.ndarray) -> bytes:
    import tensorflow as tf

    def floats(rows: np.ndarray) -> tf.train.Feature:
        with np.errstate(over="ignore"):
            kept = np.asarray(rows).astype("<f2")
        if not np.isfinite(kept).all():
            raise ValueError(
                f"features must fit float16. Received: up to {np.abs(rows).max():g}, image {image}"
            )
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[kept.tobytes()]))

    def ints(values) -> tf.train.Feature:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    features = {
        "image": floats(images[image]),
        "texts": floats(texts[matched]),
        "image_id": ints([image]),
        "text_ids": ints(matched),
        "ignored_ids": ints(ignored),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
