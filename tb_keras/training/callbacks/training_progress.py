"""A callback that shows one progress bar over a whole training."""

from __future__ import annotations

import keras


class TrainingProgress(keras.callbacks.Callback):
    """Shows one bar over all epochs with the loss and some figures; use it with `verbose=0`.

    Args:
        figures: names in the epoch's logs to show beside the loss.
    """

    def __init__(self, figures: tuple[str, ...] = ("violating", "val_rsum")):
        super().__init__()
        self.figures = figures
        self._values: dict[str, float] = {}

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._bar = keras.utils.Progbar(
            self.params["epochs"], stateful_metrics=["loss", *self.figures], unit_name="epoch"
        )

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        logs = logs or {}
        values = [(name, logs[name]) for name in ("loss", *self.figures) if name in logs]
        self._bar.update(epoch + 1, values=values)
