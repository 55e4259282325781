"""Readers of published data sets and of your own data.

Each reader returns a `Corpus`. `load` finds a reader by the name of its data set.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence

from tb_keras.checks.short_errors import short_errors
from tb_keras.corpus.corpus import Corpus
from tb_keras.datasets.openmoji.reader import load_openmoji
from tb_keras.datasets.own.archives.hub_dataset import HubDataset
from tb_keras.datasets.own.arrays import load_arrays
from tb_keras.datasets.own.table import load_table, read_table
from tb_keras.datasets.own.table_description import described_table
from tb_keras.datasets.published.authors import load_authors
from tb_keras.datasets.published.coco import load_coco
from tb_keras.datasets.published.coco_cn import load_coco_cn
from tb_keras.datasets.published.coco_ground_truths import with_ground_truth
from tb_keras.datasets.published.flickr8k import load_flickr8k
from tb_keras.datasets.published.flickr30k import load_flickr30k
from tb_keras.datasets.published.flickr30k_entities import load_flickr30k_entities
from tb_keras.datasets.published.multi30k import load_multi30k
from tb_keras.datasets.published.refcoco import load_refcoco
from tb_keras.datasets.published.referit import load_referit
from tb_keras.datasets.scenes.reader import load_scenes

__all__ = [
    "load",
    "load_arrays",
    "load_authors",
    "load_coco",
    "load_coco_cn",
    "load_flickr8k",
    "load_flickr30k",
    "load_flickr30k_entities",
    "load_multi30k",
    "load_openmoji",
    "load_refcoco",
    "load_referit",
    "load_scenes",
    "load_splits",
    "load_table",
    "with_ground_truth",
]

_READERS: dict[str, Callable[..., Corpus]] = {
    "openmoji": load_openmoji,
    "scenes": load_scenes,
    "flickr8k": load_flickr8k,
    "flickr30k": load_flickr30k,
    "coco": load_coco,
    "multi30k": load_multi30k,
    "coco_cn": load_coco_cn,
    "flickr30k_entities": load_flickr30k_entities,
    "referit": load_referit,
    "refcoco": load_refcoco,
    "authors": load_authors,
    "table": load_table,
    "arrays": load_arrays,
}


@short_errors()
def load(
    name: str,
    directory: str | os.PathLike | HubDataset | None = None,
    split: str = "test",
    **options,
) -> Corpus:
    """Reads a data set by its name.

    The reader of the data set NAME is `tb_keras.datasets.load_NAME`. It says which files and
    options the data set has.

    Args:
        name: "openmoji", "flickr8k", "flickr30k", "coco", "multi30k", "coco_cn" or "authors",
            images with texts; "scenes", "flickr30k_entities", "referit" or "refcoco", regions with
            phrases; "table" or "arrays", your own data.
        directory: the folder of the data set's files, or the file of a table, or a
            `datasets.Dataset` as a table. "openmoji" and "scenes" come with packages and need none.
        split: the part to read, such as "train", "validation", "test" or "all".
        **options: further arguments of the reader.

    Returns:
        A `Corpus`.

    Raises:
        ValueError: if the name, the split or an option is unknown, or `directory` is missing.
        FileNotFoundError: if a file is not there.

    Examples:
        >>> load("imagenet")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ValueError: `name` must be one of openmoji, ..., arrays. Received: name='imagenet'
    """
    return _reader(name, directory, options)(directory, split, **options)


@short_errors()
def load_splits(
    name: str,
    directory: str | os.PathLike | HubDataset | None,
    splits: Sequence[str],
    /,  # a reader may have an option `splits`
    **options,
) -> tuple[dict[str, Corpus], list[str]]:
    """Reads several splits of a data set. A table of your own is read once for all of them.

    Args:
        name: the data set.
        directory: its files.
        splits: the parts to read.
        **options: further arguments of the reader.

    Returns:
        dict of each split → its corpus, and lines that say what a table was taken for. Other data
        sets have no such lines.

    Raises:
        ValueError: as `load` does.
        FileNotFoundError: if a file is not there.
    """
    reader = _reader(name, directory, options)
    if reader is not load_table:
        return {split: reader(directory, split, **options) for split in splits}, []
    table = read_table(directory, **options)
    return {split: table.corpus(split) for split in splits}, described_table(table)


def _reader(
    name: str, directory: str | os.PathLike | HubDataset | None, options: dict[str, object]
) -> Callable[..., Corpus]:
    """Returns the reader of a data set if it can be called so."""
    if name not in _READERS:
        raise ValueError(f"`name` must be one of {', '.join(_READERS)}. Received: name={name!r}")
    reader = _READERS[name]
    parameters = inspect.signature(reader).parameters
    known = [option for option in parameters if option not in ("directory", "split")]
    unknown = [option for option in options if option not in known]
    if unknown:
        raise ValueError(
            f"The options of the data set {name!r} are {', '.join(known)}. Received: {unknown[0]!r}"
        )
    if directory is None and parameters["directory"].default is inspect.Parameter.empty:
        raise ValueError(
            f"The data set {name!r} needs a `directory` (--data). Received: directory=None"
        )
    return reader


def __dir__() -> list[str]:
    return __all__
