"""Batches of regions and phrases as a `tf.data.Dataset`."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from tb_keras.batching.neighborhood_order import NeighborhoodOrder
from tb_keras.batching.neighborhood_sampling import batch_dataset, gathered
from tb_keras.batching.region_order import RegionOrder
from tb_keras.checks.arguments import check_int
from tb_keras.corpus.batch_masks import BatchMasks
from tb_keras.corpus.corpus import Corpus

if TYPE_CHECKING:
    import tensorflow as tf


def region_batches(
    corpus: Corpus,
    pictures_per_batch: int = 16,
    phrases_per_picture: int = 4,
    regions_per_picture: int = 48,
    *,
    regions_per_phrase: int = 4,
    cross_image_negatives: bool = False,
    seed: int = 0,
    first_epoch: int = 0,
) -> tf.data.Dataset:
    """Returns batches of pictures with several phrases and regions of each, and their masks.

    A batch has `pictures_per_batch` distinct pictures. Each has an anchor phrase and companions,
    drawn from its other phrases. In one epoch every phrase that matches some region is an anchor
    once. With each phrase come `regions_per_phrase` of its matching regions, drawn anew each time.
    Other regions of the picture follow, up to `regions_per_picture`. Missing phrases and regions
    are padding: features of 0, without a match or a negative.

    A phrase has its negatives among the regions of its own picture. It may well be true of a region
    in another picture, so those count only with `cross_image_negatives`.

    Args:
        corpus: a `Corpus` with both features and `grounding`, such as
            `tb_keras.encoders.proposed_corpus` makes.
        pictures_per_batch: positive int, at most the number of pictures that have a phrase with a
            match.
        phrases_per_picture: positive int, phrases of each picture in a batch.
        regions_per_picture: int, at least `phrases_per_picture * regions_per_phrase`, regions of
            each picture in a batch.
        regions_per_phrase: positive int, matching regions that come with each phrase, or all that
            it has.
        cross_image_negatives: bool, whether regions and phrases of different pictures are
            negatives.
        seed: non-negative int.
        first_epoch: non-negative int, the epoch of the first iteration, to continue a training.

    Returns:
        A `tf.data.Dataset` of dicts as `neighborhood_batches` gives, with
        `n = pictures_per_batch * regions_per_picture` regions as images and
        `m = pictures_per_batch * phrases_per_picture` phrases as texts.

    Raises:
        ValueError: if `corpus` lacks a part or a number is out of range.

    Reference:
        "Positive region augmentation" and "neighborhood sampling" of Wang, Li, Huang and Lazebnik,
        TPAMI 41(2), 2019, section 4.2.

    Examples:
        >>> from tb_keras.corpus.grounding import Grounding
        >>> truth = [[0, 0, 4, 4], [5, 5, 9, 9]]
        >>> grounding = Grounding(
        ...     ["a.png"], [[9, 9]], [0, 0, 0], [*truth, [0, 0, 3, 4]], [0, 0], truth
        ... )
        >>> corpus = Corpus(
        ...     grounding.matches_by_iou(),
        ...     image_features=np.ones((3, 6)),
        ...     text_features=np.ones((2, 5)),
        ...     grounding=grounding,
        ... )
        >>> for batch in region_batches(corpus, 1, 2, 4, regions_per_phrase=2).take(1):
        ...     print(
        ...         batch["image"].shape, batch["text"].shape, int(batch["matches"].numpy().sum())
        ...     )
        (4, 6) (2, 5) 3
    """
    if corpus.grounding is None or corpus.image_features is None or corpus.text_features is None:
        raise ValueError(
            f"`corpus` must have a grounding, image_features and text_features. Received: {corpus}"
        )
    check_int("first_epoch", first_epoch, least=0)
    regions_of = RegionOrder(corpus, phrases_per_picture, regions_per_picture, regions_per_phrase)
    phrases_of = regions_of.usable_phrases()
    check_int("pictures_per_batch", pictures_per_batch, least=1)
    usable = int(np.count_nonzero(phrases_of.texts_per_image()))
    if pictures_per_batch > usable:
        raise ValueError(
            "`pictures_per_batch` must be at most the number of pictures that have a phrase with a "
            f"match, {usable}. Received: pictures_per_batch={pictures_per_batch}"
        )
    order = NeighborhoodOrder(phrases_of, pictures_per_batch, phrases_per_picture, seed)
    epochs = itertools.count(first_epoch)

    def batches_of_next_epoch():
        epoch = next(epochs)
        batches = order.epoch(epoch)
        for number, (pictures, phrases) in enumerate(zip(batches.images, batches.texts)):
            # From 1, because NumPy takes [seed, epoch, 0] for [seed, epoch], the order's own seed.
            rng = np.random.default_rng([seed, epoch, 1 + number])
            regions = regions_of.regions(pictures, phrases, rng)
            masks = corpus.matches.batch_masks(regions, phrases)
            if not cross_image_negatives:
                masks = _within_pictures(masks, pictures_per_batch)
            yield {
                "image": gathered(corpus.image_features, regions),
                "text": gathered(corpus.text_features, phrases),
                **masks._asdict(),
            }

    return batch_dataset(
        batches_of_next_epoch,
        {"image": corpus.image_features},
        pictures_per_batch * regions_per_picture,
        {"text": corpus.text_features},
        pictures_per_batch * phrases_per_picture,
        order.num_batches,
    )


def _within_pictures(masks: BatchMasks, num_pictures: int) -> BatchMasks:
    """Leaves out the negatives of different pictures; rows of a picture are side by side."""

    def kept(negatives: np.ndarray) -> np.ndarray:
        rows, columns = (np.arange(n) * num_pictures // n for n in negatives.shape)
        return negatives & (rows[:, None] == columns)

    return BatchMasks(masks.matches, *map(kept, masks[1:]))
