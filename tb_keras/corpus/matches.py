"""`Matches`: which images and texts belong together."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.checks.arguments import check_int
from tb_keras.corpus.adjacency import Adjacency
from tb_keras.corpus.batch_masks import BatchMasks, view_negatives
from tb_keras.corpus.indices import check_range, checked_indices, renumbering


class Matches:
    """The many-to-many relation between `n` images (or regions) and `m` texts (or phrases).

    Every pair of an image and a text is one of three things. A *match* belongs together. An
    *ignored* pair is neither a match nor a safe negative, such as a near-duplicate caption. Every
    other pair is a *negative*. Only matches and ignored pairs are stored.

    Args:
        pairs: int `(p, 2)`, the matching pairs (image index, text index). A repeated pair counts
            once.
        num_images: non-negative int, the number of images `n`.
        num_texts: non-negative int, the number of texts `m`.
        ignored: int `(q, 2)`, the ignored pairs; none if left out.

    Attributes:
        num_images: the number of images.
        num_texts: the number of texts.
        pairs: int32 `(p, 2)`, the matching pairs, sorted and distinct.
        ignored: int32 `(q, 2)`, the ignored pairs, sorted and distinct.

    Raises:
        ValueError: if an array has the wrong shape or type, an index is out of range, or a pair is
            both a match and ignored. The message names the first such row.

    Examples:
        >>> matches = Matches([(0, 0), (0, 1), (1, 2)], num_images=2, num_texts=3)
        >>> matches.texts_of(0)
        array([0, 1], dtype=int32)
        >>> matches.mask()
        array([[ True,  True, False],
               [False, False,  True]])
    """

    def __init__(
        self,
        pairs: ArrayLike,
        num_images: int,
        num_texts: int,
        ignored: ArrayLike | None = None,
    ):
        check_int("num_images", num_images, least=0)
        check_int("num_texts", num_texts, least=0)
        self.num_images, self.num_texts = int(num_images), int(num_texts)
        self.pairs = self._checked_pairs("pairs", pairs)
        self.ignored = self._checked_pairs("ignored", [] if ignored is None else ignored)
        if len(self.ignored):
            both = np.isin(self._keys(self.ignored), self._keys(self.pairs), assume_unique=True)
            if both.any():
                image, text = self.ignored[both.argmax()]
                raise ValueError(
                    "A pair must not be both a match and ignored. "
                    f"Received: image {image} and text {text} in `pairs` and in `ignored`"
                )
        images, texts = self.pairs.T
        self._texts_of = Adjacency(images, texts, self.num_images)
        self._images_of = Adjacency(texts, images, self.num_texts)
        # A pair is related if it is a match or ignored: if it is not a negative.
        self._texts_related_to, self._images_related_to = self._texts_of, self._images_of
        if len(self.ignored):
            images, texts = np.concatenate([self.pairs, self.ignored]).T
            self._texts_related_to = Adjacency(images, texts, self.num_images)
            self._images_related_to = Adjacency(texts, images, self.num_texts)

    @classmethod
    def of(cls, matches: Matches | ArrayLike, num_images: int | None = None) -> Matches:
        """Returns a `Matches`, made of one of the forms that this package accepts.

        Args:
            matches: a `Matches`; or int `(m,)`, the index of each text's image; or bool `(n, m)`,
                true where an image and a text match.
            num_images: the number of images. For the int form the default is the largest index
                plus 1.

        Raises:
            ValueError: if `matches` has another form or does not have `num_images` images.

        Examples:
            >>> Matches.of([0, 0, 1]) == Matches.of([[True, True, False], [False, False, True]])
            True
        """
        if isinstance(matches, Matches):
            found = matches
        else:
            array = np.asarray(matches)
            if array.ndim == 1 and (array.dtype.kind in "iu" or not len(array)):
                array = array.astype(np.int64, copy=False)
                size = int(array.max(initial=-1)) + 1 if num_images is None else num_images
                found = cls(np.stack([array, np.arange(len(array))], axis=1), size, len(array))
            elif array.ndim == 2 and array.dtype == bool:
                found = cls(np.argwhere(array), *array.shape)
            else:
                raise ValueError(
                    "`matches` must be a Matches, an int array of shape (m,) or a bool array of "
                    f"shape (n, m). Received: shape={array.shape}, dtype={array.dtype}"
                )
        if num_images is not None and found.num_images != num_images:
            raise ValueError(
                f"`matches` must have {num_images} images. Received: {found.num_images}"
            )
        return found

    def texts_of(self, image: int) -> np.ndarray:
        """Returns the sorted int32 indices of the texts that match `image`."""
        return self._texts_of.columns_of(image)

    def images_of(self, text: int) -> np.ndarray:
        """Returns the sorted int32 indices of the images that match `text`."""
        return self._images_of.columns_of(text)

    def texts_of_each(self, images: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Returns every matching pair of some images.

        Args:
            images: int `(b,)`, image indices; -1 is padding, which has no text.

        Returns:
            Two int arrays of equal length: positions in `images`, and text indices.

        Examples:
            >>> Matches.of([0, 0, 1]).texts_of_each([1, 0])
            (array([0, 1, 1]), array([2, 0, 1], dtype=int32))
        """
        return self._texts_of.expand(checked_indices("images", images, self.num_images))

    def images_of_each(self, texts: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Returns every matching pair of some texts.

        Args:
            texts: int `(t,)`, text indices; -1 is padding, which has no image.

        Returns:
            Two int arrays of equal length: positions in `texts`, and image indices.

        Examples:
            >>> Matches.of([0, 0, 1]).images_of_each([2, -1])
            (array([0]), array([1], dtype=int32))
        """
        return self._images_of.expand(checked_indices("texts", texts, self.num_texts))

    def texts_per_image(self) -> np.ndarray:
        """Returns int `(n,)`, how many texts match each image."""
        return self._texts_of.counts()

    def images_per_text(self) -> np.ndarray:
        """Returns int `(m,)`, how many images match each text."""
        return self._images_of.counts()

    def mask(self, images: ArrayLike | None = None, texts: ArrayLike | None = None) -> np.ndarray:
        """Returns the dense block of matches between some images and some texts.

        Args:
            images: int `(b,)`, image indices; -1 is padding. All images if left out.
            texts: int `(t,)`, text indices; -1 is padding. All texts if left out.

        Returns:
            bool `(b, t)`, false in padding.

        Raises:
            ValueError: if an index is neither in range nor -1. So do all methods that take indices.
        """
        images = checked_indices("images", images, self.num_images)
        return self._texts_of.block(images, checked_indices("texts", texts, self.num_texts))

    def negative_mask(
        self, images: ArrayLike | None = None, texts: ArrayLike | None = None
    ) -> np.ndarray:
        """Returns the dense block of negatives between some images and some texts.

        Args:
            images: as in `mask`.
            texts: as in `mask`.

        Returns:
            bool `(b, t)`, false in padding.
        """
        images = checked_indices("images", images, self.num_images)
        texts = checked_indices("texts", texts, self.num_texts)
        related = self._texts_related_to.block(images, texts)
        return ~related & (images >= 0)[:, None] & (texts >= 0)

    def batch_masks(self, images: ArrayLike, texts: ArrayLike) -> BatchMasks:
        """Returns the masks of a batch, which follow from the whole relation.

        Two texts are each other's negatives if each is a negative of every image that matches the
        other. The same holds for two images. Images and texts outside the batch count too.

        Args:
            images: int `(b,)`, image indices; -1 is padding.
            texts: int `(t,)`, text indices; -1 is padding.

        Examples:
            >>> matches = Matches.of([0, 0, 1])
            >>> masks = matches.batch_masks([0], [0, 1, 2])  # image 1 is not in the batch
            >>> masks.text_negatives
            array([[False, False,  True],
                   [False, False,  True],
                   [ True,  True, False]])
        """
        images = checked_indices("images", images, self.num_images)
        texts = checked_indices("texts", texts, self.num_texts)
        return BatchMasks(
            self.mask(images, texts),
            self.negative_mask(images, texts),
            view_negatives(texts, self._images_of, self._images_related_to),
            view_negatives(images, self._texts_of, self._texts_related_to),
        )

    def transposed(self) -> Matches:
        """Returns the same relation with images and texts exchanged."""
        return Matches(
            self.pairs[:, ::-1], self.num_texts, self.num_images, ignored=self.ignored[:, ::-1]
        )

    def subset(self, images: ArrayLike, texts: ArrayLike) -> Matches:
        """Returns the relation between some images and some texts, renumbered in the given order.

        Args:
            images: int `(b,)`, distinct image indices.
            texts: int `(t,)`, distinct text indices.

        Raises:
            ValueError: if an index is out of range or comes twice.

        Examples:
            >>> Matches.of([0, 0, 1]).subset(images=[1], texts=[0, 2]).pairs
            array([[0, 1]], dtype=int32)
        """
        images, new_image = renumbering("images", images, self.num_images)
        texts, new_text = renumbering("texts", texts, self.num_texts)

        def kept(pairs: np.ndarray) -> np.ndarray:
            renumbered = np.stack([new_image[pairs[:, 0]], new_text[pairs[:, 1]]], axis=1)
            return renumbered[(renumbered >= 0).all(axis=1)]

        return Matches(kept(self.pairs), len(images), len(texts), ignored=kept(self.ignored))

    def text_neighbors(self) -> Matches:
        """Returns which texts are neighbours of each other, for retrieval of texts by texts.

        Two distinct texts match if they share an image. A text and itself are ignored. Two texts
        are also ignored if they are neither neighbours nor each other's negatives. For the images,
        call `matches.transposed().text_neighbors()`.

        Returns:
            A `Matches` of `m` texts with the same `m` texts.

        Examples:
            >>> Matches.of([0, 0, 1]).text_neighbors().pairs
            array([[0, 1],
                   [1, 0]], dtype=int32)
        """
        texts = np.arange(self.num_texts)

        def pairs(*keys: np.ndarray, but: np.ndarray) -> np.ndarray:
            keys = _distinct(np.concatenate(keys))
            keys = keys[~np.isin(keys, but, assume_unique=True)]
            return np.stack(np.divmod(keys, max(self.num_texts, 1)), axis=1)

        def key(left: np.ndarray, right: np.ndarray) -> np.ndarray:
            return _distinct(left * self.num_texts + right)

        itself = key(texts, texts)
        matching = key(*self._images_of.meeting(self._images_of, texts))
        left, right = self._images_of.meeting(self._images_related_to, texts)
        unsafe = key(left, right), key(right, left), itself
        return Matches(
            pairs(matching, but=itself),
            self.num_texts,
            self.num_texts,
            ignored=pairs(*unsafe, but=np.setdiff1d(matching, itself, assume_unique=True)),
        )

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Matches)
            and (self.num_images, self.num_texts) == (other.num_images, other.num_texts)
            and np.array_equal(self.pairs, other.pairs)
            and np.array_equal(self.ignored, other.ignored)
        )

    __hash__ = None  # its arrays can change

    def __repr__(self) -> str:
        return (
            f"Matches({self.num_images} images, {self.num_texts} texts, {len(self.pairs)} pairs, "
            f"{len(self.ignored)} ignored)"
        )

    def _keys(self, pairs: np.ndarray) -> np.ndarray:
        return pairs[:, 0].astype(np.int64) * self.num_texts + pairs[:, 1]

    def _checked_pairs(self, argument: str, pairs: ArrayLike) -> np.ndarray:
        """Returns `pairs` as a sorted, distinct int32 `(p, 2)` array."""
        array = np.asarray(pairs)
        if array.size == 0:
            return np.zeros((0, 2), np.int32)
        if array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "iu":
            raise ValueError(
                f"`{argument}` must be an int array of shape (p, 2). "
                f"Received: shape={array.shape}, dtype={array.dtype}"
            )
        for column, (name, size) in enumerate(
            [("image", self.num_images), ("text", self.num_texts)]
        ):
            check_range(argument, array[:, column], 0, size, f"{name} indices", "row")
        keys = self._keys(array.astype(np.int64, copy=False))
        if not (np.diff(keys) > 0).all():
            keys = _distinct(keys)
        return np.stack(np.divmod(keys, self.num_texts), axis=1).astype(np.int32)


def _distinct(keys: np.ndarray) -> np.ndarray:
    """Sorts and drops repeats; `np.unique` hashes integers first, which takes far longer."""
    keys = np.sort(keys)
    return keys[np.diff(keys, prepend=-1) > 0]
