"""The choice of regions that come with the phrases of a batch."""

from __future__ import annotations

import dataclasses

import numpy as np

from tb_keras.checks.arguments import check_int
from tb_keras.corpus.adjacency import Adjacency
from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches


@dataclasses.dataclass(frozen=True)
class RegionOrder:
    """Draws the regions that come with the phrases of each picture in a batch.

    Args:
        corpus: a `Corpus` with `grounding`.
        phrases_per_picture: positive int, phrases of each picture in a batch.
        regions_per_picture: int, at least `phrases_per_picture * regions_per_phrase`, regions of
            each picture in a batch.
        regions_per_phrase: positive int, matching regions that come with each phrase, or all that
            it has.

    Raises:
        ValueError: if a number is out of range.
    """

    corpus: Corpus
    phrases_per_picture: int
    regions_per_picture: int
    regions_per_phrase: int
    _regions_of: Adjacency = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self):
        check_int("phrases_per_picture", self.phrases_per_picture, least=1)
        check_int("regions_per_phrase", self.regions_per_phrase, least=1)
        check_int("regions_per_picture", self.regions_per_picture, least=1)
        least = self.phrases_per_picture * self.regions_per_phrase
        if self.regions_per_picture < least:
            raise ValueError(
                "`regions_per_picture` must be at least phrases_per_picture * regions_per_phrase = "
                f"{least}. Received: regions_per_picture={self.regions_per_picture}"
            )
        object.__setattr__(self, "_regions_of", self.corpus.grounding.regions_of_pictures())

    def usable_phrases(self) -> Matches:
        """Returns the `Matches` of pictures with their phrases that match some region.

        Raises:
            ValueError: if no region matches any phrase.
        """
        phrases = np.flatnonzero(self.corpus.matches.images_per_text())
        if not len(phrases):
            raise ValueError("`corpus` must have a phrase that some region matches. It has none")
        grounding = self.corpus.grounding
        pairs = np.stack([grounding.phrase_pictures[phrases], phrases], axis=1)
        return Matches(pairs, grounding.num_pictures, self.corpus.num_texts)

    def regions(
        self, pictures: np.ndarray, phrases: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Draws the regions of a batch.

        Args:
            pictures: int `(b,)`, distinct pictures.
            phrases: int `(b * phrases_per_picture,)`, those of a picture side by side, -1 for
                padding.
            rng: the random generator.

        Returns:
            int64 `(b * regions_per_picture,)`, distinct regions, those of a picture side by side,
            then -1 where the picture has too few.
        """
        drawn = np.zeros(self.corpus.num_images, bool)
        phrase, region = self.corpus.matches.images_of_each(phrases)
        place = _random_places(phrase, len(phrases), rng)
        drawn[region[place < self.regions_per_phrase]] = True

        picture, region = self._regions_of.expand(pictures)
        place = _random_places(picture, len(pictures), rng, first=drawn[region])
        kept = place < self.regions_per_picture
        regions = np.full((len(pictures), self.regions_per_picture), -1, np.int64)
        regions[picture[kept], place[kept]] = region[kept]
        return regions.ravel()


def _random_places(
    rows: np.ndarray, num_rows: int, rng: np.random.Generator, first: np.ndarray | None = None
) -> np.ndarray:
    """Returns each entry's place among those of its row, from 0, in random order.

    The entries of bool `first` come before the others.
    """
    later = np.zeros(len(rows), bool) if first is None else ~first
    mixed = np.lexsort((rng.random(len(rows)), later, rows))
    count = np.bincount(rows, minlength=num_rows)
    places = np.empty(len(rows), np.int64)
    places[mixed] = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    return places
