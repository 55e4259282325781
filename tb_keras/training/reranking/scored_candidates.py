"""Both scores of each query's candidates, which give the figures of two stages at any weight."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from tb_keras.corpus.corpus import Corpus
from tb_keras.evaluation import corpus_localization_metrics
from tb_keras.evaluation.checked_embeddings import checked_embeddings
from tb_keras.evaluation.ranks import ranks_from_embeddings
from tb_keras.evaluation.reranked import reranked_ranks
from tb_keras.evaluation.retrieval import figures_of_ranks
from tb_keras.networks import Reranker
from tb_keras.search import Index

_PAIRS = 2**16  # scored between two steps of the bar


class ScoredCandidates:
    """The pairs of each query with its candidates in a corpus, scored by both networks once.

    Args:
        reranker: its weight and scales are not used.
        embedded: the corpus with the reranker's embeddings as its features.
        verbose: whether to show a bar.

    Attributes:
        first_scores: float32 `(p,)`, the first network's scores of all pairs.
        second_scores: float32 `(p,)`, the second network's.
    """

    def __init__(self, reranker: Reranker, embedded: Corpus, verbose: bool = False):
        self._corpus = embedded
        images, texts = embedded.image_features, embedded.text_features
        (first_images, second_images), (first_texts, second_texts) = map(
            reranker.split, (images, texts)
        )
        if embedded.grounding is not None:
            image_rows, text_rows = embedded.grounding.same_picture_pairs()
        else:
            matches = checked_embeddings(first_images, first_texts, embedded.matches)[-1]
            ranks = ranks_from_embeddings(first_images, first_texts, matches)
            texts_of = _best_rows(first_images, first_texts, reranker.candidates)
            images_of = _best_rows(first_texts, first_images, reranker.candidates)
            self._directions = [
                (ranks[0], texts_of, matches),
                (ranks[1], images_of, matches.transposed()),
            ]
            image_rows = np.concatenate([_queries(texts_of), images_of.ravel()])
            text_rows = np.concatenate([texts_of.ravel(), _queries(images_of)])
        self.first_scores = reranker.first.fuse_rows(
            first_images, first_texts, image_rows, text_rows
        )
        self.second_scores = np.empty(len(image_rows), np.float32)
        bar = keras.utils.Progbar(len(image_rows), verbose=int(verbose), unit_name="pair")
        for start in range(0, len(image_rows), _PAIRS):
            some = slice(start, start + _PAIRS)
            self.second_scores[some] = reranker.second.fuse_rows(
                second_images, second_texts, image_rows[some], text_rows[some]
            )
            bar.update(min(some.stop, len(image_rows)))

    def metrics(self, reranker: Reranker, ks: Sequence[int] = (1, 5, 10)) -> dict[str, float]:
        """Returns the figures at the weight and the scales of a reranker of the same networks."""
        if self._corpus.grounding is not None:
            scores = reranker.mixed(self.first_scores, self.second_scores)
            return corpus_localization_metrics(scores, self._corpus, ks=ks)
        return figures_of_ranks(*self.ranks(reranker), self._corpus.matches, ks)

    def ranks(self, reranker: Reranker) -> tuple[np.ndarray, np.ndarray]:
        """Returns the ranks of the image queries and of the text queries, of a corpus to retrieve.

        Args:
            reranker: as for `metrics`.
        """
        scores = reranker.mixed(self.first_scores, self.second_scores)
        parts = np.split(scores, [self._directions[0][1].size])
        image_ranks, text_ranks = (
            reranked_ranks(first, rows, part.reshape(rows.shape), matches)
            for (first, rows, matches), part in zip(self._directions, parts)
        )
        return image_ranks, text_ranks


def _best_rows(queries: np.ndarray, embeddings: np.ndarray, k: int) -> np.ndarray:
    return Index(embeddings).search(queries, min(k, len(embeddings)))[1]


def _queries(rows: np.ndarray) -> np.ndarray:
    """Returns the query of each candidate of `rows` `(q, c)`, int `(q * c,)`."""
    return np.repeat(np.arange(len(rows)), rows.shape[1])
