"""The box in a picture that a phrase speaks of, for the page of tb-serve."""

from __future__ import annotations

import threading

from pydantic import BaseModel

from tb_keras.corpus.upright_pictures import upright_size
from tb_keras.encoders import propose_regions
from tb_keras.serving import ExportedLocalizer


class FoundBox(BaseModel):
    """The region that fits a phrase best.

    Attributes:
        box: left, top, right and bottom in pixels; None if nothing was proposed in the picture.
        score: the localizer's.
        width: of the picture in pixels.
        height: of the picture in pixels.
    """

    box: tuple[float, float, float, float] | None
    score: float | None
    width: int
    height: int


class BoxFinder:
    """Finds boxes with an exported localization model, for one picture at a time.

    Args:
        model: as `tb-localize` takes it.
    """

    def __init__(self, model: ExportedLocalizer):
        self._model, self._lock = model, threading.Lock()

    def find(self, path: str, phrase: str) -> FoundBox:
        """Finds the box of a phrase among regions that are proposed by selective search.

        Raises:
            OSError: if the picture cannot be read.
        """
        with self._lock:  # it takes all cores as it is
            _, boxes = propose_regions([path], verbose=False)
            (scores,) = self._model.localize(path, boxes, [phrase])
        width, height = upright_size(path)
        best = int(scores.argmax()) if len(boxes) else None
        return FoundBox(
            box=None if best is None else boxes[best].tolist(),
            score=None if best is None else float(scores[best]),
            width=width,
            height=height,
        )
