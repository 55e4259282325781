"""The images and texts of `benchmarks.shards` in other formats, and batches from these.

A batch is what `tb_keras.batching.sharded_batches` gives. Parquet is read a row group at a time, in
a random order, and mixed in memory as the package's files are. ArrayRecord finds each record, so
its order is wholly random, and nothing is mixed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tb_keras.batching.shards.shard_masks import shard_masks

_ROW_GROUP = 500  # images
_TEXTS_PER_IMAGE = 2


class Rows(NamedTuple):
    """Images and all of their texts, which stand in the order of the images.

    Attributes:
        images: float16 `(n, image_dim)`.
        texts: float16 `(m, text_dim)`.
        text_ids: int64 `(m,)`.
        counts: int64 `(n,)`, texts of each image.
    """

    images: np.ndarray
    texts: np.ndarray
    text_ids: np.ndarray
    counts: np.ndarray


def write_parquet(images: np.ndarray, texts: np.ndarray, folder: Path, per_file: int) -> None:
    """Writes the images in a random order; each has equally many texts, in their order."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for number, some, rows in _files(len(images), len(texts), per_file):
        columns = {
            "image": pa.array([image.tobytes() for image in images[some]], pa.binary(-1)),
            "texts": pa.array([texts[of_image].tobytes() for of_image in rows], pa.binary(-1)),
            "text_ids": pa.array(list(rows), pa.list_(pa.int64())),
        }
        pq.write_table(
            pa.table(columns),
            folder / f"{number:05d}.parquet",
            row_group_size=_ROW_GROUP,
            use_dictionary=False,
            compression="none",
            write_statistics=False,
        )


def write_array_record(images: np.ndarray, texts: np.ndarray, folder: Path, per_file: int) -> None:
    """Writes the same, each image with its texts as one record."""
    from array_record.python.array_record_module import ArrayRecordWriter

    for number, some, rows in _files(len(images), len(texts), per_file):
        writer = ArrayRecordWriter(
            str(folder / f"{number:05d}.array_record"), "group_size:1,uncompressed"
        )
        for image, of_image in zip(some, rows):
            ids = of_image.astype("<i8").tobytes()
            writer.write(images[image].tobytes() + ids + texts[of_image].tobytes())
        writer.close()


