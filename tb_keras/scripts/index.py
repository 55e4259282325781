"""Keeps an index of pictures and texts, which is searched without encoding them again.

    tb-index build --run=runs/mine --index=runs/mine/index
    tb-index build --model=savedmodels/mine --index=photos.index --images=photos
    tb-index build --run=runs/mine --index=shop --images=shop.csv --attributes=year,place
    tb-index build --model=savedmodels/mine --index=all --embeddings="out/embeddings-*.parquet"
    tb-index add --index=photos.index --images=photos
    tb-index delete --index=photos.index photos/a.jpg photos/b.jpg
    tb-index delete --index=shop --filter="year < 1990"
    tb-index info --index=shop
    tb-index check --index=shop
    tb-index repair --index=shop

--images is a folder (with its subfolders), a text file with a path on each line, or a table (CSV,
TSV, JSONL, Parquet) with a column of pictures. The texts of a table are indexed too, so that
pictures find them. Without --images the data set of the run is indexed.

add encodes only pictures that are new or have changed. Run a build or an add again after an
interruption, and it goes on. Attributes are columns of the table, which filters compare. repair
fills a store that has lost vectors, such as a server that was set up anew.
"""

from __future__ import annotations

import functools
import glob
import os
from collections.abc import Sequence

from absl import flags

from tb_keras.scripts.own_data import column_flag
from tb_keras.scripts.own_data.indexed_pictures import (
    IndexedPictures,
    indexed_corpus,
    indexed_pictures,
)
from tb_keras.scripts.own_data.readable_pictures import (
    UNREADABLE,
    readable_corpus,
    readable_paths,
    skips,
)
from tb_keras.scripts.process.idle_flags import refuse
from tb_keras.scripts.run_main import run_main
from tb_keras.scripts.runs.run_data import load_corpus
from tb_keras.scripts.runs.settled_paths import seen_from_here
from tb_keras.scripts.searching.model_source import ModelSource, quiet_model
from tb_keras.search import EmbeddedItem, ImageTextIndex
from tb_keras.search.kept.embedding_rows import DTYPES
from tb_keras.search.stores.opening import STORES

_INDEX = flags.DEFINE_string("index", None, "Directory of the index.", required=True)
_RUN = flags.DEFINE_string("run", None, "build: directory of a run that tb-train made.")
_MODEL = flags.DEFINE_string("model", None, "build: directory of an exported model, or --run.")
_IMAGES = flags.DEFINE_string(
    "images", None, "Folder, table or list of pictures; by default the data set of the run."
)
_EMBEDDINGS = flags.DEFINE_string(
    "embeddings",
    None,
    "build, add: pattern of Parquet files that tb-embed wrote, instead of --images.",
)
_ATTRIBUTES = flags.DEFINE_list(
    "attributes", [], "Columns of the table that filters compare, such as year,place."
)
_ID_COLUMN = flags.DEFINE_string(
    "id_column", None, "Column of the table that tells the pictures; by default their paths do."
)
_DTYPE = flags.DEFINE_enum(
    "dtype",
    "float32",
    DTYPES,
    "build: type in which embeddings are searched. int8 and binary (one bit a dimension) find "
    "candidates, which are scored by float32 that lies beside them on disk.",
)
_STORE = flags.DEFINE_enum("store", "exact", STORES, "build: what searches the embeddings.")
_STORE_URL = flags.DEFINE_string("store_url", None, "build: address of the store's server.")
_FILTER = flags.DEFINE_string("filter", None, 'delete: a condition, such as "year < 1990".')

flags.adopt_module_key_flags(column_flag)  # so that --help shows it
flags.declare_key_flag(UNREADABLE)  # so that --help shows it

_VERBS = ("build", "add", "delete", "info", "check", "repair")
_OF_BUILD = (_RUN, _MODEL, _DTYPE, _STORE, _STORE_URL)
_OF_TABLES = (_ATTRIBUTES, _ID_COLUMN, column_flag.COLUMNS)
_LISTED = 10  # problems that are printed


def main(arguments: list[str]) -> None:
    """Runs the script."""
    verb, *ids = arguments or [""]
    if verb not in _VERBS or (ids and verb != "delete"):
        raise ValueError(
            f"say one of {', '.join(_VERBS)}, and what to delete. Received: {' '.join(arguments)}"
        )
    if verb != "build":
        refuse(_OF_BUILD, "build")
    if verb not in ("build", "add"):
        refuse((_IMAGES, _EMBEDDINGS, *_OF_TABLES, UNREADABLE), "build and add")
    if verb != "delete":
        refuse((_FILTER,), "delete")
    if _EMBEDDINGS.value is not None:
        refuse((*_OF_TABLES, UNREADABLE), "--images")
    if _IMAGES.value is None:
        refuse((_ID_COLUMN, column_flag.COLUMNS), "--images")
    {"build": _build, "add": _add, "info": _info, "check": _check, "repair": _repair}.get(
        verb, functools.partial(_delete, ids)
    )()


