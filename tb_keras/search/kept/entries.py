"""What the items of an index are made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

KINDS = ("images", "texts")


class Entry(NamedTuple):
    """An item as it is written.

    Attributes:
        id: its identifier.
        path: of a picture, else None.
        digest: of a picture's content, else None.
        values: of its attributes.
    """

    id: str
    path: str | None = None
    digest: str | None = None
    values: tuple = ()


class Known(NamedTuple):
    """What is kept of an item.

    Attributes:
        key: the number that tells its embedding; a changed picture gets a new one.
        path: of a picture, else None.
        digest: of a picture's content, else None.
        attributes: of a picture, by name; None where one is missing.
    """

    key: int
    path: str | None
    digest: str | None
    attributes: dict[str, float | int | str | None]


class Live(NamedTuple):
    """The items of a kind, as numbers.

    Attributes:
        keys: int64 `(n,)`, ascending.
        rows: int64 `(n,)`, ascending, the row of each embedding.
        pending: int64 keys, ascending, that the store may not have, or have with old attributes.
        generation: which files have the rows.
    """

    keys: np.ndarray
    rows: np.ndarray
    pending: np.ndarray
    generation: int
