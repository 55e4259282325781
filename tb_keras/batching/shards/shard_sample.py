"""A part of sharded files as a corpus in memory."""

from __future__ import annotations

import os

import numpy as np

from tb_keras.batching.shards.shard_description import read_description
from tb_keras.checks.arguments import check_int
from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches


def shard_sample(directory: str | os.PathLike, most_bytes: int = 2**29) -> Corpus:
    """Returns the first images that `write_shards` has written, with all of their texts.

    They are a fair sample, since the order is random: what a start is fitted to, or a baseline.

    Args:
        directory: where `write_shards` has written.
        most_bytes: positive int, bytes of features after which no further image is read. All are
            read where they fit.

    Returns:
        A `Corpus` with features in float16. An image ignores texts of the sample alone.

    Raises:
        FileNotFoundError: if `directory` holds no shards.
        ValueError: if `most_bytes` is out of range.

    Examples:
        >>> import tempfile
        >>> from tb_keras.batching import write_shards
        >>> corpus = Corpus([0, 0, 1], image_features=np.eye(2), text_features=np.eye(3))
        >>> folder = tempfile.mkdtemp()
        >>> write_shards(corpus, folder, verbose=False)
        >>> sample = shard_sample(folder)
        >>> sample.num_images, sample.num_texts, sample.text_features.dtype
        (2, 3, dtype('float16'))
    """
    import tensorflow as tf

    check_int("most_bytes", most_bytes, least=1)
    description = read_description(directory)
    images: list[np.ndarray] = []
    texts: dict[int, np.ndarray] = {}  # by their number
    matched, ignored = [], []  # pairs of an image's row and a text's number
    read = 0
    paths = [os.path.join(os.fspath(directory), file["name"]) for file in description["files"]]
    for record in tf.data.TFRecordDataset(paths).as_numpy_iterator():
        if read >= most_bytes:
            break
        content = tf.train.Example.FromString(record).features.feature
        image, rows = (
            np.frombuffer(content[name].bytes_list.value[0], "<f2") for name in ("image", "texts")
        )
        numbers, ignores = (content[name].int64_list.value for name in ("text_ids", "ignored_ids"))
        matched += [(len(images), number) for number in numbers]
        ignored += [(len(images), number) for number in ignores]
        texts |= zip(numbers, rows.reshape(len(numbers), -1))
        images.append(image)
        read += image.nbytes + rows.nbytes
    row_of = {number: row for row, number in enumerate(texts)}
    pairs = [
        [(image, row_of[text]) for image, text in some if text in row_of]
        for some in (matched, ignored)
    ]
    return Corpus(
        Matches(pairs[0], len(images), len(texts), ignored=pairs[1]),
        image_features=np.stack(images),
        text_features=np.stack(list(texts.values())),
    )
