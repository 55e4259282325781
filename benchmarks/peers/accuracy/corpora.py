"""The corpora on which accuracy is measured, with features: the same for every method."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches

SPLITS = ("train", "validation", "test")
NAMES = ("openmoji", "openmoji_languages", "scenes", "fluent_emoji", "latent")

_IMAGE_ENCODER = "efficientnet_lite0_levels"  # that for drawings
_VOCABULARY = 2000  # of the texts in all languages
_NEAR_EQUAL = 0.98  # least cosine of near-equal pictures in fluent_emoji
# By the data set's own 80 and 150 scenes the best methods cannot be told apart: the best was 7.2
# ahead of the default in rsum, with a standard error of 8.0.
_SCENES = {"train": 500, "validation": 300, "test": 600}
_SHARES = (0.7, 0.1, 0.2)  # of the pictures, where a corpus has no splits of its own


def prepare_corpora(
    names: Sequence[str], directory: Path, fluent_emoji: Path | None = None
) -> dict[str, dict[str, list[int]]]:
    """Writes the splits of corpora, with both features, as directories that `Corpus.load` opens.

    Args:
        names: of `NAMES`, or directories that hold the directories train, validation and test, each
            of a corpus with both features.
        directory: gets NAME/SPLIT; a corpus that is a directory already stays where it is.
        fluent_emoji: the file of the corpus of that name; None leaves that corpus out.

    Returns:
        By name the numbers of images and of texts of each split, of the corpora that are there.

    Raises:
        ValueError: if a name is unknown and no directory.
        ModuleNotFoundError: if a package that brings the pictures is not installed.
    """
    sizes = {}
    for name in names:
        if name == "fluent_emoji" and fluent_emoji is None:
            continue
        if name not in NAMES and not Path(name).is_dir():
            raise ValueError(
                f"`names` must be of {', '.join(NAMES)}, or directories. Received: {name!r}"
            )
        folder = corpus_directory(name, directory)
        if name in NAMES:
            for split, corpus in _READERS[name](fluent_emoji).items():
                bare = Corpus(corpus.matches, corpus.image_features, corpus.text_features)
                bare.save(folder / split)
        corpora = {split: Corpus.load(folder / split) for split in SPLITS}
        for split, corpus in corpora.items():
            if corpus.image_features is None or corpus.text_features is None:
                raise ValueError(f"`names` must be of corpora with features. Received: {corpus}")
            print(f"{name}, {split}: {corpus.num_images} images, {corpus.num_texts} texts")
        sizes[name] = {split: [c.num_images, c.num_texts] for split, c in corpora.items()}
    return sizes


def corpus_directory(name: str, directory: Path) -> Path:
    """Returns where `prepare_corpora` wrote a corpus, or found it."""
    return directory / name if name in NAMES else Path(name)


def split_of_pictures(groups: ArrayLike, seed: int = 0) -> np.ndarray:
    """Returns the split of each picture: whole groups, dealt out at random.

    Args:
        groups: int `(n,)`, each picture's group.
        seed: of the order of the groups.

    Returns:
        `(n,)` strings, of `SPLITS`.
    """
    _, member_of, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(sizes))
    middles = np.cumsum(sizes[order]) - sizes[order] / 2
    bounds = np.cumsum(_SHARES)[:-1] * len(member_of)
    split_of = np.empty(len(sizes), int)
    split_of[order] = np.searchsorted(bounds, middles, side="right")
    return np.array(SPLITS)[split_of[member_of]]


def near_equal_groups(features: ArrayLike, cosine: float, related: Matches) -> np.ndarray:
    """Groups pictures that are nearly equal, or that share a text, and all that hang together.

    Args:
        features: float `(n, image_dim)`.
        cosine: pictures whose features' cosine is above it are nearly equal.
        related: of the pictures and their texts.

    Returns:
        int `(n,)`, the group of each picture.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    unit = np.asarray(features, np.float32)
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    left, right = np.nonzero(unit @ unit.T > cosine)
    images, texts = related.pairs.T
    nodes = related.num_images + related.num_texts  # a text is a node that joins its pictures
    rows = np.concatenate([left, images])
    columns = np.concatenate([right, texts + related.num_images])
    edges = coo_array((np.ones(len(rows), bool), (rows, columns)), shape=(nodes, nodes))
    return connected_components(edges, directed=False)[1][: related.num_images]


def read_fluent_emoji(file: Path) -> Corpus:
    """Reads the pictures and texts of an .npz file; equal texts are one, that matches them all.

    Args:
        file: holds `lite0` `(n, image_dim)`, `minilm` `(m, text_dim)` and `text_to_image` `(m,)`.
    """
    with np.load(file) as arrays:
        images, texts = (arrays[name].astype(np.float32) for name in ("lite0", "minilm"))
        image_of = arrays["text_to_image"]
    distinct, text_of = np.unique(texts, axis=0, return_inverse=True)
    pairs = np.unique(np.stack([image_of, text_of.ravel()], axis=1), axis=0)
    return Corpus(Matches(pairs, len(images), len(distinct)), images, distinct)


def _openmoji(_) -> dict[str, Corpus]:
    return {split: _encoded("openmoji", split) for split in SPLITS}


def _scenes(_) -> dict[str, Corpus]:
    return {
        split: _encoded("scenes", split, texts="sentences", scenes=count)
        for split, count in _SCENES.items()
    }


def _encoded(name: str, split: str, **options) -> Corpus:
    from tb_keras.datasets import load
    from tb_keras.features import encode_corpus

    return encode_corpus(load(name, split=split, **options), _IMAGE_ENCODER)


def _openmoji_languages(_) -> dict[str, Corpus]:
    """Texts as bags of words, fitted to the training texts: MiniLM knows English alone."""
    from tb_keras.datasets import load
    from tb_keras.encoders.text.fitted_text_encoder import fit_text_encoder
    from tb_keras.features import encode_images, encode_texts

    corpora = {split: load("openmoji", split=split, languages="all") for split in SPLITS}
    texts = corpora["train"].texts
    encoder = fit_text_encoder("tfidf", texts, max_vocabulary=_VOCABULARY).encoder
    return {
        split: corpus.replace(
            image_features=encode_images(corpus.image_paths, _IMAGE_ENCODER),
            text_features=encode_texts(corpus.texts, encoder),
        )
        for split, corpus in corpora.items()
    }


def _fluent_emoji(file: Path) -> dict[str, Corpus]:
    corpus = read_fluent_emoji(file)
    groups = near_equal_groups(corpus.image_features, _NEAR_EQUAL, corpus.matches)
    splits = split_of_pictures(groups)
    return {split: corpus.subset(images=splits == split) for split in SPLITS}


def _latent(_) -> dict[str, Corpus]:
    """Made up: two noisy linear views of the same few hidden numbers, to try things out on."""
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((120, 6))
    text_of = np.repeat(np.arange(120), 2)
    images = hidden @ rng.standard_normal((6, 24)) + 0.5 * rng.standard_normal((120, 24))
    texts = hidden[text_of] @ rng.standard_normal((6, 16)) + 0.5 * rng.standard_normal((240, 16))
    corpus = Corpus(text_of, images.astype(np.float32), texts.astype(np.float32))
    splits = split_of_pictures(np.arange(120))
    return {split: corpus.subset(images=splits == split) for split in SPLITS}


_READERS: dict[str, Callable] = {
    "openmoji": _openmoji,
    "openmoji_languages": _openmoji_languages,
    "scenes": _scenes,
    "fluent_emoji": _fluent_emoji,
    "latent": _latent,
}
