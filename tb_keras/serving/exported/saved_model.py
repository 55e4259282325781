"""Opening an exported model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tb_keras.serving.exporting.export import latest_version


class SavedModel(NamedTuple):
    """An opened export.

    Attributes:
        path: the version's directory.
        signatures: its signatures by name.
        network: "embedding", "similarity" or "cca".
    """

    path: Path
    signatures: Mapping
    network: str


def open_saved_model(directory: str | os.PathLike) -> SavedModel:
    """Loads an export.

    Args:
        directory: a model's directory, of which the latest version is loaded, or one version.

    Raises:
        FileNotFoundError: if there is no SavedModel in `directory`.
        ValueError: if it is not one that `tb_keras.serving.export` writes.
    """
    import tensorflow as tf
    import tensorflow_text  # noqa: F401  the graph holds its ops

    path = Path(directory)
    version = latest_version(path)
    path = path / str(version) if version else path
    if not (path / "saved_model.pb").is_file():
        raise FileNotFoundError(
            f"`directory` must hold an exported model (tb-export). Received: {str(directory)!r}"
        )
    loaded = tf.saved_model.load(str(path))
    if not hasattr(loaded, "network"):
        raise ValueError(
            "`directory` must hold a model that this version of tb-export wrote. "
            f"Received: {str(directory)!r}"
        )
    return SavedModel(path, loaded.signatures, loaded.network.numpy().decode())
