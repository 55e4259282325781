"""Which pictures cannot be read, known before anything long begins."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

import numpy as np

from tb_keras.corpus.corpus import Corpus
from tb_keras.features.decoded_pictures import decoded_pictures
from tb_keras.storage.feature_cache import cached_features
from tb_keras.storage.pictures.picture_reference import picture_digest

_VERSION = 1  # a part of every key: raise it when other pictures can be read
_SHOWN = 500  # pictures, of more of which the progress is shown


def unreadable_pictures(paths: Sequence[str]) -> dict[str, str]:
    """Returns why pictures cannot be read, by path; those that can are left out.

    Each picture is decoded once. What was found is kept in the cache directory, so that the same
    files take no time later. With more than 500 pictures a bar shows the progress.

    Args:
        paths: paths of picture files.

    Examples:
        >>> unreadable_pictures(["nowhere.png"])
        {'nowhere.png': 'No such file or directory'}
    """
    reasons: dict[str, str] = {}
    there = []
    for path in dict.fromkeys(paths):
        try:
            picture_digest(path)
            there.append(path)
        except OSError as error:
            reasons[path] = error.strerror or str(error)
        except ValueError as error:  # an archive is damaged
            reasons[path] = str(error)
    if there:
        is_readable = cached_features(
            {"kind": "readable", "version": _VERSION},
            there,
            picture_digest,
            _readable,
            verbose=len(there) > _SHOWN,
        )
        doubtful = [path for path, good in zip(there, is_readable[:, 0]) if not good]
        found = {path: reason for path, reason in zip(doubtful, _reasons(doubtful)) if reason}
        reasons |= found
    return {path: reasons[path] for path in dict.fromkeys(paths) if path in reasons}


def without_pictures(corpus: Corpus, paths: Collection[str]) -> Corpus:
    """Returns a corpus without some of its pictures, and without the texts that match only these.

    If the corpus has a grounding, the regions and phrases of these pictures go too.

    Args:
        corpus: a corpus with `image_paths` or `grounding`.
        paths: paths of pictures.

    Examples:
        >>> corpus = Corpus(np.array([0, 1]), image_paths=["a.png", "b.png"], texts=["a", "b"])
        >>> without_pictures(corpus, {"a.png"}).texts
        ['b']
    """
    paths = set(paths)
    if corpus.grounding is None:
        assert corpus.image_paths is not None
        return without_images(corpus, np.array([path in paths for path in corpus.image_paths]))
    grounding = corpus.grounding
    gone = np.array([path in paths for path in grounding.picture_paths])
    corpus = corpus.subset(~gone[grounding.region_pictures], ~gone[grounding.phrase_pictures])
    assert corpus.grounding is not None
    number = np.cumsum(~gone) - 1
    return corpus.replace(
        grounding=dataclasses.replace(
            corpus.grounding,
            picture_paths=[path for path in grounding.picture_paths if path not in paths],
            picture_sizes=grounding.picture_sizes[~gone],
            region_pictures=number[corpus.grounding.region_pictures],
            phrase_pictures=number[corpus.grounding.phrase_pictures],
        )
    )


def without_images(corpus: Corpus, gone: np.ndarray) -> Corpus:
    """Returns a corpus without some images, and without the texts that match only these.

    Args:
        corpus: a corpus.
        gone: bool `(n,)`, the images to leave out.

    Examples:
        >>> corpus = Corpus(np.array([0, 1]), texts=["a", "b"])
        >>> without_images(corpus, np.array([True, False])).texts
        ['b']
    """
    pairs = corpus.matches.pairs
    lost = np.zeros(corpus.num_texts, bool)
    lost[pairs[:, 1]] = True
    lost[pairs[~gone[pairs[:, 0]], 1]] = False
    return corpus.subset(~gone, ~lost)


def _readable(paths: Sequence[str]) -> np.ndarray:
    return np.array([[reason is None] for reason in _reasons(paths)], np.float32)


def _reasons(paths: Sequence[str]) -> list[str | None]:
    from tb_keras.encoders.image.image_decoding import decoded_size

    return [picture.reason for picture in decoded_pictures(paths, decoded_size)]
