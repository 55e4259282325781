"""Features of regions that are kept on disk picture by picture."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping

import keras
import numpy as np

from tb_keras.corpus.grounding import Grounding
from tb_keras.features.feature_file import ordered_rows
from tb_keras.storage.pictures.picture_reference import picture_digest
from tb_keras.storage.segment_store import SegmentStore

_ROWS_PER_WRITE = 1024  # what a kill loses at the most, besides one picture


def kept_regions(
    settings: Mapping[str, object],
    grounding: Grounding,
    encode: Callable[[Grounding], Iterator[np.ndarray]],
    verbose: bool = True,
) -> np.ndarray:
    """Returns the features of regions, after encoding those of pictures that are new or changed.

    A picture is kept under the digest of its content, its size and its boxes. A run that is killed
    continues with the first picture that is not kept.

    Args:
        settings: all that the features depend on besides the pictures and boxes, as JSON.
        grounding: the pictures and their regions, one at least, in any order.
        encode: a function from the grounding of what is not kept, picture by picture, to blocks
            `(b, feature_dim)` of its regions' features.
        verbose: whether to show a bar of progress.

    Returns:
        A memory map `(n, feature_dim)`, float16.
    """
    order = np.argsort(grounding.region_pictures, kind="stable")
    pictures, starts, counts = np.unique(
        grounding.region_pictures[order], return_index=True, return_counts=True
    )
    digests = [
        _digest(grounding, picture, order[start : start + count])
        for picture, start, count in zip(pictures.tolist(), starts, counts)
    ]
    store = SegmentStore(settings)
    store.refresh()
    missing = store.missing(digests)
    while missing:
        first = {digest: place for place, digest in reversed(list(enumerate(digests)))}
        places = sorted(first[digest] for digest in missing)
        regions = [order[starts[place] : starts[place] + counts[place]] for place in places]
        part = grounding.subset(np.concatenate(regions), slice(0))
        _add(store, [digests[place] for place in places], counts[places], encode(part), verbose)
        missing = store.missing(digests)  # another process may have deleted them
    rows = np.empty(len(order), np.int64)
    rows[order] = store.rows_of(digests)
    assert store.rows is not None
    return ordered_rows(store.rows, rows, {**settings, "rows of": _digest_of_rows(digests, order)})


def _add(
    store: SegmentStore,
    digests: list[bytes],
    counts: np.ndarray,
    blocks: Iterator[np.ndarray],
    verbose: bool,
) -> None:
    """Adds pictures whenever enough of them are whole."""
    ends = np.cumsum(counts)
    progress = keras.utils.Progbar(int(ends[-1]), verbose=int(verbose), unit_name="row")
    waiting: list[np.ndarray] = []
    seen = kept = 0  # rows
    for block in blocks:
        waiting.append(np.asarray(block, "float16"))
        seen += len(block)
        first, end = np.searchsorted(ends, [kept, seen], side="right")
        whole = int(ends[end - 1]) if end else 0
        if whole - kept >= _ROWS_PER_WRITE or (whole == ends[-1] and whole > kept):
            rows = np.concatenate(waiting)
            store.add_segments(digests[first:end], rows[: whole - kept], counts[first:end])
            waiting, kept = [rows[whole - kept :]], whole
        progress.update(seen)


def _digest(grounding: Grounding, picture: int, regions: np.ndarray) -> bytes:
    digest = hashlib.sha256(picture_digest(grounding.picture_paths[picture]).encode())
    digest.update(grounding.picture_sizes[picture].tobytes())
    digest.update(grounding.region_boxes[regions].tobytes())
    return digest.digest()


def _digest_of_rows(digests: list[bytes], order: np.ndarray) -> str:
    return hashlib.sha256(b"".join(digests) + order.tobytes()).hexdigest()
