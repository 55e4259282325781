"""Digests of a split's data, which tell whether a run still belongs to it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tb_keras.corpus.corpus import Corpus
from tb_keras.storage.pictures.picture_reference import picture_digest

_BLOCK_ROWS = 4096  # of features, hashed at a time


def data_digest(corpus: Corpus) -> dict[str, Any]:
    """Returns the sizes of a loaded split and the digests of its parts, as JSON.

    A picture counts by its content, so that a copy of the data has the same digest. Features count
    where the corpus brings them, since then they are what is trained on.

    Examples:
        >>> described = data_digest(Corpus(np.arange(2), texts=["a dog", "a cat"]))
        >>> described["images"], described["texts"], list(described["digests"])
        (2, 2, ['texts', 'matches'])
    """
    parts: dict[str, Iterable[bytes]] = {}
    grounding = corpus.grounding
    pictures = corpus.image_paths if grounding is None else grounding.picture_paths
    if corpus.image_features is not None:
        parts["image features"] = _rows(corpus.image_features)
    elif pictures is not None:
        parts["pictures"] = (picture_digest(path).encode() for path in pictures)
    if corpus.text_features is not None:
        parts["text features"] = _rows(corpus.text_features)
    elif corpus.texts is not None:
        parts["texts"] = (
            hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in corpus.texts
        )
    parts["matches"] = [corpus.matches.pairs.tobytes(), corpus.matches.ignored.tobytes()]
    if grounding is not None:
        names = "picture_sizes region_pictures region_boxes phrase_pictures phrase_boxes"
        parts["boxes"] = (np.asarray(getattr(grounding, name)).tobytes() for name in names.split())
    digests = {name: _digest(content) for name, content in parts.items()}
    return {"images": corpus.num_images, "texts": corpus.num_texts, "digests": digests}


def data_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Returns how splits differ from what they were, a phrase for each; none if they do not.

    Args:
        before: dict of a split's name → its `data_digest`.
        now: the same of today. Splits that it lacks are not compared.
    """
    changes = []
    for split, theirs in now.items():
        ours = before.get(split)
        if ours is None or ours == theirs:
            continue
        sizes = [f"{data['images']} images and {data['texts']} texts" for data in (ours, theirs)]
        if sizes[0] != sizes[1]:
            changes.append(f"{split} had {sizes[0]}, has {sizes[1]}")
            continue
        names = {*ours["digests"], *theirs["digests"]}
        other = [n for n in sorted(names) if ours["digests"].get(n) != theirs["digests"].get(n)]
        changes.append(f"{split} has other {', '.join(other)}")
    return changes


def _rows(features: np.ndarray) -> Iterable[bytes]:
    yield f"{features.dtype.str} {features.shape}".encode()
    for start in range(0, len(features), _BLOCK_ROWS):
        yield np.asarray(features[start : start + _BLOCK_ROWS]).tobytes()


def _digest(content: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in content:
        digest.update(part)
    return digest.hexdigest()
