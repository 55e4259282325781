"""A callback that keeps the best network of a training, or the last, on disk."""

from __future__ import annotations

import json
import os
from pathlib import Path

import keras

from tb_keras.storage.atomic_file import written_beside


class NetworkCheckpoint(keras.callbacks.Callback):
    """Saves the network, without the losses, whenever the monitored figure gets better.

    The file is always whole. A JSON file beside it has the epoch and the figure, so that a training
    that is continued knows the best figure so far.

    Args:
        network: the network that is trained, not the model with the losses.
        path: where to save it; must end in `.keras`.
        monitor: name of the figure in the epoch's logs.
        mode: `"max"` or `"min"`, which says what is better, or `"last"` to save after every epoch.

    Attributes:
        kept: float, the figure of the network on disk; None before the first.

    Raises:
        ValueError: if `path` or `mode` is wrong or, at an epoch's end, if `monitor` is not in the
            logs.
    """

    def __init__(
        self,
        network: keras.Model,
        path: str | os.PathLike,
        monitor: str = "val_rsum",
        mode: str = "max",
    ):
        super().__init__()
        self.network, self.path, self.monitor, self.mode = network, Path(path), monitor, mode
        if self.path.suffix != ".keras":
            raise ValueError(f"`path` must end in .keras. Received: {str(path)!r}")
        if mode not in ("max", "min", "last"):
            raise ValueError(f"`mode` must be 'max', 'min' or 'last'. Received: {mode!r}")
        self.record = self.path.with_suffix(".json")
        self.kept = json.loads(self.record.read_text())[monitor] if self.record.exists() else None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        logs = logs or {}
        if self.monitor not in logs:
            raise ValueError(
                f"`monitor` must be in the logs, one of {sorted(logs)}. Received: {self.monitor!r}"
            )
        value = float(logs[self.monitor])
        if self.kept is not None and (
            (self.mode == "max" and value <= self.kept)
            or (self.mode == "min" and value >= self.kept)
        ):
            return
        self.kept = value
        with written_beside(self.path) as beside:
            self.network.save(beside)
        with written_beside(self.record) as beside:
            beside.write_text(json.dumps({self.monitor: value, "epoch": epoch}) + "\n")
