"""A trained network and its encoders as one SavedModel that needs nothing of this package."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import keras

from tb_keras.encoders.region_encoder import RegionEncoder
from tb_keras.networks import EmbeddingNetwork, LinearNetwork, TwoBranchNetwork
from tb_keras.serving.signatures import signatures


def export(
    network: TwoBranchNetwork,
    directory: str | os.PathLike,
    image_encoder: keras.Model | None = None,
    text_encoder: keras.Model | None = None,
    card: str = "",
) -> Path:
    """Writes `directory/VERSION/`, the next free version, as TensorFlow Serving reads it.

    Signatures, each with dict outputs and a dynamic batch:

    - `embed_image_features`: `features` float32 `(n, image_dim)` → `embedding` `(n, dim)`
    - `embed_text_features`: `features` float32 `(n, text_dim)` → `embedding`; int32, word indices,
      for a network with a text encoder of its own
    - `score_embeddings`: `image_embedding` and `text_embedding`, n of each → `score` `(n,)`, one a
      pair: the dot product, or what the similarity network makes of their product

    with an encoder of pictures, with one of texts, and with both

    - `embed_image`: `image_bytes` string `(n,)`, encoded PNG, JPEG, GIF or BMP → `embedding`
    - `embed_text`: `text` string `(n,)` → `embedding`
    - `similarity` and `serving_default`: `image_bytes` and `text`, n of each → `score` `(n,)`

    and with a `tb_keras.encoders.region_encoder.RegionEncoder` instead of the former

    - `embed_regions`: `image_bytes` string `(n,)`, `boxes` float32 `(n, r, 4)` xyxy in pixels →
      `embedding` `(n, r, dim)`
    - `embed_text`: as above
    - `localize` and `serving_default`: `image_bytes`, `boxes` and `text`, n of each → `score`
      `(n, r)`, how well the text fits each region of its picture.

    No signature crosses rows: a server that batches requests joins them along the first axis and
    splits the answers there. Without an encoder for pictures or one for texts, `similarity` takes
    `image_features` and `text_features` instead (and so does `serving_default`, but where it
    localizes). The version is written beside and renamed, so that a server that polls the directory
    never sees half a model.

    Args:
        network: the trained network.
        directory: the model's directory; numbered versions stand in it.
        image_encoder: string `(n,)` → `(n, image_dim)`, from `tb_keras.encoders.image_encoder`; or
            a `RegionEncoder`.
        text_encoder: string `(n,)` → what the text branch takes, `(n, text_dim)`; from
            `tb_keras.encoders.text_encoder`.
        card: Markdown, kept as the version's `README.md`: data, figures, licences.

    Returns:
        The path of the new version.

    Raises:
        ValueError: if a region encoder is given without a text encoder, or what an encoder gives
            does not fit the network.
    """
    if isinstance(image_encoder, RegionEncoder) and text_encoder is None:
        raise ValueError("`text_encoder` must be given with a region encoder. Received: None")
    for argument, encoder, branch in (
        ("image_encoder", image_encoder, network.image_branch),
        ("text_encoder", text_encoder, network.text_branch),
    ):
        if encoder is None:
            continue
        dim = (
            encoder.feature_dim if isinstance(encoder, RegionEncoder) else encoder.output_shape[-1]
        )
        if dim != branch.input_shape[-1]:
            raise ValueError(
                f"`{argument}` must give the {branch.input_shape[-1]} features that the network "
                f"takes. Received: {dim}"
            )
    if text_encoder is not None:
        given, taken = text_encoder.output.dtype, network.text_branch.input.dtype
        if given != taken:
            raise ValueError(
                f"`text_encoder` must give {taken} as the network takes them. Received: {given}"
            )
    import tensorflow as tf

    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=directory))
    try:
        # Not keras.export.ExportArchive: Keras 3.15 writes every weight twice.
        root = tf.Module()
        # Of a region encoder only the backbone has weights. Tracked itself, Keras would trace it
        # by a guess at its inputs, with floats for strings.
        images = getattr(image_encoder, "backbone", image_encoder)
        root.models = [m for m in (network, images, text_encoder) if m is not None]
        root.network = tf.Variable(_kind(network), trainable=False)
        asked = signatures(network, image_encoder, text_encoder)
        tf.saved_model.save(root, str(unfinished), signatures=asked)
        (unfinished / "README.md").write_text(card, encoding="utf-8")
        unfinished.chmod(0o755)
        version = directory / str(latest_version(directory) + 1)
        os.rename(unfinished, version)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return version


def _kind(network: TwoBranchNetwork) -> str:
    """Its name among `tb_keras.training.recipe.NETWORKS`; "cca" is an embedding network too."""
    if isinstance(network, LinearNetwork):
        return "cca"
    return "embedding" if isinstance(network, EmbeddingNetwork) else "similarity"


def latest_version(directory: str | os.PathLike) -> int:
    """Returns the highest version number in a model's directory, 0 where there is none.

    Example:

    >>> latest_version("no/such/directory")
    0
    """
    directory = Path(directory)
    names = [path.name for path in directory.iterdir()] if directory.is_dir() else []
    return max((int(name) for name in names if name.isdecimal()), default=0)