def parquet_batches(
    folder: Path, dims: tuple[int, int], images_per_batch: int, mixed: int
) -> tf.data.Dataset:
    """Returns batches; so many images are mixed in memory."""
    import pyarrow.parquet as pq

    files = [pq.ParquetFile(path, memory_map=True) for path in sorted(folder.iterdir())]

    def rows() -> Iterator[Rows]:
        rng = np.random.default_rng(0)
        groups = [(file, group) for file in files for group in range(file.num_row_groups)]
        groups = [groups[place] for place in rng.permutation(len(groups))]
        at_once = max(1, mixed // _ROW_GROUP)
        for first in range(0, len(groups), at_once):
            block = _joined([_of_group(*group, dims) for group in groups[first : first + at_once]])
            starts = np.cumsum(block.counts) - block.counts
            order = rng.permutation(len(block.images))
            for start in range(0, len(order) - images_per_batch + 1, images_per_batch):
                some = order[start : start + images_per_batch]
                of_texts = np.concatenate(
                    [np.arange(starts[i], starts[i] + block.counts[i]) for i in some]
                )
                yield Rows(
                    block.images[some],
                    block.texts[of_texts],
                    block.text_ids[of_texts],
                    block.counts[some],
                )

    return _batches(rows, dims, images_per_batch)


def array_record_batches(
    folder: Path, dims: tuple[int, int], images_per_batch: int, texts_per_image: int
) -> tf.data.Dataset:
    """Returns batches; each image has so many texts."""
    from array_record.python.array_record_module import ArrayRecordReader

    readers = [
        ArrayRecordReader(str(path), "readahead_buffer_size:0") for path in sorted(folder.iterdir())
    ]
    counts = [reader.num_records() for reader in readers]
    of_image, of_ids = 2 * dims[0], 8 * texts_per_image

    def rows() -> Iterator[Rows]:
        rng = np.random.default_rng(0)
        places = np.stack(
            [np.repeat(np.arange(len(counts)), counts), np.concatenate([*map(np.arange, counts)])]
        ).T[rng.permutation(sum(counts))]
        for first in range(0, len(places) - images_per_batch + 1, images_per_batch):
            some = places[first : first + images_per_batch]
            records = []
            for file in np.unique(some[:, 0]):
                records += readers[file].read(some[some[:, 0] == file, 1].tolist())
            matrix = np.frombuffer(b"".join(records), np.uint8).reshape(len(records), -1)
            images, ids, texts = np.split(matrix, [of_image, of_image + of_ids], axis=1)
            yield Rows(
                np.ascontiguousarray(images).view("<f2"),
                np.ascontiguousarray(texts).view("<f2").reshape(-1, dims[1]),
                np.ascontiguousarray(ids).view("<i8").reshape(-1),
                np.full(len(records), texts_per_image),
            )

    return _batches(rows, dims, images_per_batch)


def _files(num_images: int, num_texts: int, per_file: int):
    """Yields the number of each file, its images, and the texts of each of these."""
    order = np.random.default_rng(0).permutation(num_images)
    each = num_texts // num_images
    for number, first in enumerate(range(0, num_images, per_file)):
        some = order[first : first + per_file]
        yield number, some, some[:, None] * each + np.arange(each)


def _of_group(file, group: int, dims: tuple[int, int]) -> Rows:
    table = file.read_row_group(group).combine_chunks()
    images, texts, ids = (table.column(name).chunk(0) for name in ("image", "texts", "text_ids"))

    def content(column) -> np.ndarray:
        offsets = np.frombuffer(column.buffers()[1], "<i4")
        return np.frombuffer(column.buffers()[2], np.uint8)[: offsets[len(column)]].view("<f2")

    return Rows(
        content(images).reshape(-1, dims[0]),
        content(texts).reshape(-1, dims[1]),
        ids.flatten().to_numpy(),
        ids.value_lengths().to_numpy().astype(np.int64),
    )


def _joined(parts: list[Rows]) -> Rows:
    return Rows(*map(np.concatenate, zip(*parts)))


def _batches(
    rows: Callable[[], Iterator[Rows]], dims: tuple[int, int], images_per_batch: int
) -> tf.data.Dataset:
    rng = np.random.default_rng(0)

    def drawn():
        for some in rows():
            n, most = len(some.images), int(some.counts.max())
            place = np.arange(most)
            there = place < some.counts[:, None]
            of_image = (np.cumsum(some.counts) - some.counts)[:, None] + place
            matched = np.where(there, some.text_ids[np.where(there, of_image, 0)], -1)
            order = np.argsort(np.where(there, rng.random((n, most)), 2.0), axis=1)
            chosen = np.take_along_axis(np.where(there, of_image, -1), order, axis=1)
            chosen = chosen[:, :_TEXTS_PER_IMAGE].reshape(-1)
            texts = np.where((chosen < 0)[:, None], 0, some.texts[chosen])
            yield some.images, texts, matched, np.where(chosen < 0, -1, some.text_ids[chosen])

    m = images_per_batch * _TEXTS_PER_IMAGE
    signature = (
        tf.TensorSpec((images_per_batch, dims[0]), tf.float16),
        tf.TensorSpec((m, dims[1]), tf.float16),
        tf.TensorSpec((images_per_batch, None), tf.int64),
        tf.TensorSpec((m,), tf.int64),
    )

    def with_masks(images, texts, matched, ids):
        none = tf.zeros((images_per_batch, 0), tf.int64)
        return {
            "image": tf.cast(images, tf.float32),
            "text": tf.cast(texts, tf.float32),
            **shard_masks(matched, none, ids),
        }

    dataset = tf.data.Dataset.from_generator(drawn, output_signature=signature)
    return dataset.map(with_masks, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)