def _build() -> None:
    if (_RUN.value is None) == (_MODEL.value is None):
        raise ValueError("name either --run or --model")
    if os.path.lexists(_INDEX.value):
        raise FileExistsError(f"{_INDEX.value!r} exists: tb-index add adds to it")
    source = ModelSource.named(_RUN.value, _MODEL.value)
    source = source._replace(path=os.path.abspath(source.path))
    model, found = quiet_model(source, "tb-index"), _found(source, {})
    with ImageTextIndex.build(
        _INDEX.value,
        model,
        *found,
        embedded=_embedded(model.fingerprint),
        dtype=_DTYPE.value,
        store=_STORE.value,
        store_url=_STORE_URL.value,
        source=str(source),
        verbose=True,
    ) as index:
        texts = index.count("texts")
        print(f"Wrote {_INDEX.value}: {index.count()} pictures, {texts} texts")


def _add() -> None:
    with ImageTextIndex(_INDEX.value) as index:
        source, types = ModelSource.of(index.settings["source"]), index.attributes
    model, (paths, ids, attributes, texts) = quiet_model(source, "tb-index"), _found(source, types)
    with ImageTextIndex(_INDEX.value, model) as index:
        new, changed, same = index.add(paths, ids, attributes, verbose=True)
        told = index.add_texts(texts, verbose=True) if texts else None
        if _EMBEDDINGS.value:
            new, changed, same = index.add_embedded(_embedded(model.fingerprint), verbose=True)
        kind = "Items" if _EMBEDDINGS.value else "Pictures"
        print(f"{kind}: {new} new, {changed} changed, {same} as before")
        if told:
            print(f"Texts: {told.new} new, {told.same} as before")


def _delete(ids: Sequence[str]) -> None:
    if bool(ids) == (_FILTER.value is not None):
        raise ValueError("name what to delete, by paths or identifiers, or by --filter")
    with ImageTextIndex(_INDEX.value) as index:
        if _FILTER.value is not None:
            ids = index.ids(filter=_FILTER.value)
        else:
            there = set(index.ids())
            ids = [name if name in there else os.path.abspath(name) for name in ids]
        index.delete(ids)
        print(f"Deleted {len(ids)} pictures, {index.count()} are left")


def _info() -> None:
    with ImageTextIndex(_INDEX.value) as index:
        settings, size = index.settings, 0
        for folder, _, files in os.walk(_INDEX.value):
            size += sum(os.path.getsize(os.path.join(folder, file)) for file in files)
        print(f"{index.count()} pictures, {index.count('texts')} texts")
        where = f" at {settings['store_url']}" if settings["store_url"] else ""
        print(f"store: {settings['store']}{where}, {settings['dtype']}, {settings.get('dim')} dims")
        print(f"model: {settings['source']}\nsize: {size / 1e6:,.1f} MB")
        for name, kind in index.attributes.items():
            print(f"attribute: {name} ({kind})")


def _check() -> None:
    with ImageTextIndex(_INDEX.value) as index:
        _tell(index, index.check())


def _repair() -> None:
    with ImageTextIndex(_INDEX.value) as index:
        _tell(index, index.repair(verbose=True))


def _tell(index: ImageTextIndex, problems: Sequence[str]) -> None:
    if problems:
        more = f"; and {len(problems) - _LISTED} more" if len(problems) > _LISTED else ""
        raise ValueError(f"{_INDEX.value!r} is damaged: {'; '.join(problems[:_LISTED])}{more}")
    print(f"{index.count()} pictures and {index.count('texts')} texts are as they should be")


def _embedded(fingerprint: str) -> Sequence[EmbeddedItem]:
    """Returns the items of --embeddings, which must be of the index's model."""
    if _EMBEDDINGS.value is None:
        return ()
    from tb_keras.serving.bulk.embedded_files import EmbeddedFiles

    files = sorted(glob.glob(_EMBEDDINGS.value))
    if not files:
        raise FileNotFoundError(
            f"--embeddings must name Parquet files. Received: {_EMBEDDINGS.value!r}"
        )
    return EmbeddedFiles(files, fingerprint)


def _found(source: ModelSource, types: dict[str, str]) -> IndexedPictures:
    """Returns what to encode, of which every picture can be read."""
    if _EMBEDDINGS.value is not None:
        if _IMAGES.value is not None:
            raise ValueError("name either --images or --embeddings")
        return IndexedPictures([], None, {}, [])
    if _IMAGES.value is None:
        if source.run is None:
            raise ValueError("name the pictures to index: --images")
        settings = source.run.settings
        corpus = readable_corpus(load_corpus(settings, "all"), skips(settings))
        return indexed_corpus(corpus, _ATTRIBUTES.value, types)
    columns = column_flag.column_options()
    found = indexed_pictures(_IMAGES.value, columns, _ATTRIBUTES.value, _ID_COLUMN.value, types)
    where = seen_from_here(_IMAGES.value)
    return found.only(readable_paths(found.paths, skips(), where))


if __name__ == "__main__":
    run_main("tb-index", main)
