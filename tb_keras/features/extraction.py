"""Features of many picture files, extracted once into a directory."""

from __future__ import annotations

import collections
import os
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import keras
import numpy as np

from tb_keras.checks.arguments import check_int, first_false
from tb_keras.encoders.image.image_encoder import image_encoder
from tb_keras.features.feature_directory import FeatureDirectory
from tb_keras.storage.cache_key import encoder_settings, file_digest
from tb_keras.storage.pictures.picture_reference import picture_state

_CROPS_PER_BATCH = 32


class Extraction(NamedTuple):
    """The outcome of `extract_features`.

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
    encoder: str = "efficientnet_lite0_levels",
    weights: str | os.PathLike = "pretrained",
    size: int | None = None,
    crops: int = 1,
    dtype: str = "float16",
    strict: bool = False,
    batch_size: int | None = None,
    verbose: bool = True,
) -> Extraction:
    """Encodes picture files into a directory, for `with_extracted_features`.

    Pictures that already have features there are skipped, unless the size or modification time of
    the file that they are, or lie in, has changed. Pictures that you no longer name keep their
    features. A run that is killed, at any moment, continues after the last whole batch.

    Args:
        paths: paths of the picture files, or references into archives.
        names: distinct names of the pictures in the directory, such as their paths relative to a
            common folder.
        directory: where the features are written; made if it does not exist.
        encoder: a name that `tb_keras.encoders.image_encoder` takes.
        weights: as in `image_encoder`, but not None: a later run could not continue with random
            weights.
        size: as in `image_encoder`.
        crops: as in `image_encoder`.
        dtype: type of the features on disk, `"float16"` or `"float32"`.
        strict: whether a picture that cannot be read is an error; otherwise it is left out.
        batch_size: pictures encoded at a time; if left out 32, or 3 with ten crops.
        verbose: whether to show a progress bar when something has to be encoded.

    Returns:
        An `Extraction`: how many pictures were encoded, and which could not be read.

    Raises:
        ValueError: an argument is out of range, the directory holds features of other settings,
            another process writes there, a feature does not fit `dtype`, or, with `strict`, a
            picture cannot be read. What was encoded before stays.
        OSError: the encoder's weights do not exist or cannot be downloaded.

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
        (1, 3584)
    """
    _check(paths, names, weights, dtype, batch_size)
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
        unreadable: dict[str, str] = {}
        if pending:
            encode_batches = _Pipeline(encoder, weights, size, crops, dtype, batch_size)
            progress = keras.utils.Progbar(len(pending), verbose=verbose, unit_name="picture")
            # Pictures that could not be read before come last, in batches of their own, so that a
            # run that continues makes the same batches as one that was never stopped.
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
    """Encodes batches of picture files, decoding while the network computes."""

    def __init__(self, encoder, weights, size, crops, dtype, batch_size):
        import tensorflow as tf

        model = image_encoder(encoder, weights=weights, size=size, crops=crops)
        decoding = model.get_layer("decode_images")
        network = keras.Model(decoding.output, model.output)
        self._decode: Callable = decoding.decode
        # One signature makes one trace, whatever the size of the last batch.
        self._encode = tf.function(
            lambda pixels: network(pixels, training=False),
            input_signature=[tf.TensorSpec((None, *decoding.output.shape[1:]))],
        )
        self._pixel_shape = decoding.output.shape[1:]
        self._dtype = dtype
        self._batch_size = batch_size or max(1, _CROPS_PER_BATCH // crops)

    def __call__(self, items: Sequence[tuple[str, str]]) -> Iterator[tuple[dict, np.ndarray, dict]]:
        """Yields, for each batch, the arguments of `FeatureDirectory.add`."""
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
        state = picture_state(path)
    except OSError:
        return True  # a picture that is away, perhaps with its disk, has not changed
    return store.rows[name][1:] == (state.st_size, state.st_mtime_ns)


def _check(paths, names, weights, dtype, batch_size) -> None:
    if len(paths) != len(names) or not len(paths):
        raise ValueError(
            "`paths` and `names` must be of one length, at least 1. "
            f"Received: {len(paths)} paths, {len(names)} names"
        )
    if len(set(names)) != len(names):
        twice = next(name for name, count in collections.Counter(names).items() if count > 1)
        raise ValueError(f"`names` must be distinct. Received: {twice!r} twice")
    if weights is None:
        raise ValueError("`weights` must be 'pretrained' or a path. Received: weights=None")
    if dtype not in ("float16", "float32"):
        raise ValueError(f"`dtype` must be 'float16' or 'float32'. Received: dtype={dtype!r}")
    if batch_size is not None:
        check_int("batch_size", batch_size, least=1)
