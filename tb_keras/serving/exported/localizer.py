"""An exported model that localizes phrases in a picture."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.serving.exported.network import ExportedNetwork
from tb_keras.storage.pictures.picture_reference import read_picture

_BATCH_SIZE = 64  # regions


class ExportedLocalizer(ExportedNetwork):
    """Scores the regions of a picture with an exported localization model.

    Args:
        directory: a model's directory, of which the latest version is loaded, or one version.

    Raises:
        FileNotFoundError: if there is no SavedModel in `directory`.
        ValueError: if it was exported for another task, or without encoders.
    """

    def __init__(self, directory: str | os.PathLike):
        super().__init__(directory)
        if "localize" not in self._signatures:
            raise ValueError(
                "`directory` must hold a model that localizes (tb-train --task=localization). "
                f"Received: {str(self.path)!r} with signatures {sorted(self._signatures)}"
            )

    def localize(self, path: str, boxes: ArrayLike, phrases: Sequence[str]) -> np.ndarray:
        """Scores each region of a picture with each phrase.

        Args:
            path: a PNG, JPEG, GIF or BMP file.
            boxes: float `(r, 4)` xyxy in pixels, such as proposals.
            phrases: p strings.

        Returns:
            float32 `(p, r)`, higher where a phrase fits better.

        Raises:
            ValueError: if `boxes` have another shape, or `phrases` is one string.
        """
        import tensorflow as tf

        boxes = np.asarray(boxes, np.float32)
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError(f"`boxes` must have shape (r, 4). Received: shape={boxes.shape}")
        if isinstance(phrases, str):
            raise ValueError(f"`phrases` must be a sequence of strings. Received: {phrases!r}")
        if not len(boxes) or not len(phrases):
            return np.zeros((len(phrases), len(boxes)), np.float32)
        image_bytes = tf.constant([read_picture(path)])
        regions = []
        for start in range(0, len(boxes), _BATCH_SIZE):
            # The last batch is filled up with boxes of its own, so that all have one shape.
            batch = np.resize(boxes[start : start + _BATCH_SIZE], (_BATCH_SIZE, 4))
            embedded = self._signatures["embed_regions"](
                image_bytes=image_bytes, boxes=tf.constant(batch[None])
            )
            regions.append(embedded["embedding"].numpy()[0, : len(boxes) - start])
        texts = self._signatures["embed_text"](text=tf.constant(list(phrases)))
        texts = texts["embedding"].numpy()
        rows, columns = np.indices((len(phrases), len(boxes)))
        scores = self.fuse_rows(np.concatenate(regions), texts, columns.ravel(), rows.ravel())
        return scores.reshape(rows.shape)
