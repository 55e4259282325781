"""Files that hold each image with all of its texts, written once and read in parallel."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np

from tb_keras.batching.shards.shard_description import (
    FORMAT,
    finish_description,
    keep_description,
    written_before,
)
from tb_keras.checks.arguments import check_int
from tb_keras.corpus.corpus import Corpus

_BLOCK = 512  # images that are read or encoded at a time


def write_shards(
    corpus: Corpus,
    directory: str | os.PathLike,
    images_per_shard: int = 10_000,
    *,
    seed: int = 0,
    encode: Callable[[Corpus], Corpus] | None = None,
    source: Mapping[str, Any] | None = None,
    verbose: bool = True,
) -> None:
    """Writes a corpus as TFRecord files for `sharded_batches`.

    The images are written in a random order, so that those of one file are a fair sample. An image
    that has no text is left out. A text of several images stands with each. Features are kept as
    float16. The directory may be one that `tf.io.gfile` reaches, such as `gs://bucket/shards`.

    Called again with the same source, it goes on after the last whole file.

    Args:
        corpus: a `Corpus` with `image_features` and `text_features`, which may be memory maps; no
            word indices. With `encode`, whatever that takes.
        directory: where to write. What is there of another source, or of none, is replaced.
        images_per_shard: positive int.
        seed: non-negative int, of the order.
        encode: function that returns some images of the corpus and their texts with features, so
            that the features of all need no room of their own.
        source: what the features come from, as JSON; `shards.json` keeps it. `tb-extract` writes
            `image_encoder`, `crops`, `text_encoder` and `max_tokens`, which `tb-train` then takes,
            and a digest of the data.
        verbose: whether to show a progress bar.

    Raises:
        ValueError: if features are missing, are word indices, or do not fit float16, or a number is
            out of range.

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
    check_int("seed", seed, least=0)
    if encode is None:
        _check_features(corpus)
    directory = os.fspath(directory)
    tf.io.gfile.makedirs(directory)
    texts_per_image = corpus.matches.texts_per_image()
    order = np.random.default_rng(seed).permutation(corpus.num_images)
    order = order[texts_per_image[order] > 0]
    if not len(order):
        raise ValueError(f"`corpus` must have an image with a text. Received: {corpus}")
    found = {
        "format": FORMAT,
        "source": None if source is None else json.loads(json.dumps(dict(source))),
        "seed": int(seed),
        "images_per_shard": int(images_per_shard),
        "images": len(order),
        "texts": int(np.count_nonzero(corpus.matches.images_per_text())),
        "most_texts": int(texts_per_image.max()),
    }
    found |= written_before(directory, found)
    progress = keras.utils.Progbar(len(order), verbose=verbose, unit_name="image")
    done = sum(file["images"] for file in found["files"])
    if done:
        progress.update(done, finalize=done == len(order))
    matched = _grouped(corpus.matches.pairs, corpus.num_images)
    ignored = _grouped(corpus.matches.ignored, corpus.num_images)
    for first in range(done, len(order), images_per_shard):
        some = order[first : first + images_per_shard]
        name = f"shard-{len(found['files']):05d}.tfrecord"
        digest = hashlib.sha256()
        with tf.io.TFRecordWriter(os.path.join(directory, name)) as file:
            for start in range(0, len(some), _BLOCK):
                block = some[start : start + _BLOCK]
                features = _features(corpus, block, matched, encode)
                for row, image in enumerate(block):
                    record = _record(features, row, image, matched(image), ignored(image))
                    digest.update(record)
                    file.write(record)
                    progress.add(1)
        found |= {"image_dim": features.images.shape[1], "text_dim": features.texts.shape[1]}
        found["files"].append({"name": name, "images": len(some), "digest": digest.hexdigest()})
        keep_description(found, directory)
    finish_description(found, directory)


class _Features(NamedTuple):
    """The features of some images, and of their texts, whose numbers are ascending."""

    images: np.ndarray
    texts: np.ndarray
    text_ids: np.ndarray


def _check_features(corpus: Corpus) -> None:
    images, texts = corpus.image_features, corpus.text_features
    if images is None or texts is None or texts.dtype.kind != "f":
        raise ValueError(
            "`corpus` must have image_features and text_features that are floats. "
            f"Received: {corpus}"
        )


def _grouped(pairs: np.ndarray, num_images: int):
    """Returns a function from an image to its texts, ascending."""
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    ends = np.searchsorted(pairs[:, 0], np.arange(num_images + 1))
    return lambda image: pairs[ends[image] : ends[image + 1], 1]


def _features(
    corpus: Corpus,
    images: np.ndarray,
    matched: Callable[[int], np.ndarray],
    encode: Callable[[Corpus], Corpus] | None,
) -> _Features:
    texts = np.unique(np.concatenate([matched(image) for image in images]))
    if encode is None:
        return _Features(corpus.image_features[images], corpus.text_features[texts], texts)
    encoded = encode(corpus.subset(images, texts))
    _check_features(encoded)
    return _Features(encoded.image_features, encoded.text_features, texts)


def _record(
    features: _Features, row: int, image: int, matched: np.ndarray, ignored: np.ndarray
) -> bytes:
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

    texts = np.searchsorted(features.text_ids, matched)
    content = {
        "image": floats(features.images[row]),
        "texts": floats(features.texts[texts]),
        "image_id": ints([image]),
        "text_ids": ints(matched),
        "ignored_ids": ints(ignored),
    }
    example = tf.train.Example(features=tf.train.Features(feature=content))
    return example.SerializeToString(deterministic=True)  # else the order is a process's own
