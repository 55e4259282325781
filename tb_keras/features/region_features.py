"""Features of regions: their crops through an image encoder, their places, their pictures."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterator

import keras
import numpy as np

from tb_keras.corpus.boxes import spatial_features
from tb_keras.corpus.grounding import Grounding
from tb_keras.encoders.image.image_encoder import image_encoder
from tb_keras.features.feature_file import feature_file
from tb_keras.storage.cache_key import encoder_settings, file_digest

_REGIONS_PER_BATCH = 64


def encode_regions(
    grounding: Grounding,
    encoder: str = "efficientnet_lite0_levels",
    size: int | None = None,
    spatial: bool = True,
    context: bool = False,
    verbose: bool = True,
) -> np.ndarray:
    """Encodes the regions of a grounding, and keeps the features in the cache directory.

    Each region is cropped, warped to the encoder's input size as in R-CNN, and encoded.

    Args:
        grounding: the pictures and their regions.
        encoder: a name that `tb_keras.encoders.image_encoder` takes.
        size: height and width in pixels to which crops are warped; the encoder's own if left out.
        spatial: whether to append the five numbers of `tb_keras.boxes.spatial_features`.
        context: whether to append the features of the whole picture.
        verbose: whether to show progress.

    Returns:
        A memory map of float16 `(n, feature_dim)`.

    Raises:
        ValueError: `encoder` is unknown, or there is no region.
        FileNotFoundError: a picture is missing.

    Reference:
        Girshick, Donahue, Darrell and Malik, *Rich Feature Hierarchies for Accurate Object
        Detection and Semantic Segmentation*, CVPR 2014.
    """
    if not len(grounding.region_boxes):
        raise ValueError("`grounding` must have at least one region to encode. Received: none")
    crop_settings = {**encoder_settings("regions", encoder), "size": size}
    build = functools.cache(lambda: image_encoder(encoder, size=size).get_layer("backbone"))

    def features_of(part: Grounding, spatial: bool, around: np.ndarray | None) -> np.ndarray:
        def blocks(start: int) -> Iterator[np.ndarray]:
            for block in _crop_features(part, build(), start):
                rows = slice(start, start + len(block))
                pictures = part.region_pictures[rows]
                joined = [block]
                if spatial:
                    sizes = part.picture_sizes[pictures]
                    joined.append(spatial_features(part.region_boxes[rows], sizes))
                if around is not None:
                    joined.append(around[pictures])
                start += len(block)
                yield np.concatenate(joined, axis=1)

        regions = {"regions": _digest(part), "spatial": spatial, "context": around is not None}
        return feature_file({**crop_settings, **regions}, len(part.region_boxes), blocks, verbose)

    around = None
    if context:
        whole = np.concatenate([np.zeros_like(grounding.picture_sizes), grounding.picture_sizes], 1)
        pictures = grounding.with_regions(np.arange(grounding.num_pictures), whole)
        around = features_of(pictures, False, None)
    return features_of(grounding, spatial, around)


def _crop_features(grounding: Grounding, backbone: keras.Model, start: int) -> Iterator[np.ndarray]:
    """Yields the features of the crops from one region on, in blocks of rows."""
    import tensorflow as tf

    from tb_keras.encoders.image.image_decoding import decode_image
    from tb_keras.encoders.regions.region_cropping import crop_regions

    pictures, boxes = grounding.region_pictures, grounding.region_boxes
    height, width = backbone.input_shape[1:3]
    # A run ends where the picture changes, and every so often, as its crops are made all at once.
    every = np.arange(len(pictures)) % _REGIONS_PER_BATCH == 0
    runs = np.flatnonzero(every | (np.diff(pictures, prepend=-1) != 0))

    def regions_of_pictures() -> Iterator[tuple[str, np.ndarray]]:
        for first, end in zip(runs, [*runs[1:], len(pictures)]):
            if end > start:
                yield grounding.picture_paths[pictures[first]], boxes[max(first, start) : end]

    def crops(path, boxes):
        return crop_regions(decode_image(tf.io.read_file(path)), boxes, height, width)

    dataset = tf.data.Dataset.from_generator(
        regions_of_pictures,
        output_signature=(tf.TensorSpec((), tf.string), tf.TensorSpec((None, 4))),
    )
    dataset = dataset.map(crops, os.cpu_count()).unbatch().batch(_REGIONS_PER_BATCH).prefetch(2)
    options = tf.data.Options()
    options.autotune.enabled = False  # TensorFlow 2.21 may let the end wait for its tuning
    for batch in dataset.with_options(options):
        yield backbone.predict_on_batch(batch)


def _digest(grounding: Grounding) -> str:
    """Returns a digest of the pictures' content and sizes and of all regions."""
    digest = hashlib.sha256()
    for path in grounding.picture_paths:
        digest.update(file_digest(path).encode())
    digest.update(grounding.picture_sizes.tobytes())
    digest.update(grounding.region_pictures.tobytes())
    digest.update(grounding.region_boxes.tobytes())
    return digest.hexdigest()
