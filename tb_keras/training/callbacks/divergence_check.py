"""A callback that ends a training whose loss is NaN or infinite."""

from __future__ import annotations

import keras
import numpy as np


class DivergenceCheck(keras.callbacks.Callback):
    """Raises an error after the first batch with a loss that is NaN or infinite.

    `keras.callbacks.TerminateOnNaN` ends a training as if it were finished.

    Raises:
        ValueError: at a batch's end; the message has the epoch, counted from 1.
    """

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        loss = (logs or {}).get("loss", 0.0)
        if not np.isfinite(loss):
            raise ValueError(
                f"the loss became {loss} in epoch {self._epoch + 1}: a lower `learning_rate` helps"
            )
