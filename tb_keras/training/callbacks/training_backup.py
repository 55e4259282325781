"""A callback from which a training that was killed goes on."""

from __future__ import annotations

import os
import time
from pathlib import Path

import h5py
import keras


class TrainingBackup(keras.callbacks.Callback):
    """Keeps weights, optimizer and random states on disk at epochs' ends, and restores them.

    Unlike `keras.callbacks.BackupAndRestore`, it writes each backup beside and renames it, with the
    epoch in its name. A whole backup is there whenever the process is killed.

    Args:
        directory: where backups are kept.
        seconds_between: least seconds between two backups.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x, y = np.ones((4, 2)), np.ones((4, 1))
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     backup = TrainingBackup(directory, seconds_between=0)
        ...     history = model.fit(x, y, epochs=2, verbose=0, callbacks=[backup])
        ...     epoch = backup.restore(model)  # as another process would
        ...     history = model.fit(x, y, initial_epoch=epoch, epochs=3, verbose=0)
        >>> epoch
        2
    """

    def __init__(self, directory: str | os.PathLike, seconds_between: float = 30.0):
        super().__init__()
        self.directory = Path(directory)
        self.seconds_between = seconds_between
        self._last = time.monotonic()

    def restore(self, model: keras.Model) -> int:
        """Loads the latest backup into a compiled `model`.

        Returns:
            The number of epochs done, 0 where there is no backup.
        """
        backups = self._backups()
        if not backups:
            return 0
        model.optimizer.build(model.trainable_variables)
        with h5py.File(backups[-1]) as file:
            for number, variable in enumerate(training_state(model)):
                variable.assign(file[str(number)][()])
        return _epochs_done(backups[-1])

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if time.monotonic() - self._last < self.seconds_between:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        older = self._backups()
        beside = self.directory / "unfinished.weights.h5"
        with h5py.File(beside, "w") as file:
            for number, variable in enumerate(training_state(self.model)):
                value = variable.numpy()
                # HDF5 knows no bfloat16; float32 holds the same.
                file[str(number)] = value.astype("f4") if value.dtype == "bfloat16" else value
        os.replace(beside, self.directory / f"epoch-{epoch + 1:05d}.weights.h5")
        for backup in older:
            backup.unlink()
        self._last = time.monotonic()

    def clear(self) -> None:
        """Deletes the backups, after the training."""
        for backup in self.directory.glob("*.weights.h5"):  # an unfinished one, too
            backup.unlink()
        if self.directory.is_dir():
            self.directory.rmdir()

    def _backups(self) -> list[Path]:
        return sorted(self.directory.glob("epoch-*.weights.h5"), key=_epochs_done)


def training_state(model: keras.Model) -> list[keras.Variable]:
    """Returns all variables that a training changes.

    Keras's `save_weights` leaves out the states of dropout, noise and the choice of pairs, and adds
    changes of low rank to what they change.
    """
    states = [v for v in model.variables if v.path.endswith("seed_generator_state")]
    return [*model.weights, *states, *model.optimizer.variables]


def _epochs_done(backup: Path) -> int:
    return int(backup.name.removeprefix("epoch-").split(".")[0])
