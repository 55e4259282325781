"""Proposals: regions of a picture that may show something."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tb_keras.checks.arguments import check_int
from tb_keras.corpus import boxes as box_arithmetic
from tb_keras.storage.cache_key import file_digest
from tb_keras.storage.feature_cache import cached_features
from tb_keras.storage.pictures.picture_reference import picture_digest, read_picture

_VERSION = 3  # part of every cache key: raise it when the proposals change
_WORKING_SIZE = 256  # longer side in pixels of the picture that regions are grown in
_LEAST_SIDE = 0.03  # least side of a proposal, as a share of the picture's longer side
_OVERLAP = 0.7  # if two proposals have a higher IoU, the later one is dropped


def propose_regions(
    paths: Sequence[str],
    method: str = "selective_search",
    limit: int = 200,
    edge_model: str | os.PathLike | None = None,
    verbose: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Proposes regions for picture files, and keeps them in the cache directory.

    Args:
        paths: paths of PNG, JPEG, GIF or BMP files.
        method: `"selective_search"` (its fast setting), which needs no model; or `"edge_boxes"`,
            which needs one.
        limit: greatest number of proposals a picture, a positive int.
        edge_model: for edge boxes, the file of a structured-forest edge detector, as OpenCV's
            `createStructuredEdgeDetection` reads it.
        verbose: whether to show progress.

    Returns:
        Int64 `(n,)`, the index in `paths` of each proposal's picture, ascending; and float32
        `(n, 4)`, xyxy boxes in pixels. Edge boxes come with the best of a picture first. Selective
        search ranks none, so its boxes come in a random order that is always the same, in which
        large boxes tend to stand first. A picture may have no box.

    Raises:
        ValueError: an argument is out of range.
        ModuleNotFoundError: OpenCV with its contrib modules is not installed.
        FileNotFoundError: a file is missing.

    Reference:
        Uijlings et al., *Selective Search for Object Recognition*, IJCV 104(2), 2013; Zitnick and
        Dollár, *Edge Boxes*, ECCV 2014.
    """
    check_int("limit", limit, least=1)
    propose = _method(method, limit, edge_model)
    import cv2

    def padded(path: str) -> np.ndarray:
        found = np.full((limit, 4), np.nan, np.float32)
        boxes = _distinct(_proposed(path, propose), limit)
        found[: len(boxes)] = boxes
        return found.ravel()

    def encode(some: Sequence[str]) -> np.ndarray:
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            return np.stack(list(threads.map(padded, some)))

    settings = {
        "version": _VERSION,
        "kind": "proposals",
        "method": method,
        "limit": limit,
        "edge_model": None if edge_model is None else file_digest(edge_model),
        "opencv": cv2.__version__,
    }
    found = cached_features(settings, paths, picture_digest, encode, verbose, items_per_write=64)
    found = found.reshape(len(paths), limit, 4)
    picture, place = np.nonzero(~np.isnan(found[:, :, 0]))
    return picture, found[picture, place]


def _method(
    method: str, limit: int, edge_model: str | os.PathLike | None
) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function from uint8 `(height, width, 3)` RGB pixels to float `(n, 4)` xywh."""
    if method not in ("selective_search", "edge_boxes"):
        raise ValueError(
            f"`method` must be 'selective_search' or 'edge_boxes'. Received: {method!r}"
        )
    if (method == "edge_boxes") != (edge_model is not None):
        raise ValueError(
            "`edge_model` must be given with method='edge_boxes', and only there. "
            f"Received: method={method!r}, edge_model={edge_model!r}"
        )
    try:
        import cv2
        from cv2 import ximgproc
    except ImportError as error:
        raise ModuleNotFoundError(
            "Proposals need OpenCV: pip install opencv-contrib-python-headless", name="cv2"
        ) from error

    def selective_search(pixels: np.ndarray) -> np.ndarray:
        search = ximgproc.segmentation.createSelectiveSearchSegmentation()
        search.setBaseImage(np.ascontiguousarray(pixels[:, :, ::-1]))
        search.switchToSelectiveSearchFast()
        # OpenCV's order depends on C's rand(), which all threads share and nobody can seed.
        found = np.unique(search.process(), axis=0)
        # Boxes drawn one after another, each with a chance in proportion to its area.
        waits = np.random.default_rng(0).exponential(size=len(found))
        return found[np.argsort(waits / found[:, 2:].prod(axis=1))]

    def edge_boxes(pixels: np.ndarray) -> np.ndarray:
        # A detector of its own for each picture: it is called from several threads.
        try:
            detector = ximgproc.createStructuredEdgeDetection(os.fspath(edge_model))
        except cv2.error as error:
            raise ValueError(
                "`edge_model` must be a file that OpenCV's createStructuredEdgeDetection reads. "
                f"Received: {os.fspath(edge_model)!r}"
            ) from error
        edges = detector.detectEdges(np.float32(pixels) / 255)
        orientations = detector.computeOrientation(edges)
        thin = detector.edgesNms(edges, orientations)
        finder = ximgproc.createEdgeBoxes(maxBoxes=10 * limit)
        found, _ = finder.getBoundingBoxes(thin, orientations)
        return found

    return selective_search if method == "selective_search" else edge_boxes


def _proposed(path: str, propose: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Returns xyxy boxes `(n, 4)` in the picture's own pixels, without the smallest."""
    import cv2

    from tb_keras.encoders.image.image_decoding import decode_image

    pixels = decode_image(read_picture(path)).numpy().astype(np.uint8)
    height, width = pixels.shape[:2]
    scale = min(1.0, _WORKING_SIZE / max(height, width))
    working = (max(1, round(width * scale)), max(1, round(height * scale)))
    found = propose(cv2.resize(pixels, working, interpolation=cv2.INTER_AREA))
    if not len(found):
        return np.zeros((0, 4))
    found = box_arithmetic.convert(found, "xywh", "rel_xyxy", sizes=working)
    found = box_arithmetic.convert(found, "rel_xyxy", "xyxy", sizes=(width, height))
    sides = found[:, 2:] - found[:, :2]
    return found[(sides >= _LEAST_SIDE * max(height, width)).all(axis=1)]


def _distinct(boxes: np.ndarray, limit: int) -> np.ndarray:
    """Returns the first `limit` boxes that do not nearly coincide with an earlier one."""
    overlap = box_arithmetic.iou(boxes, boxes) > _OVERLAP
    kept = np.zeros(len(boxes), bool)
    for row in range(len(boxes)):
        kept[row] = not (overlap[row] & kept).any()
        if np.count_nonzero(kept) == limit:
            break
    return boxes[kept]
