"""An index of pictures and texts that is kept in a directory, added to and searched."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.checks.arguments import check_int
from tb_keras.search.index import checked_queries
from tb_keras.search.kept import adding
from tb_keras.search.kept.added_items import (
    Columns,
    absolute_paths,
    checked_columns,
    checked_ids,
)
from tb_keras.search.kept.adding import Added, add_items
from tb_keras.search.kept.collection import Collection
from tb_keras.search.kept.entries import KINDS, Entry, Known
from tb_keras.search.kept.index_items import EmbeddedItem, Embedder, Item
from tb_keras.search.kept.item_filter import Condition, parsed_filter, renamed
from tb_keras.search.kept.items import Items
from tb_keras.search.stores.opening import check_settings
from tb_keras.storage.atomic_file import directory_beside
from tb_keras.storage.kept_directory import locked
from tb_keras.storage.pictures.picture_reference import picture_digest

_FILE = "index.sqlite"
_FORMAT = 1  # of the directory; raised when it can no longer be read as before


class ImageTextIndex:
    """Pictures and texts with their embeddings, in a directory that is added to and searched.

    Each change is on disk when its method returns, or not at all. After a kill, `add` goes on where
    it was. One process writes at a time, and any number search meanwhile, in any number of threads.

    Args:
        directory: an index that `build` made.
        model: embeds what is added; not needed for the rest. The index must be of its embeddings.

    Attributes:
        settings: what the index was built with: `"model"` (a fingerprint), `"source"`, `"store"`,
            `"store_url"` and `"dtype"`.
        attributes: the attributes of pictures that filters may compare, and their types,
            `"number"` or `"text"`.

    Raises:
        FileNotFoundError: if `directory` is no index.
        OSError: if it is damaged.
        ValueError: if it is of another version, or of another model.

    Examples:
        >>> import tempfile
        >>> from types import SimpleNamespace
        >>> colours = {"red": [1, 0, 0], "green": [0, 1, 0], "a red ball": [0.9, 0.1, 0]}
        >>> def embed(names):
        ...     return np.float32([colours[os.path.basename(name)] for name in names])
        >>> model = SimpleNamespace(fingerprint="1", embed_images=embed, embed_texts=embed)
        >>> folder = tempfile.mkdtemp()
        >>> paths = [f"{folder}/{name}" for name in ("red", "green")]
        >>> for path in paths:
        ...     _ = Path(path).write_text("a picture")
        >>> index = ImageTextIndex.build(
        ...     f"{folder}/index", model, paths, ids=["r", "g"], attributes={"year": [2019, 2024]}
        ... )
        >>> scores, ids = index.search(model.embed_texts(["a red ball"]), k=2)
        >>> scores.tolist(), ids.tolist()
        ([[0.8999999761581421, 0.10000000149011612]], [['r', 'g']])
        >>> index.search(model.embed_texts(["a red ball"]), filter="year > 2020")[1].tolist()
        [['g']]
        >>> index.delete(["r"])
        >>> index.count()
        1
    """

    def __init__(self, directory: str | os.PathLike, model: Embedder | None = None):
        self.directory, self._model = Path(directory), model
        file = self.directory / _FILE
        if not file.is_file():
            raise FileNotFoundError(f"`directory` must be an index. Received: {str(directory)!r}")
        self._writer = threading.Lock()
        self._items = Items(file)
        with contextlib.ExitStack() as stack:  # closes the file if it is refused
            stack.callback(self._items.close)
            settings = self._items.settings
            if settings.get("format") != _FORMAT:
                raise ValueError(
                    f"{str(directory)!r} was made by another version of tb_keras: build it again"
                )
            if model is not None and model.fingerprint != settings["model"]:
                raise ValueError(
                    f"{str(directory)!r} has the embeddings of another model "
                    f"({settings['source'] or settings['model']}): build an index with this one"
                )
            self._of = {kind: Collection(self.directory, self._items, kind) for kind in KINDS}
            stack.pop_all()

    @classmethod
    def build(
        cls,
        directory: str | os.PathLike,
        model: Embedder,
        paths: Sequence[str] = (),
        ids: Sequence[str] | None = None,
        attributes: Columns | None = None,
        texts: Sequence[str] = (),
        *,
        embedded: Sequence[EmbeddedItem] = (),
        dtype: str = "float32",
        store: str = "exact",
        store_url: str | None = None,
        source: str = "",
        verbose: bool = False,
    ) -> ImageTextIndex:
        """Builds an index, which appears when it is whole. A build that was killed goes on.

        Args:
            directory: where; it must not exist.
            model: embeds pictures and texts.
            paths: of the pictures, as in `add`.
            ids: as in `add`.
            attributes: as in `add`.
            texts: as in `add_texts`.
            embedded: pictures or texts that the model has embedded already, as in `add_embedded`.
            dtype: in which embeddings are searched: `"float32"`, `"float16"`, `"int8"` or
                `"binary"` (one bit a dimension). The latter two find candidates, of which the first
                200 are scored by the floats that lie beside them on disk.
            store: `"exact"`, or a library that finds vectors faster, and nearly all of them.
            store_url: of the store's server, if it has one.
            source: what the model is, for error messages, such as the path of a run.
            verbose: whether to show progress.

        Raises:
            FileExistsError: if `directory` exists.
            ImportError: if a package of the store is not installed.
            ValueError: if an argument is wrong.
        """
        directory = Path(directory)
        if os.path.lexists(directory):
            raise FileExistsError(f"{str(directory)!r} exists: add to it, or name another")
        check_settings(store, store_url, dtype)
        if store_url is not None and "://" not in store_url:  # a directory
            store_url = os.path.abspath(os.path.expanduser(store_url))
        settings = {
            "format": _FORMAT,
            "model": model.fingerprint,
            "source": source,
            "dtype": dtype,
            "store": store,
            "store_url": store_url,
        }
        paths = absolute_paths(paths)
        names = checked_ids(paths if ids is None else ids, len(paths))
        beside = directory.absolute().with_name(f".{directory.name}-building")
        _prepared(beside, settings)
        with cls(beside, model) as index:
            for of, some in (("images", names), ("texts", texts)):
                if before := set(index.ids(of)):  # of a build that was killed, and may have others
                    own = {item.id for item in embedded if (item.path is None) == (of == "texts")}
                    index.delete(sorted(before - own - {*some}), of=of)
            index.add(paths, names, attributes, verbose=verbose)
            index.add_texts(texts, verbose=verbose)
            index.add_embedded(embedded, verbose=verbose)
        beside.rename(directory)
        return cls(directory, model)

    def add(
        self,
        paths: Sequence[str],
        ids: Sequence[str] | None = None,
        attributes: Columns | None = None,
        verbose: bool = False,
    ) -> Added:
        """Adds pictures, or changes those that are there. Only new and changed ones are encoded.

        Args:
            paths: picture files, or references into archives.
            ids: a distinct string for each; by default its path, made absolute. A picture whose
                identifier is there replaces it.
            attributes: values of each picture by name: numbers or strings, and None where one is
                missing. Attributes that are left out stay as they are.
            verbose: whether to show progress.

        Raises:
            OSError: if a picture is not there.
            ValueError: if an argument is wrong, or a picture cannot be read; the index has the
                pictures before it.
        """
        paths = absolute_paths(paths)
        names = checked_ids(paths if ids is None else ids, len(paths))
        model = self._checked_model()
        with self._writing():
            columns, types = checked_columns(attributes or {}, len(paths), self.attributes)
            with self._items.transaction():
                self._items.declare(types)

            def entry(number: int) -> Entry:
                path = paths[number]
                values = tuple(column[number] for column in columns.values())
                return Entry(names[number], path, picture_digest(path), values)

            def embed(entries: Sequence[Entry]) -> np.ndarray:
                return model.embed_images([entry.path for entry in entries])

            return add_items(self._of["images"], len(paths), entry, embed, list(columns), verbose)

    def add_texts(self, texts: Sequence[str], verbose: bool = False) -> Added:
        """Adds texts, so that pictures find them. A text is its own identifier.

        Args:
            texts: strings; equal ones are one item.
            verbose: whether to show progress.

        Raises:
            ValueError: if a text is empty or no string of UTF-8.
        """
        texts = list(dict.fromkeys(texts))
        checked_ids(texts, len(texts), "texts")
        model = self._checked_model()
        with self._writing():

            def embed(entries: Sequence[Entry]) -> np.ndarray:
                return model.embed_texts([entry.id for entry in entries])

            return add_items(
                self._of["texts"], len(texts), lambda n: Entry(texts[n]), embed, [], verbose
            )

    def add_embedded(self, items: Sequence[EmbeddedItem], verbose: bool = False) -> Added:
        """Adds pictures or texts with the embeddings that the index's model gave them elsewhere.

        An item whose identifier is there replaces it if its embedding is another one. Of equal
        identifiers the last counts.

        Args:
            items: any number, of which a block is looked at after the other; all pictures, which
                have paths, or all texts.
            verbose: whether to show progress.

        Raises:
            ValueError: if embeddings are not finite, or not of the size of those that are there.
        """
        if not len(items):
            return Added(0, 0, 0)
        of = "texts" if items[0].path is None else "images"
        block: dict[str, np.ndarray] = {}

        def entry(number: int) -> Entry:
            if number % adding.BLOCK_ITEMS == 0:
                block.clear()
            name, path, embedding = items[number]
            block[name] = np.asarray(embedding, np.float32)
            return Entry(name, path, hashlib.sha256(block[name].tobytes()).hexdigest())

        def embed(entries: Sequence[Entry]) -> np.ndarray:
            return np.stack([block[one.id] for one in entries])

        with self._writing():
            return add_items(self._of[of], len(items), entry, embed, [], verbose)

    def delete(self, ids: Sequence[str], of: str = "images") -> None:
        """Deletes items: all of them, or none after an error.

        Raises:
            ValueError: if one is not there.
        """
        collection = self._collection(of)
        with self._writing():
            collection.delete([item.key for item in self._known(ids, of)])
            collection.catch_up()
            collection.compact()

    def search(
        self,
        queries: ArrayLike,
        k: int = 10,
        filter: str | None = None,
        of: str = "images",
    ) -> tuple[np.ndarray, np.ndarray]:
        """Finds the items whose embeddings have the highest dot products with each query.

        Args:
            queries: finite float `(q, dim)`.
            k: how many to find.
            filter: a condition on the attributes of pictures in SQL's words, such as
                `"year >= 2019 and place = 'Bern'"`. It may compare columns with values, and join
                such comparisons by `and`, `or` and `not`. A picture without the attribute fits
                nothing but `year is null`.
            of: `"images"` or `"texts"`, which to find.

        Returns:
            float32 scores and strings, the identifiers, both `(q, min(k, n))`, best first, where n
            items fit the filter. Of equal scores the item that was added first comes first.

        Raises:
            ValueError: if an argument is wrong.
        """
        check_int("k", k, least=1)
        collection = self._collection(of)
        queries = np.asarray(queries)
        dim = self._items.settings.get("dim") or queries.shape[-1]
        condition = self._condition(filter, of)
        return collection.search(checked_queries(queries, dim), int(k), condition)

    def items(self, ids: Sequence[str], of: str = "images") -> list[Item]:
        """Returns what is kept of some items.

        Raises:
            ValueError: if one is not there.
        """
        known = self._known(ids, of)
        return [Item(name, item.path, item.attributes) for name, item in zip(ids, known)]

    def embeddings(self, ids: Sequence[str], of: str = "images") -> np.ndarray:
        """Returns the embeddings of some items, float32 `(len(ids), dim)`.

        Raises:
            ValueError: if one is not there.
        """
        return self._collection(of).embeddings([item.key for item in self._known(ids, of)])

    def ids(self, of: str = "images", filter: str | None = None) -> list[str]:
        """Returns the identifiers of all items, or of those that fit a filter.

        They are in the order in which the items were added or changed.

        Raises:
            ValueError: if an argument is wrong.
        """
        return self._collection(of).ids(self._condition(filter, of))

    def count(self, of: str = "images") -> int:
        """Returns the number of items."""
        return len(self._collection(of).opened()[0].keys)

    def check(self) -> list[str]:
        """Reads all of the index, and returns what is wrong with it, a line each."""
        problems = self._items.problems()
        return problems or [line for kind in KINDS for line in self._of[kind].problems()]

    def repair(self, verbose: bool = False) -> list[str]:
        """Teaches the store what it has lost, and returns what is wrong then, as `check` does.

        An index answers rightly without it, but slowly. Lost or damaged embeddings stay so: build
        the index again.
        """
        with self._alone():
            for collection in self._of.values():
                collection.repair(verbose)
        return self.check()

    def close(self) -> None:
        """Closes the files and the store."""
        for collection in self._of.values():
            collection.close()
        self._items.close()

    def __enter__(self) -> ImageTextIndex:
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    @property
    def settings(self) -> dict[str, Any]:
        return self._items.settings

    @property
    def attributes(self) -> dict[str, str]:
        return self._items.attributes

    def _checked_model(self) -> Embedder:
        if self._model is None:
            raise ValueError("`model` must be given to an index that is added to. Received: None")
        return self._model

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with self._alone():
            for collection in self._of.values():
                collection.catch_up()
            yield

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            with self._writer, locked(self.directory, wait=False):
                yield
        except BlockingIOError:
            raise ValueError(f"another process is changing {str(self.directory)!r}") from None

    def _collection(self, of: str) -> Collection:
        if of not in KINDS:
            raise ValueError(f"`of` must be 'images' or 'texts'. Received: of={of!r:.80}")
        return self._of[of]

    def _condition(self, filter: str | None, of: str) -> Condition | None:
        if filter is None:
            return None
        condition = parsed_filter(filter, self.attributes if of == "images" else {})
        return renamed(condition, self._items.columns)

    def _known(self, ids: Sequence[str], of: str) -> list[Known]:
        self._collection(of)
        ids = checked_ids(ids, len(ids))
        known = self._items.known(of, ids)
        for name in ids:
            if name not in known:
                raise ValueError(
                    f"`ids` must be of items that are there. Received: {name!r:.200}, which is not"
                )
        return [known[name] for name in ids]


def _prepared(directory: Path, settings: Mapping[str, Any]) -> None:
    """Makes an empty index, or keeps what a build with the same settings has left."""
    if directory.exists():
        with ImageTextIndex(directory) as index, index._writing():
            kept = index.settings
            if all(kept[name] == value for name, value in settings.items()):
                return
            for collection in index._of.values():
                collection.clear_store()
        shutil.rmtree(directory)
    with directory_beside(directory) as beside:
        own = {"next_key": 1, "collection": uuid.uuid4().hex}
        Items.create(beside / _FILE, {**settings, **own})
        beside.rename(directory)
