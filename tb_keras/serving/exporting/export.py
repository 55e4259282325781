"""Writing a trained network and its encoders as one SavedModel, which runs without this package."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from pathlib import Path

import keras

from tb_keras.encoders.regions.region_encoder import RegionEncoder
from tb_keras.networks import EmbeddingNetwork, LinearStart, TwoBranchNetwork
from tb_keras.search import Searchable
from tb_keras.search.graph_index import GraphIndex
from tb_keras.serving.exporting.signature_table import signature_table
from tb_keras.serving.exporting.signatures import signatures
from tb_keras.serving.exporting.stored_weights import StoredWeights
from tb_keras.serving.exporting.vocabulary_assets import with_vocabulary_assets
from tb_keras.serving.exporting.warm_up import write_warm_up
from tb_keras.storage.atomic_file import directory_beside

_LOADING = (
    "Load it with `import tensorflow_text` before `tf.saved_model.load`: the graph holds text "
    "ops.\n\n"
)


def export(
    network: TwoBranchNetwork,
    directory: str | os.PathLike,
    image_encoder: keras.Model | None = None,
    text_encoder: keras.Model | None = None,
    card: str = "",
    searchable: Searchable | None = None,
    weights: str = "float32",
) -> Path:
    """Writes a network as `directory/VERSION/`, the next free version, for TensorFlow Serving.

    Every export has these signatures. Inputs have any number n of rows, outputs are dicts:

    - `embed_image_features`: `features` float32 `(n, image_dim)` → `embedding` `(n, dim)`
    - `embed_text_features`: `features` float32 `(n, text_dim)` → `embedding` `(n, dim)`. A network
      with a text encoder of its own takes int32 word indices.
    - `score_embeddings`: n `image_embedding` and n `text_embedding` → `score` `(n,)`, one for each
      pair: the dot product, or what a similarity network makes of their product
    - `similarity`: n `image_features` and n `text_features` → `score` `(n,)`
    - `serving_default`: the same as `similarity`, or as `localize` if there is one.

    With an image encoder, a text encoder, or both:

    - `embed_image`: `image_bytes` string `(n,)`, encoded PNG, JPEG, GIF or BMP → `embedding`
    - `embed_text`: `text` string `(n,)` → `embedding`
    - `similarity`: n `image_bytes` and n `text` → `score` `(n,)`.

    With a `RegionEncoder` in place of the image encoder:

    - `embed_regions`: `image_bytes` string `(n,)`, `boxes` float32 `(n, r, 4)` xyxy in pixels →
      `embedding` `(n, r, dim)`
    - `localize`: `image_bytes`, `boxes` and `text`, n of each → `score` `(n, r)`, how well the text
      fits each region of its picture.

    With something to search:

    - `search`: `text` string `(n,)` and `k` int32 `(n,)`, 1 to 1,000 → `id` string and `score`
      float32, both `(n, w)`. These are the k images with the highest scores, by exact search, best
      first. The width w is the largest k, at most the number of images; beyond a query's own k
      stand `""` and 0.
    - `search_texts`: the same for `image_bytes` and texts, if `searchable` has texts.

    Where there is no encoder, both take `image_features` and `text_features` instead.

    A server that batches requests joins them along the first axis and splits the answers there, so
    every answer depends on its own row alone. Requests of any size are computed block by block. A
    request fails with INVALID_ARGUMENT if an input has another shape than the signature's, or if a
    row is not a picture, is not finite or has an answer that is not finite; the message gives the
    positions of such rows. Texts are cut after 10,000 characters, and bytes that are not UTF-8 read
    as U+FFFD. Vocabularies are files in `assets/`. If tensorflow-serving-api is installed,
    `assets.extra/` has requests that warm the server up.

    The version is written under a hidden name and renamed, so that a server that polls `directory`
    never sees half a model.

    Args:
        network: the trained network.
        directory: the model's directory, which holds its numbered versions.
        image_encoder: string `(n,)` → `(n, image_dim)`, from `tb_keras.encoders.image_encoder`; or
            a `tb_keras.encoders.RegionEncoder`.
        text_encoder: string `(n,)` → what the text branch takes, `(n, text_dim)`, from
            `tb_keras.encoders.text_encoder`.
        card: Markdown about data, figures and licences, kept as the version's `README.md`. A table
            of the signatures follows it.
        searchable: images and texts to search, embedded by `network`.
        weights: "float32", "bfloat16" or "float16", the dtype in which matrices and searched
            embeddings are stored. The half types need half the room on disk and in memory, and are
            cast to float32 at each call.

    Returns:
        The path of the new version.

    Raises:
        ValueError: if a region encoder is given without a text encoder, if an encoder or
            `searchable` does not fit the network, or if `weights` is unknown.
    """
    check_encoders(network, image_encoder, text_encoder)
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
            # All weights of a region encoder are its backbone's.
            images = getattr(image_encoder, "backbone", image_encoder)
            models = [model for model in (network, images, text_encoder) if model is not None]
            stored = StoredWeights(models, weights)
            root.parts = stored.parts
            root.network = tf.Variable(_kind(network), trainable=False)
            root.indices = _indices(searchable, weights)
            found = signatures(network, image_encoder, text_encoder, stored, *root.indices)
            tf.saved_model.save(root, str(unfinished), signatures=found)
        loading = _LOADING if text_encoder is not None else ""
        taken = f"## What it takes\n\n{loading}{signature_table(found)}\n"
        readme = f"{card.rstrip()}\n\n{taken}".lstrip()
        (unfinished / "README.md").write_text(readme, encoding="utf-8")
        if importlib.util.find_spec("tensorflow_serving"):
            write_warm_up(unfinished)
        version = directory / str(latest_version(directory) + 1)
        os.rename(unfinished, version)
    return version


def check_encoders(
    network: TwoBranchNetwork,
    image_encoder: keras.Model | None,
    text_encoder: keras.Model | None,
) -> None:
    """Checks that encoders give what a network takes.

    Raises:
        ValueError: if one does not, or a region encoder comes without a text encoder.
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
    """Returns an index of the images and one of the texts, None where there is nothing to find."""
    if searchable is None:
        return None, None
    images = GraphIndex(searchable.image_ids, searchable.image_embeddings, dtype)
    if searchable.text_ids is None:
        return images, None
    return images, GraphIndex(searchable.text_ids, searchable.text_embeddings, dtype)


def _kind(network: TwoBranchNetwork) -> str:
    """Returns the network's kind: "embedding", "similarity", or "cca" for linear starts alone."""
    if not isinstance(network, EmbeddingNetwork):
        return "similarity"
    linear = network.hidden_dim == 0 and isinstance(network.image_start, LinearStart)
    return "cca" if linear else "embedding"


def latest_version(directory: str | os.PathLike) -> int:
    """Returns the highest version number in a model's directory, 0 if there is none.

    Examples:
        >>> latest_version("no/such/directory")
        0
    """
    directory = Path(directory)
    names = [path.name for path in directory.iterdir()] if directory.is_dir() else []
    return max((int(name) for name in names if name.isdecimal()), default=0)
