"""Vectors in Qdrant: a server, or a folder for up to 20,000 of them."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tb_keras.search.kept.item_filter import Comparison, Condition, Group
from tb_keras.search.stores.store import Block

_BATCH = 500  # vectors in a request: 10 MB of JSON at 1024 dimensions
_WAIT = 60  # seconds, for an answer
_LOCAL = 20_000  # vectors, above which Qdrant's client advises against a folder
_RANGES = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


def _answered(method: Callable) -> Callable:
    """Makes an error of the server, or of the way to it, one that says so in a line."""

    @functools.wraps(method)
    def answered(self, *arguments):
        from qdrant_client.http.exceptions import ApiException

        try:
            return method(self, *arguments)
        except ApiException as error:
            told = " ".join(str(error).split())
            raise OSError(f"Qdrant at {self._url} did not answer: {told:.300}") from None

    return answered


class QdrantStore:
    """A collection of Qdrant, as `Store` describes it.

    Args:
        url: of the server, with the key of its interface in $QDRANT_API_KEY; None for `folder`.
        folder: where the client keeps the vectors itself. One process at a time may open it.
        name: of the collection.
        dtype: how the server keeps the vectors that it searches. A folder has float32.
    """

    waits = 0

    def __init__(self, url: str | None, folder: Path, name: str, dtype: str):
        from qdrant_client import QdrantClient, models

        self.most = None if url else _LOCAL
        self._models, self._name, self._dtype, self._url = models, name, dtype, url
        if url:
            key = os.environ.get("QDRANT_API_KEY")
            self._client = QdrantClient(
                url=url, api_key=key, timeout=_WAIT, check_compatibility=False
            )
        else:
            try:
                self._client = QdrantClient(path=str(folder))
            except RuntimeError as error:
                raise ValueError(f"{folder}: {error!s:.300}") from None

    @_answered
    def add(self, blocks: Iterable[Block]) -> None:
        for keys, vectors, attributes in blocks:
            if not self._client.collection_exists(self._name):
                self._create(vectors.shape[1])
            for start in range(0, len(keys), _BATCH):
                some = slice(start, start + _BATCH)
                points = self._models.Batch(
                    ids=keys[some].tolist(),
                    vectors=vectors[some].tolist(),
                    payloads=list(attributes[some]),
                )
                self._client.upsert(self._name, points, wait=True)

    @_answered
    def delete(self, keys: np.ndarray) -> None:
        if len(keys) and self._client.collection_exists(self._name):
            points = self._models.PointIdsList(points=keys.tolist())
            self._client.delete(self._name, points, wait=True)

    @_answered
    def search(
        self, queries: np.ndarray, k: int, condition: Condition | None, keys: np.ndarray
    ) -> np.ndarray:
        del keys
        found = np.full((len(queries), k), -1)
        models, query_filter = self._models, None
        if condition is not None:
            written = _filter_of(condition, models)
            if written is None:
                return found
            query_filter = models.Filter(must=[written])
        requests = [
            models.QueryRequest(query=query, limit=k, filter=query_filter)
            for query in queries.tolist()
        ]
        for row, answer in zip(found, self._client.query_batch_points(self._name, requests)):
            row[: len(answer.points)] = [point.id for point in answer.points]
        return found

    @_answered
    def keys(self) -> np.ndarray:
        keys: list[Any] = []
        offset, there = None, self._client.collection_exists(self._name)
        while there:
            points, offset = self._client.scroll(
                self._name, limit=10_000, offset=offset, with_payload=False
            )
            keys += [point.id for point in points]
            there = offset is not None
        return np.array(keys, np.int64)

    @_answered
    def clear(self) -> None:
        self._client.delete_collection(self._name)

    def close(self) -> None:
        self._client.close()

    def _create(self, dim: int) -> None:
        models = self._models
        codes: Any = {
            "int8": models.ScalarQuantization(
                scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
            ),
            "binary": models.BinaryQuantization(
                binary=models.BinaryQuantizationConfig(always_ram=True)
            ),
        }
        half = self._dtype == "float16"
        vectors = models.VectorParams(
            size=dim,
            distance=models.Distance.DOT,
            datatype=models.Datatype.FLOAT16 if half else models.Datatype.FLOAT32,
            on_disk=self._dtype in codes,
        )
        self._client.create_collection(
            self._name, vectors, quantization_config=codes.get(self._dtype)
        )


def _filter_of(condition: Condition, models: Any) -> Any:
    """Returns a condition as Qdrant writes it, None if it cannot: it does not order strings."""
    if isinstance(condition, Group):
        parts = [_filter_of(part, models) for part in condition.parts]
        if None in parts:
            return None
        must = condition.operator == "and"
        return models.Filter(must=parts) if must else models.Filter(should=parts)
    column, operator, values = condition
    missing = models.IsEmptyCondition(is_empty=models.PayloadField(key=column))
    if not values:
        missing_ones = operator == "is null"
        return models.Filter(must=[missing]) if missing_ones else models.Filter(must_not=[missing])
    if operator in _RANGES:
        if isinstance(values[0], str):
            return None
        bounds = models.Range(**{_RANGES[operator]: values[0]})
        return models.FieldCondition(key=column, range=bounds)
    equal = models.Filter(should=[_equal(condition, value, models) for value in values])
    if operator in ("=", "in"):
        return equal
    return models.Filter(must_not=[missing, equal])


def _equal(condition: Comparison, value: Any, models: Any) -> Any:
    if isinstance(value, str):
        return models.FieldCondition(key=condition.column, match=models.MatchValue(value=value))
    return models.FieldCondition(key=condition.column, range=models.Range(gte=value, lte=value))
