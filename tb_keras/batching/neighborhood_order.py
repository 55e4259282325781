"""Which images and texts stand in which batch of an epoch: index arithmetic, no features."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from tb_keras.checks.arguments import check_int
from tb_keras.corpus.matches import Matches


class EpochOrder(NamedTuple):
    """The batches of one epoch.

    Attributes:
        images: int64 `(batches, images_per_batch)`, image indices.
        texts: int64 `(batches, images_per_batch * texts_per_image)`, text indices, those of one
            image side by side, -1 where an image has too few.
        anchors: bool `(batches, images_per_batch)`: the first text of the image is an anchor; false
            for the images that fill up a batch.
    """

    images: np.ndarray
    texts: np.ndarray
    anchors: np.ndarray


@dataclasses.dataclass(frozen=True)
class NeighborhoodOrder:
    """Arranges a relation into batches of distinct images, each with several of its texts.

    One epoch takes every text that has an image once as an anchor, at one of its images. Companions
    are drawn from the other texts of that image. No image stands twice in a batch; where an image
    that is still due may not come again, the batch is filled up with other images, whose texts are
    then no anchors. The order follows from the seed and the epoch alone.

    Args:
        matches: which images and texts belong together.
        images_per_batch: distinct images in a batch.
        texts_per_image: texts of each image in a batch, the anchor among them.
        seed: non-negative int.

    Raises:
        ValueError: if a number is out of range, or fewer images have a text than a batch needs.

    Examples:
        >>> order = NeighborhoodOrder(
        ...     Matches.of([0, 0, 1, 1]), images_per_batch=2, texts_per_image=2
        ... )
        >>> epoch = order.epoch(0)
        >>> epoch.images.shape, epoch.texts.shape
        ((2, 2), (2, 4))
    """

    matches: Matches
    images_per_batch: int
    texts_per_image: int
    seed: int = 0

    def __post_init__(self):
        check_int("images_per_batch", self.images_per_batch, least=1)
        check_int("texts_per_image", self.texts_per_image, least=1)
        check_int("seed", self.seed, least=0)
        usable = int(np.count_nonzero(self.matches.texts_per_image()))
        if usable < self.images_per_batch:
            raise ValueError(
                f"`images_per_batch` must be at most the number of images with a text, {usable}. "
                f"Received: images_per_batch={self.images_per_batch}"
            )

    @property
    def num_batches(self) -> int:
        """Batches in every epoch: enough for all anchors and for the image with the most texts."""
        anchors = int(np.count_nonzero(self.matches.images_per_text()))
        most_texts = int(self.matches.texts_per_image().max())
        return max(-(-anchors // self.images_per_batch), most_texts)

    def epoch(self, epoch: int) -> EpochOrder:
        """Returns the order of one epoch, counted from 0."""
        rng = np.random.default_rng([self.seed, epoch])
        images, anchors = self._anchored(rng)
        slots = _dealt(images, self.num_batches, self.images_per_batch, rng)
        anchored = slots >= 0
        batches = np.where(anchored, images[slots], -1)
        _fill_up(batches, np.flatnonzero(self.matches.texts_per_image()), rng)
        texts = self._with_companions(
            batches.ravel(), np.where(anchored, anchors[slots], -1).ravel(), rng
        )
        return EpochOrder(batches, texts.reshape(len(batches), -1), anchored)

    def _anchored(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Every text with an image, at one of its images; those of an image side by side."""
        pairs = rng.permutation(self.matches.pairs).astype(np.int64)
        _, first = np.unique(pairs[:, 1], return_index=True)
        images, texts = pairs[rng.permutation(first)].T
        together = np.argsort(rng.permutation(self.matches.num_images)[images], kind="stable")
        return images[together], texts[together]

    def _with_companions(
        self, images: np.ndarray, anchors: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Int `(images, texts_per_image)`: the anchor, then other texts of the image, -1 padding.

        Where there is no anchor, any of the image's texts come.
        """
        texts = np.full((len(images), self.texts_per_image), -1, np.int64)
        texts[:, 0] = anchors
        position, text = self.matches.texts_of_each(images)
        companion = text != anchors[position]
        position, text = position[companion], text[companion]
        mixed = np.lexsort((rng.random(len(text)), position))
        position, text = position[mixed], text[mixed]
        count = np.bincount(position, minlength=len(images))
        column = np.arange(len(text)) - np.repeat(np.cumsum(count) - count, count)
        column += (anchors >= 0)[position]
        kept = column < self.texts_per_image
        texts[position[kept], column[kept]] = text[kept]
        return texts


def _dealt(
    images: np.ndarray, num_batches: int, batch_size: int, rng: np.random.Generator
) -> np.ndarray:
    """Deals positions of `images` (equal ones side by side) into batches of distinct images.

    Like cards: each turn gives one position to every batch, in a new random order. An image that
    lies wholly in a turn meets no batch twice; where it goes on into the next turn, that turn's
    order begins with batches that have not got it.

    Returns:
        int `(num_batches, batch_size)`, positions, -1 in the last slots where they run out.
    """
    turns = rng.permuted(np.tile(np.arange(num_batches), (batch_size, 1)), axis=1)
    starts = np.arange(num_batches, len(images), num_batches)
    for start in starts[images[starts] == images[starts - 1]]:
        turn = start // num_batches
        before = np.count_nonzero(images[start - num_batches : start] == images[start])
        after = np.count_nonzero(images[start : start + num_batches] == images[start])
        order = turns[turn]
        fresh = order[~np.isin(order, turns[turn - 1][num_batches - before :])][:after]
        turns[turn] = np.concatenate([fresh, order[~np.isin(order, fresh)]])
    positions = np.arange(batch_size * num_batches).reshape(batch_size, num_batches)
    slots = np.empty((num_batches, batch_size), np.int64)
    slots[turns, np.arange(batch_size)[:, None]] = np.where(positions < len(images), positions, -1)
    return slots


def _fill_up(batches: np.ndarray, usable: np.ndarray, rng: np.random.Generator) -> None:
    """Puts random images of `usable` into the free slots (-1), none twice in a batch."""
    for slot in np.flatnonzero((batches < 0).any(axis=0)):
        missing = np.flatnonzero(batches[:, slot] < 0)
        while len(missing):
            drawn = rng.choice(usable, len(missing))
            new = ~(batches[missing] == drawn[:, None]).any(axis=1)
            batches[missing[new], slot] = drawn[new]
            missing = missing[~new]
