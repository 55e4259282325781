"""Hard negatives from the whole corpus: the images that a network confuses with each image."""

from __future__ import annotations

import numpy as np

from tb_keras.checks.arguments import check_int
from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches
from tb_keras.networks import EmbeddingNetwork, TwoBranchNetwork

_BLOCK_VALUES = 2**24  # scores in a block: 64 MiB
_TEXTS = 5  # of an image, at most, whose nearest wrong images count

Views = tuple[np.ndarray, np.ndarray]


class ConfusedImages:
    """Finds which images a network confuses with each image of a corpus.

    For each image it takes the images of the nearest wrong texts, and the nearest wrong images of
    its own texts. A wrong pair is a negative of the corpus, so neither a match nor ignored. Nothing
    says that a negative is really wrong, since another picture of a dog may fit "a dog". So pairs
    are left out that the network scored above the true match before its training.

    Pass it to `tb_keras.batching.neighborhood_batches` as `confused`; it is called as each epoch
    begins, with the network as it is then.

    Args:
        network: an `EmbeddingNetwork`, before its training.
        corpus: with both features, to be trained on.
        count: positive int, nearest wrong items of each query.
        guarded: whether pairs that scored above the true match before the training are left out.

    Call arguments:
        epoch: the number of the epoch, which makes no difference.

    Returns:
        int `(num_images, 6 * count)`, image indices, and -1 where there are fewer.

    Raises:
        ValueError: if the network is no `EmbeddingNetwork`, or `count` is out of range.

    Reference:
        Faghri, Fleet, Kiros and Fidler, *VSE++*, BMVC 2018, for hard negatives in the batch; Xiong
        et al., *Approximate Nearest Neighbor Negative Contrastive Learning*, ICLR 2021, for those
        of the whole corpus.

    Examples:
        >>> network = EmbeddingNetwork(image_dim=4, text_dim=4, hidden_dim=8, embedding_dim=3)
        >>> corpus = Corpus(np.arange(4), image_features=np.eye(4), text_features=np.eye(4))
        >>> confused = ConfusedImages(network, corpus, count=1, guarded=False)(epoch=0)
        >>> confused.shape, bool((confused[:, 0] != np.arange(4)).all())
        ((4, 6), True)
    """

    def __init__(
        self, network: TwoBranchNetwork, corpus: Corpus, count: int = 5, guarded: bool = True
    ):
        check_int("count", count, least=1)
        if not isinstance(network, EmbeddingNetwork):
            raise ValueError(f"`network` must be an `EmbeddingNetwork`. Received: {network!r}")
        self.network, self.corpus, self.count = network, corpus, count
        self._before = self._embedded() if guarded else None

    def __call__(self, epoch: int) -> np.ndarray:
        del epoch
        matches, now, before = self.corpus.matches, self._embedded(), self._before
        image_of = np.full(matches.num_texts, -1, np.int64)
        # The first image of several, which comes last.
        image_of[matches.pairs[::-1, 1]] = matches.pairs[::-1, 0]
        texts = _nearest_wrong(now, before, matches, self.count)
        of_images = np.where(texts >= 0, image_of[texts], -1)
        turned = before and before[::-1]
        images = _nearest_wrong(now[::-1], turned, matches.transposed(), self.count)
        some = _some_texts(matches)
        of_texts = np.where(some[:, :, None] >= 0, images[some], -1)
        return np.concatenate([of_images, of_texts.reshape(len(some), -1)], axis=1)

    def _embedded(self) -> Views:
        return (
            self.network.embed_images(self.corpus.image_features),
            self.network.embed_texts(self.corpus.text_features),
        )


def _nearest_wrong(now: Views, before: Views | None, matches: Matches, count: int) -> np.ndarray:
    """Returns each query's nearest candidates that do not match, int `(queries, count)`, and -1."""
    queries, candidates = now
    count = min(count, len(candidates))
    found = np.full((len(queries), count), -1, np.int64)
    step = max(1, _BLOCK_VALUES // max(1, len(candidates)))
    for start in range(0, len(queries), step):
        rows = np.arange(start, min(start + step, len(queries)))
        scores = queries[rows] @ candidates.T
        wrong = matches.negative_mask(rows)
        if before is not None:
            earlier = before[0][rows] @ before[1].T
            true = np.where(matches.mask(rows), earlier, -np.inf).max(axis=1, keepdims=True)
            wrong &= earlier <= true
        scores[~wrong] = -np.inf
        nearest = np.argpartition(-scores, count - 1, axis=1)[:, :count]
        there = np.take_along_axis(wrong, nearest, axis=1)
        found[rows] = np.where(there, nearest, -1)
    return found


def _some_texts(matches: Matches) -> np.ndarray:
    """Returns the first texts of each image, int `(num_images, 5)`, and -1."""
    texts = np.full((matches.num_images, _TEXTS), -1, np.int64)
    image, text = matches.texts_of_each(np.arange(matches.num_images))
    per_image = matches.texts_per_image()
    column = np.arange(len(text)) - np.repeat(np.cumsum(per_image) - per_image, per_image)
    kept = column < _TEXTS
    texts[image[kept], column[kept]] = text[kept]
    return texts
