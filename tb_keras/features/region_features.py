"""Features of regions: their crops through an image encoder, their places, their pictures."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import keras
import numpy as np

from tb_keras.corpus.boxes import spatial_features
from tb_keras.corpus.grounding import Grounding
from tb_keras.encoders.image.image_encoder import image_encoder
from tb_keras.encoders.regions.region_pooling import input_size
from tb_keras.features.kept_regions import kept_regions
from tb_keras.features.region_blocks import crop_blocks, pooled_blocks
from tb_keras.storage.cache_key import encoder_settings


def encode_regions(
    grounding: Grounding,
    encoder: str = "efficientnet_lite0_levels",
    size: int | None = None,
    spatial: bool = True,
    context: bool = False,
    verbose: bool = True,
    region_features: str = "crops",
) -> np.ndarray:
    """Encodes the regions of a grounding, and keeps the features in the cache directory.

    They are kept picture by picture, so only those of new or changed pictures are encoded.

    There are two ways. `"crops"`: each region is cropped, warped to the encoder's input size as in
    R-CNN, and encoded. `"pooled"`: the picture goes through the encoder once, and the feature maps
    that the encoder averages are averaged over each region, by RoIAlign. That is many times faster
    and finds as much on photographs, but less of small things in drawings.

    Args:
        grounding: the pictures and their regions.
        encoder: a name that `tb_keras.encoders.image_encoder` takes. For `"pooled"` it must average
            feature maps, as all but vgg19_fc7 and vision transformers do; efficientnet_lite0_levels
            averages those of four depths.
        size: height and width in pixels to which crops are warped, the encoder's own if left out;
            for `"pooled"` those of the whole picture, 448 if left out.
        spatial: whether to append the five numbers of `tb_keras.boxes.spatial_features`.
        context: whether to append the features of the whole picture.
        verbose: whether to show progress, and before it how much disk the features take.
        region_features: `"crops"` or `"pooled"`.

    Returns:
        A memory map of float16 `(n, feature_dim)`.

    Raises:
        ValueError: `encoder` or `region_features` is unknown, or there is no region.
        FileNotFoundError: a picture is missing.

    Reference:
        Girshick, Donahue, Darrell and Malik, *Rich Feature Hierarchies for Accurate Object
        Detection and Semantic Segmentation*, CVPR 2014, for crops; He, Gkioxari, Dollár and
        Girshick, *Mask R-CNN*, ICCV 2017, for RoIAlign.
    """
    if not len(grounding.region_boxes):
        raise ValueError("`grounding` must have at least one region to encode. Received: none")
    size = input_size(region_features, size)
    settings = {**encoder_settings("regions", encoder), "size": size}
    if region_features == "pooled":
        settings["region_features"] = region_features
    build = functools.cache(lambda: image_encoder(encoder, size=size).get_layer("backbone"))

    def features_of(part: Grounding, spatial: bool, context: bool, encode) -> np.ndarray:
        def blocks(missing: Grounding) -> Iterator[np.ndarray]:
            if verbose:
                dim = build().output_shape[-1]
                _say_size(len(missing.region_boxes), dim, spatial, context)
            return joined(missing)

        def joined(missing: Grounding) -> Iterator[np.ndarray]:
            start = 0
            for own, around in encode(missing, build()):
                rows = slice(start, start + len(own))
                parts = [own]
                if spatial:
                    sizes = missing.picture_sizes[missing.region_pictures[rows]]
                    parts.append(spatial_features(missing.region_boxes[rows], sizes))
                if context:
                    parts.append(around)
                start += len(own)
                yield np.concatenate(parts, axis=1)

        kept = {**settings, "spatial": spatial, "context": context}
        return kept_regions(kept, part, blocks, verbose)

    if region_features == "pooled":
        pooled = functools.partial(pooled_blocks, context=context)
        return features_of(grounding, spatial, context, pooled)
    around = None

    def crops(part: Grounding, backbone: keras.Model):
        start = 0
        for block in crop_blocks(part, backbone):
            pictures = part.region_pictures[start : start + len(block)]
            start += len(block)
            yield block, None if around is None else around[pictures]

    if context:
        whole = np.concatenate([np.zeros_like(grounding.picture_sizes), grounding.picture_sizes], 1)
        pictures = grounding.with_regions(np.arange(grounding.num_pictures), whole)
        around = features_of(pictures, False, False, crops)
    return features_of(grounding, spatial, context, crops)


def _say_size(regions: int, dim: int, spatial: bool, context: bool) -> None:
    dim = dim * (1 + context) + 5 * spatial
    megabytes = 2 * regions * dim / 1e6  # float16
    print(f"{regions} regions, {dim} numbers each: {megabytes:,.0f} MB on disk", flush=True)
