"""Building the two branches of a network from its checked settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import keras
import numpy as np

from tb_keras.checks.arguments import check_int
from tb_keras.networks.branch import build_branch


class Branches(NamedTuple):
    """Two branches that share nothing, and what they were built from.

    Attributes:
        image: the image branch.
        text: the text branch.
        inputs: symbolic features, by the names "image" and "text".
        embeddings: what the branches make of them, by the same names.
        settings: checked, with sizes as plain ints and the rest as floats.
        dtype: the layers' dtype policy.
        text_encoder: the first part of the text branch, or None.
    """

    image: keras.Model
    text: keras.Model
    inputs: dict
    embeddings: dict
    settings: dict
    dtype: keras.DTypePolicy
    text_encoder: keras.Model | None


def build_branches(
    settings: Mapping[str, int | float],
    dtype: str | keras.DTypePolicy | None,
    text_encoder: keras.Model | None = None,
) -> Branches:
    """Builds both branches.

    Args:
        settings: `image_dim`, `text_dim`, `hidden_dim`, `embedding_dim`, `dropout`, `noise`,
            `projected`, `image_landmarks` and `text_landmarks`.
        dtype: dtype policy of the layers; Keras's own if None.
        text_encoder: int32 `(batch, text_dim)` → float, to stand before the text branch's layers.

    Raises:
        ValueError: if a size is no positive int, `dropout` or `noise` is out of range, the encoder
            takes or gives something else, or stands before a projected branch, or there are
            landmarks of one that is not projected.
    """
    settings = _checked_settings(settings)
    dtype = keras.dtype_policies.get(dtype)
    if text_encoder is not None:
        if settings["projected"]:
            raise ValueError(
                "`projected` must be False with a `text_encoder`: no linear map holds for "
                "encodings that are still to be learned. Received: projected=True"
            )
        _check_encoder(text_encoder, settings["text_dim"])
    branches, inputs = {}, {}
    for view, encoder in (("image", None), ("text", text_encoder)):
        branches[view] = build_branch(
            settings[f"{view}_dim"],
            settings["hidden_dim"],
            settings["embedding_dim"],
            settings["dropout"],
            f"{view}_branch",
            settings["noise"],
            dtype,
            encoder,
            settings["projected"],
            settings[f"{view}_landmarks"],
        )
        given = branches[view].input
        inputs[view] = keras.Input(given.shape[1:], name=view, dtype=given.dtype)
    embeddings = {view: branch(inputs[view]) for view, branch in branches.items()}
    return Branches(
        **branches,
        inputs=inputs,
        embeddings=embeddings,
        settings=settings,
        dtype=dtype,
        text_encoder=text_encoder,
    )


def checked_size(argument: str, size: int) -> int:
    """Returns `size` as a plain int.

    Raises:
        ValueError: if it is no positive int.
    """
    if not isinstance(size, (int, np.integer)) or size < 1:
        raise ValueError(f"`{argument}` must be a positive int. Received: {size!r}")
    return int(size)


def _checked_settings(settings: Mapping[str, int | float]) -> dict[str, int | float]:
    sizes = {
        name: checked_size(name, size) for name, size in settings.items() if name.endswith("_dim")
    }
    if not 0 <= settings["dropout"] < 1:
        raise ValueError(f"`dropout` must be in [0, 1). Received: {settings['dropout']}")
    if not settings["noise"] >= 0:
        raise ValueError(f"`noise` must be a non-negative float. Received: {settings['noise']}")
    shares = {name: float(settings[name]) for name in ("dropout", "noise")}
    landmarks = {name: settings[name] for name in ("image_landmarks", "text_landmarks")}
    for name, count in landmarks.items():
        check_int(name, count, least=0)
        if count and not settings["projected"]:
            raise ValueError(f"`{name}` must be 0 where `projected` is False. Received: {count}")
        landmarks[name] = int(count)
    return {**settings, **sizes, **shares, "projected": bool(settings["projected"]), **landmarks}


def _check_encoder(text_encoder: keras.Model, text_dim: int) -> None:
    taken, given = text_encoder.input_shape, text_encoder.output_shape
    if len(taken) != 2 or taken[1] not in (None, text_dim) or len(given) != 2 or not given[1]:
        raise ValueError(
            f"`text_encoder` must take ints (batch, {text_dim}), as `text_dim` says, and give "
            f"vectors (batch, dim). Received: a model from {taken} to {given}"
        )
