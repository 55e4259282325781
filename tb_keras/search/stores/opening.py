"""Which store an index has, and whether its settings fit."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tb_keras.search.kept.embedding_rows import DTYPES
from tb_keras.search.stores.faiss_store import FaissStore
from tb_keras.search.stores.lancedb_store import LanceStore
from tb_keras.search.stores.qdrant_store import QdrantStore
from tb_keras.search.stores.store import Store

_PACKAGES = {"faiss": "faiss", "qdrant": "qdrant_client", "lancedb": "lancedb"}
_WITH_URL = ("qdrant", "lancedb")
_FLOATS = ("float32", "float16")
STORES = ("exact", *_PACKAGES)


def check_settings(store: str, store_url: str | None, dtype: str) -> None:
    """Checks settings of an index.

    Raises:
        ValueError: if there is no such store or type, or they do not go together.
        ImportError: if the store's package is not installed.

    Examples:
        >>> check_settings("faiss", None, "int8")
        Traceback (most recent call last):
        ValueError: `dtype` must be one of float32, float16 with store='faiss'. Received: 'int8'
    """
    for name, value, known in (("store", store, STORES), ("dtype", dtype, DTYPES)):
        if value not in known:
            raise ValueError(f"`{name}` must be one of {', '.join(known)}. Received: {value!r:.80}")
    if store == "faiss" and dtype not in _FLOATS:
        known = ", ".join(_FLOATS)
        raise ValueError(f"`dtype` must be one of {known} with {store=}. Received: {dtype!r}")
    if store_url is not None and store not in _WITH_URL:
        raise ValueError(
            f"`store_url` is for {' and '.join(_WITH_URL)}. Received: {store_url!r:.200} with "
            f"{store=}"
        )
    package = _PACKAGES.get(store)
    if package is not None and importlib.util.find_spec(package) is None:
        raise ImportError(f"{store=} needs the package {package}: pip install 'tb_keras[{store}]'")


def opened_store(settings: Mapping[str, Any], kind: str, directory: Path) -> Store | None:
    """Opens the store of an index for `"images"` or `"texts"`, None if it is searched exactly.

    Args:
        settings: of the index.
        kind: what it is for.
        directory: of the index.

    Raises:
        ValueError: if it cannot be opened.
        ImportError: if the store's package is not installed.
    """
    store, url, dtype = settings["store"], settings["store_url"], settings["dtype"]
    check_settings(store, url, dtype)
    name = f"{settings['collection']}-{kind}" if url else kind
    if store == "faiss":
        return FaissStore(directory / f"{kind}.faiss", dtype)
    if store == "qdrant":
        return QdrantStore(url, directory / f"{kind}.qdrant", name, dtype)
    if store == "lancedb":
        return LanceStore(url or str(directory / "lancedb"), name, dtype)
    return None
