"""RoIAlign: regions of feature maps to features of one size."""

from __future__ import annotations

import math

from keras import ops

from tb_keras.checks.arguments import check_int


def roi_align(feature_maps, boxes, output_size: int = 1, sampling_ratio: int | None = None):
    """Returns the mean features of regions, each divided into a grid of bins.

    A map is sampled in each bin at the points of a regular grid, by bilinear interpolation between
    the centres of the map's cells, and the samples of a bin are averaged. Positions are never
    rounded. Between the outermost centres and the edge, the map is constant.

    Args:
        feature_maps: float `(batch, height, width, channels)`, all but the batch known.
        boxes: float `(batch, regions, 4)` xyxy in shares of the picture's width and height; what
            lies outside [0, 1] is cut off. A box without area gives the features of its point.
        output_size: number of bins each way, a positive int.
        sampling_ratio: number of samples in a bin each way, a positive int. If left out, as many as
            a region as large as the picture needs to meet every cell of the map.

    Returns:
        Float `(batch, regions, output_size, output_size, channels)`.

    Raises:
        ValueError: `output_size` or `sampling_ratio` is not a positive int.

    Reference:
        He, Gkioxari, Dollár and Girshick, *Mask R-CNN*, ICCV 2017, section 3.

    Examples:
        >>> import numpy as np
        >>> columns = np.tile(np.arange(4.0).reshape(1, 1, 4, 1), (1, 4, 1, 1))
        >>> found = roi_align(columns, [[[0.25, 0.0, 0.75, 1.0], [0.25, 0.0, 0.5, 1.0]]])
        >>> np.asarray(found)[0, :, 0, 0, 0].tolist()
        [1.5, 1.0]
    """
    check_int("output_size", output_size, least=1)
    if sampling_ratio is not None:
        check_int("sampling_ratio", sampling_ratio, least=1)
    feature_maps = ops.convert_to_tensor(feature_maps)
    height, width, channels = feature_maps.shape[1:]
    boxes = ops.clip(ops.cast(boxes, feature_maps.dtype), 0.0, 1.0)
    left, top, right, bottom = (boxes[..., side] for side in range(4))
    rows = _shares(top, bottom, height, output_size, sampling_ratio)
    columns = _shares(left, right, width, output_size, sampling_ratio)
    # The mean of bilinear samples on a grid is a weighted mean of the cells, whose weights are
    # products of a row's and a column's: one matrix product for all regions.
    shares = ops.expand_dims(rows, (3, 5)) * ops.expand_dims(columns, (2, 4))
    batch, regions = ops.shape(boxes)[:2]
    shares = ops.reshape(shares, (batch, regions * output_size**2, height * width))
    cells = ops.reshape(feature_maps, (batch, height * width, channels))
    means = ops.matmul(shares, cells)
    return ops.reshape(means, (batch, regions, output_size, output_size, channels))


def _shares(first, last, cells: int, bins: int, samples: int | None):
    """Returns what each row, or column, of a map counts in each bin, `(b, r, bins, cells)`."""
    samples = samples or math.ceil(cells / bins)
    places = (ops.arange(bins * samples, dtype=first.dtype) + 0.5) / (bins * samples)
    first, last = ops.expand_dims(first, -1), ops.expand_dims(last, -1)
    points = cells * (first + (last - first) * places) - 0.5
    points = ops.expand_dims(ops.clip(points, 0.0, cells - 1.0), -1)
    tents = ops.relu(1.0 - ops.abs(points - ops.arange(cells, dtype=first.dtype)))
    batch, regions = ops.shape(first)[:2]
    return ops.mean(ops.reshape(tents, (batch, regions, bins, samples, cells)), axis=3)
