"""Published data sets and one's own: each reader returns a `Corpus`."""

from __future__ import annotations

import importlib
import inspect
import os

from tb_keras.corpus.corpus import Corpus

__all__ = ["load"]

_READERS = {
    "openmoji": "tb_keras.datasets.openmoji.reader:load_openmoji",
    "scenes": "tb_keras.datasets.scenes.reader:load_scenes",
    "flickr30k": "tb_keras.datasets.published.flickr30k:load_flickr30k",
    "coco": "tb_keras.datasets.published.coco:load_coco",
    "multi30k": "tb_keras.datasets.published.multi30k:load_multi30k",
    "coco_cn": "tb_keras.datasets.published.coco_cn:load_coco_cn",
    "flickr30k_entities": "tb_keras.datasets.published.flickr30k_entities:load_flickr30k_entities",
    "referit": "tb_keras.datasets.published.referit:load_referit",
    "refcoco": "tb_keras.datasets.published.refcoco:load_refcoco",
    "authors": "tb_keras.datasets.published.authors:load_authors",
    "table": "tb_keras.datasets.own.table:load_table",
    "arrays": "tb_keras.datasets.own.arrays:load_arrays",
}


def load(
    name: str, directory: str | os.PathLike | None = None, split: str = "test", **options
) -> Corpus:
    """Reads a data set.

    Args:
        name: which one; the reader of a data set NAME is `tb_keras.datasets.NAME.load_NAME`, whose
            docstring says what it needs: `openmoji`, `flickr30k`, `coco`, `multi30k`, `coco_cn`,
            and `authors` for the features that the authors released; for localization `scenes`,
            `flickr30k_entities`, `referit` and `refcoco`; for one's own data `table` and `arrays`.
        directory: where its files are, as its reader says. A data set that arrives with a package
            needs none.
        split: the part of it to return, such as "train", "validation", "test" or "all".
        **options: what the reader takes besides.

    Raises:
        ValueError: if the name, the split or an option is unknown; the message lists the known.
        FileNotFoundError: if the files are not there.

    Examples:
        >>> load("imagenet")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ValueError: `name` must be one of openmoji, ..., arrays. Received: name='imagenet'
    """
    if name not in _READERS:
        raise ValueError(f"`name` must be one of {', '.join(_READERS)}. Received: name={name!r}")
    module, function = _READERS[name].split(":")
    reader = getattr(importlib.import_module(module), function)
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
    return reader(directory, split, **options)


def __dir__() -> list[str]:
    return __all__
