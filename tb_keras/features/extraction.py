"""Features of many picture files, extracted once into a directory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import keras
import numpy as np

from tb_keras.checks.arguments import first_false
from tb_keras.encoders.image.image_encoder import image_encoder
from tb_keras.features.feature_directory import FeatureDirectory
from tb_keras.storage.cache_key import encoder_settings, file_digest

_CROPS_PER_BATCH = 32


class Extraction(NamedTuple):
    """What a run of `extract_features` did.

    Attributes:
        encoded: number of pictures that were encoded.
        kept: number of pictures that had features already.
        unreadable: why the other pictures could not be read, by name.
    """

    encoded: int
    kept: int
    unreadable: dict[str, str]


def extract_features(
    paths: Sequence[str],
    names: Sequence[str],
    directory: str | os.PathLike,
    encoder: str = "efficientnet_lite0",
    weights: str | os.PathLike = "pretrained",
    size: int | None = None,
    crops: int = 1,
    dtype: str = "float16",
    strict: bool = False,
    images_per_batch: int | None = None,
    verbose: bool = True,
) -> Extraction:
    """Encodes picture files into a directory (see `tb_keras.features.feature_directory`).

    Pictures that have features there already are left alone, unless their file has another size or
    time of change; pictures that are no longer named keep theirs. A run that was killed, at
    whatever moment, goes on behind the last whole batch.

    Args:
        paths: paths of the picture files.
        names: for each picture what it is called in the directory, such as its path relative to
            the folder of all; distinct.
        directory: where the features are written; made if it is not there.
        encoder: a name that `tb_keras.encoders.image_encoder` takes.
        weights: as there, but for None: random features could not be gone on with.
        size: as there.
        crops: as there.
        dtype: of the features on disk, "float16" or "float32".
        strict: whether a picture that cannot be read is an error. Otherwise it is left out.
        images_per_batch: pictures encoded at a time; 32, or 3 with ten crops, if left out.
        verbose: whether to show a progress bar when something has to be encoded.

    Returns:
        An `Extraction`: how many pictures were encoded, and which could not be read.

    Raises:
        ValueError: if an argument is out of range, the directory holds features of other settings
            or another process writes there, a feature does not fit `dtype`, or, with `strict`, a
            picture cannot be read. What was encoded before stays.
        OSError: if the encoder's weights are not there, or cannot be downloaded.

    Examples:
        >>> import pathlib, tempfile
        >>> import tensorflow as tf
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> png = tf.io.encode_png(tf.zeros((9, 9, 1), tf.uint8)).numpy()
        >>> names = ["grey.png", "empty.png"]
        >>> sizes = [(folder / name).write_bytes(data) for name, data in zip(names, (png, b""))]
        >>> paths = [str(folder / name) for name in names]
        >>> extract_features(paths, names, folder / "features", size=32, verbose=False)
        Extraction(encoded=1, kept=0, unreadable={'empty.png': 'Input is empty.'})
        >>> np.load(folder / "features" / "features.npy").shape
        (1, 1280)
    """
    _check(paths, names, weights, dtype, images_per_batch)
    described = encoder_settings("image", encoder)
    settings = {
        "encoder": encoder,
        "encoder_version": described["version"],
        "weights": weights if weights == "pretrained" else file_digest(weights),
        "size": size,
        "crops": crops,
        "dtype": dtype,
    }
    notes = {"packages": {**described["packages"], "keras": keras.__version__}}
    with FeatureDirectory(directory, settings, notes) as store:
        pending = [
            (path, name) for path, name in zip(paths, names) if not _is_current(store, path, name)
        ]
        unreadable = {}
        if pending:
            encode_batches = _Pipeline(encoder, weights, size, crops, dtype, images_per_batch)
            progress = keras.utils.Progbar(len(pending), verbose=verbose, unit_name="picture")
            # What could not be read before comes last and in batches of its own, so that a run
            # that goes on makes the same batches as one that was never stopped.
            for again in (False, True):
                part = [item for item in pending if (item[1] in store.unreadable) == again]
                for files, features, bad in encode_batches(part):
                    store.add(files, features, bad)
                    unreadable |= bad
                    if bad and strict:
                        name, reason = next(iter(bad.items()))
                        raise ValueError(f"the picture {name!r} cannot be read: {reason}")
                    progress.add(len(files) + len(bad))
        unreadable = {name: unreadable[name] for name in names if name in unreadable}
        store.finish(unreadable)
    return Extraction(len(pending) - len(unreadable), len(paths) - len(pending), unreadable)


class _Pipeline:
    """From picture files to batches of features, decoding while the network computes."""

    def __init__(self, encoder, weights, size, crops, dtype, images_per_batch):
        import tensorflow as tf

        model = image_encoder(encoder, weights=weights, size=size, crops=crops)
        decoding = model.get_layer("decode_images")
        network = keras.Model(decoding.output, model.output)
        self._decode: Callable = decoding.decode
        # With one signature one trace, whatever the size of the last batch.
        self._encode = tf.function(
            lambda pixels: network(pixels, training=False),
            input_signature=[tf.TensorSpec((None, *decoding.output.shape[1:]))],
        )
        self._pixel_shape = decoding.output.shape[1:]
        self._dtype = dtype
        self._batch_size = images_per_batch or max(1, _CROPS_PER_BATCH // crops)

    def __call__(self, items: Sequence[tuple[str, str]]) -> Iterator[tuple[dict, np.ndarray, dict]]:
        """Yields for each batch what `FeatureDirectory.add` takes."""
        from tb_keras.features.decoded_pictures import decoded_pictures

        decoded = decoded_pictures([path for path, _ in items], self._decode, 2 * self._batch_size)
        for start in range(0, len(items), self._batch_size):
            names = [name for _, name in items[start : start + self._batch_size]]
            batch = dict(zip(names, decoded))
            pixels = np.zeros((len(batch), *self._pixel_shape), np.float32)
            bad = {name: picture.reason for name, picture in batch.items() if picture.reason}
            for row, picture in zip(pixels, batch.values()):
                if picture.pixels is not None:
                    row[:] = picture.pixels
            good = {n: (p.size, p.mtime_ns) for n, p in batch.items() if n not in bad}
            rows = [row for row, name in enumerate(batch) if name in good]
            features = self._encode(pixels).numpy()[rows] if rows else np.zeros((0, 0), np.float32)
            yield good, self._stored(features, list(good)), bad

    def _stored(self, features: np.ndarray, names: list[str]) -> np.ndarray:
        with np.errstate(over="ignore"):
            stored = features.astype(self._dtype)
        row = first_false(np.isfinite(stored).all(axis=1))
        if row is not None:
            raise ValueError(
                f"`dtype` must hold the features, up to {np.abs(features[row]).max():g} for "
                f"{names[row]!r}. Received: dtype={self._dtype!r}"
            )
        return stored


def _is_current(store: FeatureDirectory, path: str, name: str) -> bool:
    if name not in store.rows:
        return False
    try:
        state = os.stat(path)
    except OSError:
        return True  # a picture that is away, with its disk perhaps, is no changed picture
    return store.rows[name][1:] == (state.st_size, state.st_mtime_ns)


def _check(paths, names, weights, dtype, images_per_batch) -> None:
    if len(paths) != len(names) or not len(paths):
        raise ValueError(
            "`paths` and `names` must be of one length, at least 1. "
            f"Received: {len(paths)} paths, {len(names)} names"
        )
    if len(set(names)) != len(names):
        seen = set()
        twice = next(name for name in names if name in seen or seen.add(name))
        raise ValueError(f"`names` must be distinct. Received: {twice!r} twice")
    if weights is None:
        raise ValueError("`weights` must be 'pretrained' or a path. Received: weights=None")
    if dtype not in ("float16", "float32"):
        raise ValueError(f"`dtype` must be 'float16' or 'float32'. Received: dtype={dtype!r}")
    if images_per_batch is not None and images_per_batch < 1:
        raise ValueError(
            f"`images_per_batch` must be at least 1. Received: images_per_batch={images_per_batch}"
        )
