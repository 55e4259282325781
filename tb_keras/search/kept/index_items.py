"""The items that an index is given and gives, and the model that it asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np


class Embedder(Protocol):
    """What an index asks of a model.

    Attributes:
        fingerprint: a string that changes with anything that embeddings depend on.
    """

    fingerprint: str

    def embed_images(self, paths: Sequence[str]) -> np.ndarray:
        """Embeds pictures: float `(len(paths), dim)`."""

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Embeds strings: float `(len(texts), dim)`."""


class Item(NamedTuple):
    """What an index keeps of an item, beside its embedding.

    Attributes:
        id: its identifier.
        path: of a picture, else None.
        attributes: of a picture, by name; None where one is missing.
    """

    id: str
    path: str | None
    attributes: dict[str, float | int | str | None]


class EmbeddedItem(NamedTuple):
    """A picture or a text with an embedding from elsewhere.

    Attributes:
        id: its identifier; a text is its own.
        path: of a picture, else None.
        embedding: float32 `(dim,)`.
    """

    id: str
    path: str | None
    embedding: np.ndarray
