"""A trained network and its encoders as one SavedModel that needs nothing of this package."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from pathlib import Path

import keras

from tb_keras.encoders.regions.region_encoder import RegionEncoder
from tb_keras.networks import EmbeddingNetwork, LinearNetwork, TwoBranchNetwork
from tb_keras.search import Searchable
from tb_keras.search.graph_index import GraphIndex
from tb_keras.serving.exporting.signature_table import signature_table
from tb_keras.serving.exporting.signatures import signatures
from tb_keras.serving.exporting.stored_weights import StoredWeights
from tb_keras.serving.exporting.vocabulary_assets import with_vocabulary_assets
from tb_keras.serving.exporting.warm_up import write_warm_up
from tb_keras.storage.atomic_file import directory_beside


def export(
    network: TwoBranchNetwork,
    directory: str | os.PathLike,
    image_encoder: keras.Model | None = None,
    text_encoder: keras.Model | None = None,
    card: str = "",
    searchable: Searchable | None = None,
    weights: str = "float32",
) -> Path:
    """Writes `directory/VERSION/`, the next free version, as TensorFlow Serving reads it.

    Signatures, each with dict outputs and any number n of rows:

    - `embed_image_features`: `features` float32 `(n, image_dim)` → `embedding` `(n, dim)`
    - `embed_text_features`: `features` float32 `(n, text_dim)` → `embedding`; int32, word indices,
      for a network with a text encoder of its own
    - `score_embeddings`: `image_embedding` and `text_embedding`, n of each → `score` `(n,)`, one a
      pair: the dot product, or what the similarity network makes of their product

    with an encoder of pictures, with one of texts, and with both

    - `embed_image`: `image_bytes` string `(n,)`, encoded PNG, JPEG, GIF or BMP → `embedding`
    - `embed_text`: `text` string `(n,)` → `embedding`
    - `similarity` and `serving_default`: `image_bytes` and `text`, n of each → `score` `(n,)`

    with a `tb_keras.encoders.regions.region_encoder.RegionEncoder` instead of the former

    - `embed_regions`: `image_bytes` string `(n,)`, `boxes` float32 `(n, r, 4)` xyxy in pixels →
      `embedding` `(n, r, dim)`
    - `embed_text`: as above
    - `localize` and `serving_default`: `image_bytes`, `boxes` and `text`, n of each → `score`
      `(n, r)`, how well the text fits each region of its picture

    and with something to search

    - `search`: `text` string `(n,)` and `k` int32 `(n,)`, the answers to each, 1 to 1,000 → `id`
      string and `score` float32, both `(n, w)`, w the highest k, at most the number of images: the
      images of the highest score, exactly, best first; `""` and 0 beyond a query's own k
    - `search_texts`: the same with `image_bytes` for texts, if there are texts to find.

    Without an encoder for pictures or one for texts, `similarity` takes `image_features` and
    `text_features` instead, and so does `serving_default` (but where it localizes); `search` and
    `search_texts` take features for what has no encoder.

    No signature crosses rows: a server that batches requests joins them along the first axis and
    splits the answers there. Requests of any size are worked through in blocks. What is no picture,
    or not finite, or has no finite answer, is answered with INVALID_ARGUMENT and its positions, and
    so is another shape than the signature's; texts are cut after 10,000 characters, and bytes that
    are no UTF-8 read as U+FFFD. Vocabularies lie in `assets/`. Where tensorflow-serving-api is
    installed, requests for the server to warm up with lie in `assets.extra/`.

    The version is written beside and renamed, so that a server that polls the directory never sees
    half a model.

    Args:
        network: the trained network.
        directory: the model's directory; numbered versions stand in it.
        image_encoder: string `(n,)` → `(n, image_dim)`, from `tb_keras.encoders.image_encoder`; or
            a `RegionEncoder`.
        text_encoder: string `(n,)` → what the text branch takes, `(n, text_dim)`; from
            `tb_keras.encoders.text_encoder`.
        card: Markdown, kept as the version's `README.md`: data, figures, licences. A table of the
            signatures follows it.
        searchable: images and texts to search, embedded by `network`.
        weights: "float32", or "bfloat16" or "float16" for half the size on disk and in memory, at
            the price of casting the matrices back at each call; of what is searched too.

    Returns:
        The path of the new version.

    Raises:
        ValueError: if a region encoder is given without a text encoder, what an encoder gives or
            what is to be searched does not fit the network, or `weights` is unknown.
    """
    _check_encoders(network, image_encoder, text_encoder)
    if searchable is not None:
        _check_searchable(network, searchable)
    import tensorflow as tf

    directory = Path(directory)
    with directory_beside(directory / "unfinished") as unfinished:
        with tempfile.TemporaryDirectory() as vocabularies:
            if text_encoder is not None:
                text_encoder = with_vocabulary_assets(text_encoder, vocabularies)
            # Not keras.export.ExportArchive: Keras 3.15 writes every weight twice.
            root = tf.Module()
            # Of a region encoder only the backbone has weights.
            images = getattr(image_encoder, "backbone", image_encoder)
            models = [model for model in (network, images, text_encoder) if model is not None]
            stored = StoredWeights(models, weights)
            root.parts = stored.parts
            root.network = tf.Variable(_kind(network), trainable=False)
            root.indices = _indices(searchable, weights)
            asked = signatures(network, image_encoder, text_encoder, stored, *root.indices)
            tf.saved_model.save(root, str(unfinished), signatures=asked)
        readme = f"{card.rstrip()}\n\n## What it takes\n\n{signature_table(asked)}\n".lstrip()
        (unfinished / "README.md").write_text(readme, encoding="utf-8")
        if importlib.util.find_spec("tensorflow_serving"):
            write_warm_up(unfinished)
        version = directory / str(latest_version(directory) + 1)
        os.rename(unfinished, version)
    return version


def _check_encoders(network, image_encoder, text_encoder) -> None:
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


def _check_searchable(network: TwoBranchNetwork, searchable: Searchable) -> None:
    dim = network.image_branch.output_shape[-1]
    if searchable.image_embeddings.shape[1] != dim:
        raise ValueError(
            f"`searchable` must hold embeddings of {dim} dimensions, as the network gives them. "
            f"Received: {searchable.image_embeddings.shape[1]}"
        )
    if _kind(network) == "similarity":
        raise ValueError(
            "`searchable` must go with a network whose scores are dot products. "
            "Received: a similarity network"
        )


def _indices(searchable: Searchable | None, dtype: str) -> tuple[GraphIndex | None, ...]:
    """Of images and of texts, as far as there are any."""
    if searchable is None:
        return None, None
    images = GraphIndex(searchable.image_ids, searchable.image_embeddings, dtype)
    if searchable.text_ids is None:
        return images, None
    return images, GraphIndex(searchable.text_ids, searchable.text_embeddings, dtype)


def _kind(network: TwoBranchNetwork) -> str:
    """Its name among `NETWORKS`; "cca" is an embedding network too."""
    if isinstance(network, LinearNetwork):
        return "cca"
    return "embedding" if isinstance(network, EmbeddingNetwork) else "similarity"


def latest_version(directory: str | os.PathLike) -> int:
    """Returns the highest version number in a model's directory, 0 where there is none.

    Examples:
        >>> latest_version("no/such/directory")
        0
    """
    directory = Path(directory)
    names = [path.name for path in directory.iterdir()] if directory.is_dir() else []
    return max((int(name) for name in names if name.isdecimal()), default=0)
