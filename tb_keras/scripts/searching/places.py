"""Where tb-search looks: pictures and texts that are embedded now, or an index that is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from tb_keras.scripts.runs.settled_paths import seen_from_here
from tb_keras.scripts.searching.searched_collection import Searched
from tb_keras.search import ImageTextIndex, Index

Ids = Sequence


class Shown(NamedTuple):
    """How an answer is shown.

    Attributes:
        answer: a text, or the path of a picture.
        name: of the picture, "" if it has none but its path.
    """

    answer: str
    name: str


class Place(Protocol):
    """Images and texts that are found by their embeddings."""

    def count(self, of: str) -> int:
        """Returns the number of `"images"` or `"texts"`."""

    def search(
        self, queries: np.ndarray, k: int, of: str, filter: str | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns scores and identifiers, both `(q, min(k, n))`, best first."""

    def embeddings(self, ids: Ids, of: str) -> np.ndarray:
        """Returns embeddings, float32 `(len(ids), dim)`."""

    def shown(self, ids: Ids, of: str) -> list[Shown]:
        """Returns how answers are shown."""


class NewPlace:
    """Pictures and texts that are embedded when they are first searched.

    Args:
        model: with `embed_images` and `embed_texts`.
        searched: the pictures and texts.
    """

    def __init__(self, model, searched: Searched):
        self._embed = {"images": model.embed_images, "texts": model.embed_texts}
        self._items = {"images": searched.paths, "texts": searched.texts}
        self._names: Mapping[str, str] = searched.names
        self._embedded: dict[str, Index] = {}

    def count(self, of: str) -> int:
        return len(self._items[of])

    def search(
        self, queries: np.ndarray, k: int, of: str, filter: str | None
    ) -> tuple[np.ndarray, np.ndarray]:
        if filter:
            raise ValueError("--filter needs an --index, which keeps attributes")
        return self._index(of).search(queries, min(k, self.count(of)))

    def embeddings(self, ids: Ids, of: str) -> np.ndarray:
        return np.asarray(self._index(of).embeddings[np.asarray(ids, int)])

    def shown(self, ids: Ids, of: str) -> list[Shown]:
        answers = [self._items[of][row] for row in ids]
        return [Shown(answer, self._names.get(answer, "")) for answer in answers]

    def _index(self, of: str) -> Index:
        if of not in self._embedded:
            self._embedded[of] = Index(self._embed[of](self._items[of]))
        return self._embedded[of]


class KeptPlace:
    """An index that is kept.

    Args:
        index: the index.
    """

    def __init__(self, index: ImageTextIndex):
        self._index = index

    def count(self, of: str) -> int:
        return self._index.count(of)

    def search(
        self, queries: np.ndarray, k: int, of: str, filter: str | None
    ) -> tuple[np.ndarray, np.ndarray]:
        return self._index.search(queries, k, filter, of)

    def embeddings(self, ids: Ids, of: str) -> np.ndarray:
        return self._index.embeddings(ids, of)

    def shown(self, ids: Ids, of: str) -> list[Shown]:
        shown = []
        for item in self._index.items(ids, of):
            path = item.path and seen_from_here(item.path)
            name = item.id if item.path not in (None, item.id) else ""
            shown.append(Shown(path or item.id, name))
        return shown
