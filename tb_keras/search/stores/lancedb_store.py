"""Vectors in LanceDB: a directory, or a bucket of an object storage."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tb_keras.search.kept.item_filter import Condition, columns_of, sql_of
from tb_keras.search.stores.store import Block

_INDEXED = 10_000  # vectors, from which on LanceDB searches an index instead of all
_INDEX_TYPES = {"float32": "IVF_FLAT", "float16": "IVF_FLAT", "int8": "IVF_SQ", "binary": "IVF_RQ"}
_STALE = 0.2  # of the vectors, that may be outside of the index
_DELETED = 1000  # keys in a condition
_AT_ONCE = 8  # queries, each of which has its part of the index in memory
_READ_AT_MOST = datetime.timedelta(minutes=10)  # by another process, from a version that is old


class LanceStore:
    """A table of LanceDB, as `Store` describes it.

    Args:
        uri: a directory, or an address that LanceDB opens.
        name: of the table.
        dtype: of the vectors that are searched.
    """

    most: int | None = None
    waits = 0

    def __init__(self, uri: str, name: str, dtype: str):
        import lancedb

        self._database, self._name, self._dtype = lancedb.connect(uri), name, dtype
        self._opened: Any = None

    def add(self, blocks: Iterable[Block]) -> None:
        try:
            for block in blocks:
                self._merge(*block)
            if (table := self._table()) is not None:
                self._index(table)
        except RuntimeError as error:  # LanceDB's own for a full disk or a lost connection
            raise OSError(str(error).partition(", /")[0]) from error

    def delete(self, keys: np.ndarray) -> None:
        table = self._table()
        for start in range(0, len(keys) if table is not None else 0, _DELETED):
            some = ", ".join(map(str, keys[start : start + _DELETED].tolist()))
            table.delete(f"key IN ({some})")

    def search(
        self, queries: np.ndarray, k: int, condition: Condition | None, keys: np.ndarray
    ) -> np.ndarray:
        del keys
        found, table = np.full((len(queries), k), -1), self._table()
        if table is None:
            return found
        if condition is not None and not columns_of(condition) <= {*table.schema.names}:
            return found  # nobody has a value there
        for start in range(0, len(queries), _AT_ONCE):
            some = queries[start : start + _AT_ONCE]
            query = table.search(some).distance_type("dot").select(["key", "_distance"]).limit(k)
            if condition is not None:
                query = query.where(_literal_sql(condition), prefilter=True)
            answer = query.to_arrow()
            rows = answer["query_index"].to_numpy() if len(some) > 1 else np.zeros(len(answer), int)
            keys = answer["key"].to_numpy()
            for row in range(len(some)):
                mine = keys[rows == row]
                found[start + row, : len(mine)] = mine
        return found

    def keys(self) -> np.ndarray:
        table = self._table()
        if table is None:
            return np.zeros(0, np.int64)
        return table.search().select(["key"]).limit(table.count_rows()).to_arrow()["key"].to_numpy()

    def clear(self) -> None:
        if self._table() is not None:
            self._database.drop_table(self._name)
        self._opened = None

    def close(self) -> None:
        self._opened = None

    def _table(self) -> Any:
        """Returns the table as it is now, None before the first vectors."""
        if self._opened is None:
            try:
                self._opened = self._database.open_table(self._name)
            except (FileNotFoundError, ValueError):  # so LanceDB says that it is not there
                return None
        self._opened.checkout_latest()
        return self._opened

    def _merge(self, keys: np.ndarray, vectors: np.ndarray, attributes: Sequence[dict]) -> None:
        import pyarrow as pa

        value = pa.float16() if self._dtype == "float16" else pa.float32()
        flat = pa.array(vectors.astype(value.to_pandas_dtype()).ravel())
        columns = {
            "key": pa.array(keys),
            "vector": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
        }
        table = self._table()
        told = dict.fromkeys(name for values in attributes for name in values)
        there = [] if table is None else table.schema.names[2:]
        for name in dict.fromkeys([*there, *told]):
            values = [row.get(name) for row in attributes]
            is_text = any(isinstance(value, str) for value in values)
            if name in there:
                kind = table.schema.field(name).type
            else:
                kind = pa.string() if is_text else pa.float64()
            columns[name] = pa.array(values, kind)
        rows = pa.table(columns)
        if table is None:
            self._opened = self._database.create_table(self._name, rows)
        else:
            new = [rows.schema.field(name) for name in told if name not in there]
            if new:
                table.add_columns(new)
            merge = table.merge_insert("key")
            merge.when_matched_update_all().when_not_matched_insert_all().execute(rows)

    def _index(self, table: Any) -> None:
        """Brings the table's index up to date, if many vectors are not in it."""
        size = table.count_rows()
        if size < _INDEXED:
            return
        there = table.index_stats("vector_idx") if table.list_indices() else None
        new = size if there is None else there.num_unindexed_rows
        if new >= size / 2:  # a new index has as many parts as the table needs
            table.create_index(
                metric="dot",
                vector_column_name="vector",
                index_type=_INDEX_TYPES[self._dtype],
                num_partitions=math.isqrt(size),
            )
        elif new > _STALE * size:
            table.optimize(cleanup_older_than=_READ_AT_MOST)


def _literal_sql(condition: Condition) -> str:
    """Returns a condition as SQL, with the values in it."""
    sql, values = sql_of(condition)
    first, *others = sql.split("?")
    literals = (
        f"'{v.replace(chr(39), 2 * chr(39))}'" if isinstance(v, str) else repr(v) for v in values
    )
    return first + "".join(literal + other for literal, other in zip(literals, others))
