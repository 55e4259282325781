"""The order of an epoch: which images and texts are in which batch."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from tb_keras.checks.arguments import check_int
from tb_keras.corpus.matches import Matches


class EpochOrder(NamedTuple):
    """The batches of one epoch, as indices.

    Attributes:
        images: int64 `(batches, images_per_batch)`, image indices.
        texts: int64 `(batches, images_per_batch * texts_per_image)`, text indices, those of an
            image side by side, -1 where an image has too few texts.
        anchors: bool `(batches, images_per_batch)`, true where the first text of the image is an
            anchor, false for an image that fills up a batch.
    """

    images: np.ndarray
    texts: np.ndarray
    anchors: np.ndarray


@dataclasses.dataclass(frozen=True)
class NeighborhoodOrder:
    """Deals the images of a relation into batches, each image with several of its texts.

    In one epoch, every text that has an image is an anchor once, at one of its images. Its
    companions are drawn from the other texts of that image. No image is twice in a batch. If too
    few anchors are left for a batch of distinct images, other images fill it up, and their texts
    are no anchors. The order depends on the seed and the epoch alone.

    Args:
        matches: a `Matches`.
        images_per_batch: positive int, images in a batch.
        texts_per_image: positive int, texts of each image in a batch, its anchor included.
        seed: non-negative int.
        mined_images: how many images of a batch, fewer than all, are confused with others of it.
            Their texts are no anchors.

    Raises:
        ValueError: if a number is out of range, or fewer than `images_per_batch` images have a
            text.

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
    mined_images: int = 0

    def __post_init__(self):
        check_int("images_per_batch", self.images_per_batch, least=1)
        check_int("texts_per_image", self.texts_per_image, least=1)
        check_int("seed", self.seed, least=0)
        check_int("mined_images", self.mined_images, least=0)
        if self.mined_images >= self.images_per_batch:
            raise ValueError(
                f"`mined_images` must be less than images_per_batch={self.images_per_batch}. "
                f"Received: mined_images={self.mined_images}"
            )
        usable = int(np.count_nonzero(self.matches.texts_per_image()))
        if usable < self.images_per_batch:
            raise ValueError(
                f"`images_per_batch` must be at most the number of images with a text, {usable}. "
                f"Received: images_per_batch={self.images_per_batch}"
            )

    @property
    def num_batches(self) -> int:
        """The number of batches in an epoch.

        They hold all anchors, and each text of the image with the most texts has its own batch.
        """
        anchors = int(np.count_nonzero(self.matches.images_per_text()))
        most_texts = int(self.matches.texts_per_image().max())
        return max(-(-anchors // (self.images_per_batch - self.mined_images)), most_texts)

    def epoch(self, epoch: int, confused: np.ndarray | None = None) -> EpochOrder:
        """Returns the batches of an epoch.

        Args:
            epoch: its number, from 0.
            confused: int `(num_images, k)`, the images that each image is confused with, and -1.
                The `mined_images` of a batch are drawn from those of its other images; any images
                fill up where these do not suffice.
        """
        rng = np.random.default_rng([self.seed, epoch])
        images, anchors = self._anchored(rng)
        slots = _dealt(images, self.num_batches, self.images_per_batch - self.mined_images, rng)
        slots = np.pad(slots, ((0, 0), (0, self.mined_images)), constant_values=-1)
        anchored = slots >= 0
        batches = np.where(anchored, images[slots], -1)
        texts = self.matches.texts_per_image()
        if confused is not None:
            _put_confused(batches, self.mined_images, confused, texts > 0, rng)
        _fill_up(batches, np.flatnonzero(texts), rng)
        texts = self._with_companions(
            batches.ravel(), np.where(anchored, anchors[slots], -1).ravel(), rng
        )
        return EpochOrder(batches, texts.reshape(len(batches), -1), anchored)

    def _anchored(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Returns the image and the text of each anchor, those of an image side by side."""
        pairs = rng.permutation(self.matches.pairs).astype(np.int64)
        _, first = np.unique(pairs[:, 1], return_index=True)
        images, texts = pairs[rng.permutation(first)].T
        together = np.argsort(rng.permutation(self.matches.num_images)[images], kind="stable")
        return images[together], texts[together]

    def _with_companions(
        self, images: np.ndarray, anchors: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Returns int `(images, texts_per_image)`: the anchor, other texts of the image, padding.

        An image without an anchor (-1) begins with any of its texts.
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
    """Deals the positions of `images` into batches of distinct images.

    They are dealt like cards. Each turn gives one position to every batch, in a new random order.
    Equal images are side by side, so within a turn each goes to another batch. If an image goes on
    into the next turn, that turn begins with batches that do not have it yet.

    Returns:
        int `(num_batches, batch_size)`, positions, -1 in the last slots if they run out.
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


def _put_confused(
    batches: np.ndarray,
    count: int,
    confused: np.ndarray,
    usable: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Puts up to `count` images that others of a batch are confused with into its last slots."""
    for batch in batches:
        there = batch[batch >= 0]
        found = np.unique(confused[there])
        found = found[found >= 0]
        found = np.setdiff1d(found[usable[found]], there)
        drawn = rng.permutation(found)[:count]
        batch[len(batch) - len(drawn) :] = drawn


def _fill_up(batches: np.ndarray, usable: np.ndarray, rng: np.random.Generator) -> None:
    """Puts random images of `usable` into the free slots (-1) of batches, none of them twice."""
    for slot in np.flatnonzero((batches < 0).any(axis=0)):
        missing = np.flatnonzero(batches[:, slot] < 0)
        while len(missing):
            drawn = rng.choice(usable, len(missing))
            new = ~(batches[missing] == drawn[:, None]).any(axis=1)
            batches[missing[new], slot] = drawn[new]
            missing = missing[~new]
