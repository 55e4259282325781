"""A trained network and its encoders as one SavedModel that needs nothing of this package."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import keras

from tb_keras.networks import EmbeddingNetwork


def export(
    network: EmbeddingNetwork,
    directory: str | os.PathLike,
    image_encoder: keras.Model | None = None,
    text_encoder: keras.Model | None = None,
    card: str = "",
) -> Path:
    """Writes `directory/VERSION/`, the next free version, as TensorFlow Serving reads it.

    Signatures, each with dict outputs and a dynamic batch:

    - `embed_image_features`: `features` float32 `(n, image_dim)` → `embedding` `(n, dim)`
    - `embed_text_features`: `features` float32 `(n, text_dim)` → `embedding`

    and with both encoders

    - `embed_image`: `image_bytes` string `(n,)`, encoded PNG, JPEG, GIF or BMP → `embedding`
    - `embed_text`: `text` string `(n,)` → `embedding`
    - `similarity` and `serving_default`: `image_bytes` and `text`, n of each → `score` `(n,)`,
      the dot product of each pair. No signature crosses rows: a server that batches requests joins
      them along the first axis and splits the answers there.

    Without the encoders, `similarity` and `serving_default` take `image_features` and
    `text_features` instead. The version is written beside and renamed, so that a server that polls
    the directory never sees half a model.

    Args:
        network: the trained network.
        directory: the model's directory; numbered versions stand in it.
        image_encoder: string `(n,)` → `(n, image_dim)`; from `tb_keras.encoders.image_encoder`.
        text_encoder: string `(n,)` → `(n, text_dim)`; from `tb_keras.encoders.text_encoder`.
        card: Markdown, kept as the version's `README.md`: data, figures, licences.

    Returns:
        The path of the new version.

    Raises:
        ValueError: if only one encoder is given, or an encoder's features do not fit the network.
    """
    if (image_encoder is None) != (text_encoder is None):
        raise ValueError("`image_encoder` and `text_encoder` must both be given, or neither.")
    for argument, encoder, branch in (
        ("image_encoder", image_encoder, network.image_branch),
        ("text_encoder", text_encoder, network.text_branch),
    ):
        if encoder is not None and encoder.output_shape[-1] != branch.input_shape[-1]:
            raise ValueError(
                f"`{argument}` must give the {branch.input_shape[-1]} features that the network "
                f"takes. Received: {encoder.output_shape[-1]}"
            )
    import tensorflow as tf

    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=directory))
    try:
        # Not keras.export.ExportArchive: Keras 3.15 writes every weight twice.
        root = tf.Module()
        root.models = [m for m in (network, image_encoder, text_encoder) if m is not None]
        signatures = _signatures(network, image_encoder, text_encoder)
        tf.saved_model.save(root, str(unfinished), signatures=signatures)
        (unfinished / "README.md").write_text(card, encoding="utf-8")
        unfinished.chmod(0o755)
        version = directory / str(latest_version(directory) + 1)
        os.rename(unfinished, version)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return version


def latest_version(directory: str | os.PathLike) -> int:
    """Returns the highest version number in a model's directory, 0 where there is none.

    Example:

    >>> latest_version("no/such/directory")
    0
    """
    directory = Path(directory)
    names = [path.name for path in directory.iterdir()] if directory.is_dir() else []
    return max((int(name) for name in names if name.isdecimal()), default=0)


def _signatures(network, image_encoder, text_encoder) -> dict:
    import tensorflow as tf

    def embed_image_features(features):
        return {"embedding": network.image_branch(features, training=False)}

    def embed_text_features(features):
        return {"embedding": network.text_branch(features, training=False)}

    def embed_image(image_bytes):
        return embed_image_features(image_encoder(image_bytes, training=False))

    def embed_text(text):
        return embed_text_features(text_encoder(text, training=False))

    def scores(image, text):
        return {"score": tf.reduce_sum(image["embedding"] * text["embedding"], axis=1)}

    def similarity(image_bytes, text):
        return scores(embed_image(image_bytes), embed_text(text))

    def similarity_of_features(image_features, text_features):
        return scores(embed_image_features(image_features), embed_text_features(text_features))

    def vectors(name, branch):
        return tf.TensorSpec((None, branch.input_shape[-1]), tf.float32, name=name)

    def strings(name):
        return tf.TensorSpec((None,), tf.string, name=name)

    image_branch, text_branch = network.image_branch, network.text_branch
    endpoints = {
        "embed_image_features": (embed_image_features, [vectors("features", image_branch)]),
        "embed_text_features": (embed_text_features, [vectors("features", text_branch)]),
    }
    if image_encoder is None:
        pair = [vectors("image_features", image_branch), vectors("text_features", text_branch)]
        default = (similarity_of_features, pair)
    else:
        endpoints["embed_image"] = (embed_image, [strings("image_bytes")])
        endpoints["embed_text"] = (embed_text, [strings("text")])
        default = (similarity, [strings("image_bytes"), strings("text")])
    endpoints["similarity"] = endpoints["serving_default"] = default

    return {
        name: tf.function(function, input_signature=signature).get_concrete_function()
        for name, (function, signature) in endpoints.items()
    }
