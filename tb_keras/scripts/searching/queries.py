"""Queries: texts, and paths of pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from tb_keras.storage.pictures.picture_folder import PICTURES
from tb_keras.storage.pictures.picture_reference import picture_exists


def is_picture_query(query: str) -> bool:
    """Returns whether a query is a picture, not a text.

    Raises:
        FileNotFoundError: if it has a picture's ending and there is no such file.
        ValueError: if it is a file of another kind.
    """
    kind, is_file = os.path.splitext(query)[1].lower(), os.path.isfile(query)
    if not is_file and picture_exists(query):  # in an archive
        return True
    if kind in PICTURES and not is_file:
        raise FileNotFoundError(f"there is no picture {query!r}")
    if kind and is_file and kind not in PICTURES:
        kinds = ", ".join(PICTURES)
        raise ValueError(f"{query!r} is no picture of a known kind ({kinds})")
    return kind in PICTURES


def embedded_queries(
    model, queries: Sequence[str], is_picture: Sequence[bool], minus: str | None
) -> list[np.ndarray]:
    """Returns the embedding of each query, float32 `(dim,)`.

    Args:
        model: with `embed_images` and `embed_texts`.
        queries: texts and paths of pictures.
        is_picture: which of them are pictures.
        minus: a text whose embedding is subtracted from each; none if empty or None.
    """
    found: dict[str, np.ndarray] = {}
    for picture, embed in ((False, model.embed_texts), (True, model.embed_images)):
        some = [query for query, is_one in zip(queries, is_picture) if is_one == picture]
        if some:
            found |= zip(some, embed(some))
    embedded = [found[query] for query in queries]
    if minus:
        (taken,) = model.embed_texts([minus])
        embedded = [query - taken for query in embedded]
    return embedded
