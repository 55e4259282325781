"""Vectors in a graph (HNSW) of Faiss, in one file that is read by memory map."""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tb_keras.search.kept.item_filter import Condition
from tb_keras.search.stores.store import Block
from tb_keras.storage.atomic_file import written_beside

_KINDS = {"float32": "HNSW32,Flat", "float16": "HNSW32,SQfp16"}
_VISITED = 1024  # vectors that a search looks at, at least; more find more
_MOST_VISITED = 4096
_ADDED = 1024  # vectors that are added before a search may come between
_GONE = -1  # stands for the key of a deleted vector


class FaissStore:
    """A graph of Faiss, as `Store` describes it.

    Faiss cannot delete from a graph: a deleted vector loses its key, and once half of them have,
    the graph is made anew.

    Args:
        file: where it is kept.
        dtype: `"float32"` or `"float16"`.
    """

    most: int | None = None
    waits = 2000  # as the file is written anew for each change

    def __init__(self, file: Path, dtype: str):
        self._file, self._dtype = file, dtype
        self._lock = threading.Lock()
        self._index: Any = None
        self._is_mapped = False
        self._state: tuple | None = None
        self._selected: tuple[np.ndarray | None, np.ndarray | None] = None, None

    def add(self, blocks: Iterable[Block]) -> None:
        index = None
        for keys, vectors, _ in blocks:
            index = index or self._opened(writable=True) or self._made(vectors.shape[1])
            new = ~np.isin(keys, _keys_of(index))
            self._extend(index, keys[new], vectors[new])
        if index is not None:
            self._save(index)

    def delete(self, keys: np.ndarray) -> None:
        index = self._opened(writable=True) if len(keys) else None
        if index is None:
            return
        with self._lock:
            kept = _keys_of(index)
            kept[np.isin(kept, keys)] = _GONE
        there = np.flatnonzero(kept != _GONE)
        if 2 * len(there) < len(kept):
            vectors = index.index.reconstruct_n(0, len(kept))[there]
            there, index = kept[there].copy(), self._made(index.d)
            self._extend(index, there, vectors)
        self._save(index)

    def search(
        self, queries: np.ndarray, k: int, condition: Condition | None, keys: np.ndarray
    ) -> np.ndarray:
        index = self._opened(writable=False)
        if index is None:
            return np.full((len(queries), k), _GONE)
        with self._lock:
            share = min(1, len(keys) / max(1, index.ntotal))
            visited = min(max(_VISITED, k) / share, _MOST_VISITED)
            named: dict[str, Any] = {"efSearch": int(visited)}
            if share < 1:
                if self._selected[0] is not keys:  # all live keys, mostly
                    self._selected = keys, np.packbits(_bits(keys), bitorder="little")
                bits = self._selected[1]
                named["sel"] = _faiss().IDSelectorBitmap(len(bits), _faiss().swig_ptr(bits))
            return index.search(queries, k, params=_faiss().SearchParametersHNSW(**named))[1]

    def keys(self) -> np.ndarray:
        index = self._opened(writable=False)
        keys = np.zeros(0, np.int64) if index is None else _keys_of(index)
        return keys[keys != _GONE]

    def clear(self) -> None:
        self.close()
        self._file.unlink(missing_ok=True)

    def close(self) -> None:
        self._index = None

    def _made(self, dim: int) -> Any:
        graph = _faiss().index_factory(dim, _KINDS[self._dtype], _faiss().METRIC_INNER_PRODUCT)
        graph.train(np.zeros((1, dim), np.float32))  # neither has anything to learn
        return _faiss().IndexIDMap(graph)

    def _extend(self, index: Any, keys: np.ndarray, vectors: np.ndarray) -> None:
        for start in range(0, len(keys), _ADDED):
            some = slice(start, start + _ADDED)
            with self._lock:
                index.add_with_ids(np.ascontiguousarray(vectors[some]), keys[some])

    def _save(self, index: Any) -> None:
        with written_beside(self._file) as beside:
            _faiss().write_index(index, str(beside))
            with beside.open("rb+") as file:
                os.fsync(file.fileno())
        with self._lock:
            self._index, self._is_mapped, self._state = index, False, self._state_of_file()

    def _opened(self, writable: bool) -> Any:
        """Returns the index as the file has it now, None without a file."""
        with self._lock:
            state = self._state_of_file()
            if state is None:
                return None
            if self._index is None or self._state != state or (writable and self._is_mapped):
                flags = 0 if writable else _faiss().IO_FLAG_MMAP_IFC
                try:
                    self._index = _faiss().read_index(str(self._file), flags)
                except RuntimeError as error:
                    raise ValueError(f"{self._file} is damaged: {error!s:.200}") from None
                self._is_mapped, self._state = not writable, state
            return self._index

    def _state_of_file(self) -> tuple | None:
        try:
            state = os.stat(self._file)
        except FileNotFoundError:
            return None
        return state.st_ino, state.st_mtime_ns, state.st_size


def _faiss() -> Any:
    return importlib.import_module("faiss")


def _keys_of(index: Any) -> np.ndarray:
    """Returns the key of each vector, int64, as the index has them in memory."""
    if not index.id_map.size():
        return np.zeros(0, np.int64)
    return _faiss().rev_swig_ptr(index.id_map.data(), index.id_map.size())


def _bits(keys: np.ndarray) -> np.ndarray:
    bits = np.zeros(int(keys[-1]) + 1, bool)
    bits[keys] = True
    return bits
