"""Your own features: an array of images, an array of texts, and their matches."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tb_keras.checks.arguments import check_int
from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches
from tb_keras.datasets.formats.equal_rows import first_equal_rows
from tb_keras.datasets.own.arrays_files import ArrayFiles
from tb_keras.datasets.own.hashed_splits import in_split, split_named
from tb_keras.storage.numpy_files import open_array


def load_arrays(
    directory: str | os.PathLike, split: str = "all", texts_per_image: int | None = None
) -> Corpus:
    r"""Reads your own features from a folder of NumPy files.

    ```
    images.npy              float (n, image_dim), the features of the images
    images.ids.npy          optional (n,), distinct ints or strings; the default is 0, 1, 2 ...
    images.splits.npy       optional (n,), strings, the split of each image
    texts.npy               float (m, text_dim), the features of the texts, or int word indices
    texts.image_ids.npy     (m,), the id of the image that each text belongs to
    texts.ids.npy           optional (m,), distinct ints or strings; the default is 0, 1, 2 ...
    texts.strings.npy       optional (m,), the texts as strings
    texts.languages.npy     optional (m,), strings, the language of each text
    matches.npy             (p, 2), pairs of an image id and a text id, instead of
                            texts.image_ids.npy where a text belongs to several images
    ```

    A column such as `images.ids.npy` may also be a text file `images.ids.txt`, in UTF-8 with a
    value on each line. `images.npy` and its columns may also be in a single file `images.npz`, as
    the arrays `features`, `ids` and `splits`. The same holds for `texts.npz`. Features in a `.npy`
    file stay on disk as a memory map. Those in a `.npz` file are read into memory.

    Without `images.splits.npy`, about 80% of the images are "train", 10% "validation" and 10%
    "test", by a hash of their ids; images with equal features are in one split. With it, a warning
    counts images whose features are also in another split; if it has training images but none for
    validation, a tenth of them, by a hash of their ids, becomes that split. A split has the texts
    of its images. A large split whose rows are not consecutive is written to the cache directory
    once, so that it is a memory map too.

    Args:
        directory: the folder.
        split: the part to read, or "all". "val", "valid" and "dev" mean "validation".
        texts_per_image: positive int, for texts that come in the order of their images, so many
            for each image. Replaces `texts.image_ids.npy`.

    Returns:
        A `Corpus` of `image_features`, `text_features` and, if there are strings, `texts`. The
        attributes of images are "id", those of texts "id" and "language", if there are such files.

    Raises:
        FileNotFoundError: if a file is not there.
        ValueError: if a file is damaged, a length disagrees, an id comes twice or is unknown,
            a feature is not finite, a column is in two files, or there is no such split. The
            message names the file and the row.

    Examples:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> np.save(folder / "images.npy", np.eye(2, 4))
        >>> _ = (folder / "images.ids.txt").write_text("dog.png\ncat.png\n")
        >>> np.savez(
        ...     folder / "texts.npz",
        ...     features=np.ones((3, 5)),
        ...     image_ids=["dog.png", "dog.png", "cat.png"],
        ...     strings=["a dog", "a pet", "a cat"],
        ... )
        >>> corpus = load_arrays(folder)
        >>> corpus.texts, corpus.image_attributes
        (['a dog', 'a pet', 'a cat'], {'id': ['dog.png', 'cat.png']})
        >>> corpus.matches.pairs.tolist()
        [[0, 0], [0, 1], [1, 2]]
    """
    directory = Path(directory)
    images, texts = ArrayFiles(directory, "images"), ArrayFiles(directory, "texts")
    pairs = _pairs(directory, images, texts, texts_per_image)
    chosen = _of_split(directory, images, split)
    kept = chosen[pairs[:, 0]]
    if split == "all":
        spoken = np.ones(len(texts.features), bool)
    else:
        spoken = np.zeros(len(texts.features), bool)
        spoken[pairs[kept, 1]] = True
    new_image, new_text = np.cumsum(chosen) - 1, np.cumsum(spoken) - 1
    pairs = np.stack([new_image[pairs[kept, 0]], new_text[pairs[kept, 1]]], axis=1)
    try:
        return Corpus(
            Matches(pairs, int(chosen.sum()), int(spoken.sum())),
            image_features=images.features_of(chosen),
            text_features=texts.features_of(spoken),
            texts=texts.attribute("strings", spoken),
            image_attributes=images.attributes({"id": "ids"}, chosen),
            text_attributes=texts.attributes({"id": "ids", "language": "languages"}, spoken),
        )
    except ValueError as error:
        raise ValueError(f"{directory}, split {split!r}: {error}") from error


def _pairs(
    directory: Path, images: ArrayFiles, texts: ArrayFiles, texts_per_image: int | None
) -> np.ndarray:
    """Returns int64 `(p, 2)`, the rows of the images and texts that match."""
    file = directory / "matches.npy"
    owners = texts.column("image_ids")
    given = {
        "`texts_per_image`": texts_per_image is not None,
        "texts.image_ids": owners is not None,
        "matches.npy": file.is_file(),
    }
    if sum(given.values()) != 1:
        found = ", ".join(name for name, there in given.items() if there) or "none"
        raise ValueError(
            f"{directory} must have one of {', '.join(given)}, to say which images and texts "
            f"match. Received: {found}"
        )
    if texts_per_image is not None:
        return _pairs_in_order(images, texts, texts_per_image)
    if owners is not None:
        rows = images.rows_of_ids(owners.tolist(), texts.where("image_ids"))
        return np.stack([rows, np.arange(len(rows))], axis=1)
    pairs = open_array(file)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(f"{file} must have shape (p, 2). Received: shape={pairs.shape}")
    columns = (images, pairs[:, 0]), (texts, pairs[:, 1])
    rows = [kind.rows_of_ids(ids.tolist(), str(file)) for kind, ids in columns]
    return np.stack(rows, axis=1)


def _pairs_in_order(images: ArrayFiles, texts: ArrayFiles, texts_per_image: int) -> np.ndarray:
    check_int("texts_per_image", texts_per_image, least=1)
    n, m = len(images.features), len(texts.features)
    if m != n * texts_per_image:
        raise ValueError(
            f"{texts.path} must have {n * texts_per_image} rows, `texts_per_image` for each of the "
            f"{n} images. Received: {m}"
        )
    return np.stack([np.arange(n).repeat(texts_per_image), np.arange(m)], axis=1)


def _of_split(directory: Path, images: ArrayFiles, split: str) -> np.ndarray:
    """Returns bool `(n,)`, which images the split has."""
    splits = images.strings("splits")
    named = None if splits is None else list(map(split_named, splits))
    keys = ids = list(map(str, images.ids))
    if split != "all":
        firsts = first_equal_rows(images.features).tolist()
        keys = [ids[first] for first in firsts]
        if named is not None:
            _warn_of_equal_rows(images.path, ids, named, firsts)
    return in_split(split, named, keys, directory)


def _warn_of_equal_rows(
    path: Path, ids: Sequence[str], named: Sequence[str], firsts: Sequence[int]
) -> None:
    apart = [row for row, first in enumerate(firsts) if named[row] != named[first]]
    if apart:
        row, first = apart[0], firsts[apart[0]]
        warnings.warn(
            f"{path}: {len(apart)} rows are in one split and an equal row in another, such as "
            f"{ids[first]!r:.80} in {named[first]!r} and {ids[row]!r:.80} in {named[row]!r}",
            stacklevel=2,
        )
