"""The features that the papers' authors released, and those of the later port to PyTorch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tb_keras.checks.arguments import check_int
from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches
from tb_keras.datasets.captioned_pictures import SPLITS, check_split
from tb_keras.datasets.formats.caption_lines import read_picture_list
from tb_keras.datasets.formats.matlab_matrices import matlab_matrix
from tb_keras.datasets.formats.matrix_cache import NumpyMatrix, memory_map
from tb_keras.datasets.published.coco import load_coco
from tb_keras.datasets.published.flickr30k import load_flickr30k
from tb_keras.storage.numpy_files import open_array

_FILE_NAMES = {"train": "train", "validation": "val", "test": "test"}
_PORT_FEATURES = "{split}_features.npy"
_PORT_CAPTIONS = ("results_20130124.token", "annotations")


def load_authors(
    directory: str | os.PathLike,
    split: str = "test",
    image_file: str = "image_feature_{split}.mat",
    text_file: str = "text_feature_{split}.mat",
    texts_per_image: int = 5,
) -> Corpus:
    r"""Reads the features that the papers' authors published, in one of two layouts.

    **The release**, https://github.com/lwwang/Two_branch_network, has two `.mat` files for each
    split. The file of the images holds the matrix `image_features`, n × d, in version 5. The file
    of the texts holds `text_features` in version 7.3. The texts come in the order of their images.
    There are no strings and no file names.

    **The port to PyTorch**, https://github.com/BryanPlummer/two_branch_networks, has image features
    `SPLIT_features.npy` for each split, with an image name on each line of `SPLIT.txt` in the same
    order. The captions are those of the data set: `results_20130124.token` for Flickr30K, or
    `annotations/captions_train2014.json` and `captions_val2014.json` for MSCOCO. An image may have
    any number of them. The port validates on the first 1,000 images of MSCOCO's "val"; here all are
    read.

    In file names, "validation" is `val`. Matrices of `.mat` files are written to the cache
    directory once, as float32 memory maps. So are `.npy` files if they are float64 or if several of
    them are joined.

    Args:
        directory: the folder of the files. It is read as the port's if it has a
            `SPLIT_features.npy`.
        split: "train", "validation", "test", or "all", the three of them in this order.
        image_file: for the release, the name of the images' file, with `{split}` in place of the
            split.
        text_file: for the release, the name of the texts' file.
        texts_per_image: for the release, positive int, how many texts each image has.

    Returns:
        A `Corpus` of `image_features`, and `text_features` for the release or `texts` for the port.
        The port has `image_paths` too if the pictures are where `load_flickr30k` or `load_coco`
        looks for them. The image attributes are "split" and, for the port, "file", the image's file
        name.

    Raises:
        FileNotFoundError: if a file is not there.
        ValueError: if an argument is wrong, a file is damaged, a matrix is missing, or the numbers
            of images and texts disagree. The message names the file.
        ImportError: if scipy or h5py is not installed, which `.mat` files need.

    Reference:
        Wang, Li, Huang and Lazebnik, TPAMI 41(2), 2019; Burns, Tan, Saenko, Sclaroff and Plummer,
        "Language Features Matter", ICCV 2019 (the port).

    Examples:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> np.save(folder / "test_features.npy", np.ones((2, 4), "float32"))
        >>> _ = (folder / "test.txt").write_text("100\n200\n")
        >>> captions = "100.jpg#0\ta dog\n100.jpg#1\ta pet\n200.jpg#0\ta cat\n"
        >>> _ = (folder / "results_20130124.token").write_text(captions)
        >>> load_authors(folder)
        Corpus(2 images, 3 texts, 3 pairs; image_features (2, 4) float32, texts)
    """
    check_split(split)
    check_int("texts_per_image", texts_per_image, least=1)
    directory = Path(directory)
    splits = [split] if split != "all" else [name for name in SPLITS if name != "all"]
    if any(file.is_file() for file in _files(directory, _PORT_FEATURES, list(_FILE_NAMES))):
        return _port_corpus(directory, split, splits)
    image_files = _files(directory, image_file, splits)
    text_files = _files(directory, text_file, splits)
    for argument, file in [
        *(("image_file", file) for file in image_files),
        *(("text_file", file) for file in text_files),
    ]:
        if not file.is_file():
            names = ", ".join(sorted(path.name for path in directory.glob("*.mat"))) or "none"
            raise FileNotFoundError(
                f"There is no '{file}', which `{argument}` names. Its folder has: {names}"
            )
    return _release_corpus(image_files, text_files, splits, texts_per_image)


def _release_corpus(
    image_files: Sequence[Path],
    text_files: Sequence[Path],
    splits: Sequence[str],
    texts_per_image: int,
) -> Corpus:
    images = [matlab_matrix(file, "image_features") for file in image_files]
    texts = []
    for image, file in zip(images, text_files):
        expected = image.shape[0] * texts_per_image
        text = matlab_matrix(file, "text_features", rows=expected)
        if text.shape[0] != expected:
            raise ValueError(
                f"{file} must have {expected} texts, {texts_per_image} (`texts_per_image`) for "
                f"each of the {image.shape[0]} images of {image.path}. Received: "
                f"{text.shape[0]} texts of {text.shape[1]} features"
            )
        texts.append(text)
    counts = [image.shape[0] for image in images]
    return Corpus(
        Matches.of(np.arange(sum(counts)).repeat(texts_per_image), sum(counts)),
        image_features=memory_map(images),
        text_features=memory_map(texts),
        image_attributes={"split": _repeated(splits, counts)},
    )


def _port_corpus(directory: Path, split: str, splits: Sequence[str]) -> Corpus:
    token, annotations = (directory / name for name in _PORT_CAPTIONS)
    lists = [read_picture_list(directory / f"{_FILE_NAMES[name]}.txt") for name in splits]
    if token.is_file():
        captions = load_flickr30k(directory, split, splits="entities")
    elif annotations.is_dir():
        captions = load_coco(directory, "all", captions_per_image=None)
        captions = _of_files(captions, [picture for pictures in lists for picture in pictures])
    else:
        raise FileNotFoundError(f"There are no captions, neither '{token}' nor '{annotations}'")
    matrices = [NumpyMatrix(file) for file in _files(directory, _PORT_FEATURES, splits)]
    for matrix, name, pictures in zip(matrices, splits, lists):
        if matrix.shape[0] != len(pictures):
            raise ValueError(
                f"{matrix.path} must have {len(pictures)} rows, one for each picture of "
                f"{_FILE_NAMES[name]}.txt. Received: {matrix.shape[0]}"
            )
    as_it_is = len(matrices) == 1 and matrices[0].dtype in (np.float16, np.float32)
    return captions.replace(
        image_features=open_array(matrices[0].path) if as_it_is else memory_map(matrices),
        image_attributes={
            **captions.image_attributes,
            "split": _repeated(splits, list(map(len, lists))),
        },
    )


def _of_files(captions: Corpus, pictures: Sequence[tuple[str, str]]) -> Corpus:
    """Returns the images with some file names, in the order of these, and their texts."""
    rows = {file: row for row, file in enumerate(captions.image_attributes["file"])}
    chosen: dict[int, str] = {}
    for name, where in pictures:
        if name not in rows:
            raise ValueError(f"{where}: there is no caption of the picture {name!r:.80}")
        if rows[name] in chosen:
            raise ValueError(f"{where}: the picture {name!r:.80} comes twice")
        chosen[rows[name]] = where
    return captions.subset(images=list(chosen))


def _files(directory: Path, pattern: str, splits: Sequence[str]) -> list[Path]:
    return [directory / pattern.replace("{split}", _FILE_NAMES[split]) for split in splits]


def _repeated(splits: Sequence[str], counts: Sequence[int]) -> list[str]:
    return [split for split, count in zip(splits, counts) for _ in range(count)]
