"""Blocks of the features of regions, picture by picture."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import keras
import numpy as np

from tb_keras.corpus.grounding import Grounding
from tb_keras.storage.pictures.picture_reference import read_picture

_REGIONS_PER_BATCH = 64


def crop_blocks(grounding: Grounding, backbone: keras.Model) -> Iterator[np.ndarray]:
    """Yields the features of the crops of all regions, in blocks of rows."""
    from tb_keras.encoders.image.image_decoding import decode_image
    from tb_keras.encoders.regions.region_cropping import crop_regions

    height, width = backbone.input_shape[1:3]

    def crops(image_bytes, boxes):
        return crop_regions(decode_image(image_bytes), boxes, height, width)

    # The crops of a run are made all at once.
    dataset = _runs(grounding, _REGIONS_PER_BATCH, crops).unbatch()
    for batch in _read(dataset.batch(_REGIONS_PER_BATCH)):
        yield backbone.predict_on_batch(batch)


def pooled_blocks(
    grounding: Grounding, backbone: keras.Model, context: bool
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Yields the pooled features of all regions, and for context those of their whole picture."""
    import tensorflow as tf

    from tb_keras.encoders.regions.region_pooling import RegionPooler, squashed

    pooler = RegionPooler(backbone)
    height, width = backbone.input_shape[1:3]

    def squash(image_bytes, boxes):
        pixels, size = squashed(image_bytes, height, width)
        boxes = boxes / tf.tile(size, [2])
        if context:
            boxes = tf.concat([boxes, [[0.0, 0.0, 1.0, 1.0]]], axis=0)
        return pixels, boxes

    pool = tf.function(pooler, reduce_retracing=True)
    for pixels, boxes in _read(_runs(grounding, None, squash)):
        features = pool(pixels[None], boxes[None])[0].numpy()
        if context:
            yield features[:-1], np.repeat(features[-1:], len(features) - 1, axis=0)
        else:
            yield features, None


def _runs(grounding: Grounding, longest: int | None, encode: Callable):
    """Maps runs of regions of one picture, each its bytes and boxes.

    A run ends where the picture changes, and where a region's number is a multiple of `longest`.
    """
    import tensorflow as tf

    pictures, boxes = grounding.region_pictures, grounding.region_boxes
    ends = np.diff(pictures, prepend=-1) != 0
    if longest is not None:
        ends |= np.arange(len(pictures)) % longest == 0
    runs = np.flatnonzero(ends)

    def of_pictures() -> Iterator[tuple[bytes, np.ndarray]]:
        for first, end in zip(runs, [*runs[1:], len(pictures)]):
            yield read_picture(grounding.picture_paths[pictures[first]]), boxes[first:end]

    dataset = tf.data.Dataset.from_generator(
        of_pictures, output_signature=(tf.TensorSpec((), tf.string), tf.TensorSpec((None, 4)))
    )
    return dataset.map(encode, os.cpu_count())


def _read(dataset) -> Iterator:
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False  # TensorFlow 2.21 may let the end wait for its tuning
    yield from dataset.prefetch(2).with_options(options)
