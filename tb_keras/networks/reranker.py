"""Two networks in two stages: the first finds candidates, the second ranks them again."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.checks.arguments import check_int
from tb_keras.networks.embedding_network import EmbeddingNetwork
from tb_keras.networks.pair_scorer import PairScorer


@dataclasses.dataclass(frozen=True, eq=False)
class Reranker(PairScorer):
    """Ranks the first candidates of an embedding network again by a second network.

    The first network's embeddings can be indexed, so it finds the candidates of a query quickly.
    The second network scores only the pairs of the query with its candidates, and both scores are
    mixed:

    score = (1 - weight) · first score / first scale + weight · second score / second scale

    The candidates come first in the order of this score. All others follow in the order of the
    first network. Weight and scales are constants, so the answer to a query does not depend on
    other queries. `tb_keras.training.fit_reranker` chooses them on the validation split, and
    `tb_keras.training.network_metrics` measures both stages together.

    It is a network too: it scores any pair by the mixed score. Its embedding is the first network's
    embedding followed by the second's.

    Args:
        first: finds the candidates by the dot product of its embeddings.
        second: scores the candidates. It takes the same features, and is a `SimilarityNetwork` or
            another object with the methods of a `PairScorer`.
        candidates: positive int, how many candidates of each query are ranked again. To localize
            phrases, all regions of the phrase's picture are candidates.
        weight: float in [0, 1] of the second score. With 1 the second network alone orders the
            candidates.
        scales: positive floats, by which the first and the second scores are divided.

    Raises:
        ValueError: if an argument is out of range, or `first` is no `EmbeddingNetwork`.

    Reference:
        Li et al., *Align before Fuse*, NeurIPS 2021 (arXiv 2107.07651), which ranks the first
        candidates of two branches again by a joint network.

    Examples:
        >>> from tb_keras.networks import SimilarityNetwork
        >>> reranker = Reranker(EmbeddingNetwork(6, 4), SimilarityNetwork(6, 4), candidates=2)
        >>> reranker.score(np.ones((3, 6)), np.ones((3, 4))).shape
        (3,)
    """

    first: EmbeddingNetwork
    second: PairScorer
    candidates: int = 100
    weight: float = 1.0
    scales: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self):
        if not isinstance(self.first, EmbeddingNetwork):
            raise ValueError(f"`first` must be an `EmbeddingNetwork`. Received: {self.first!r}")
        check_int("candidates", self.candidates, least=1)
        if not 0 <= self.weight <= 1:
            raise ValueError(f"`weight` must be in [0, 1]. Received: weight={self.weight}")
        if len(self.scales) != 2 or not all(0 < scale < math.inf for scale in self.scales):
            raise ValueError(
                f"`scales` must be two positive floats. Received: scales={self.scales}"
            )

    def embed_images(self, features: ArrayLike) -> np.ndarray:
        """Returns both networks' embeddings of image features, side by side, float32 `(n, dim)`."""
        return np.hstack([self.first.embed_images(features), self.second.embed_images(features)])

    def embed_texts(self, features: ArrayLike) -> np.ndarray:
        """Returns both networks' embeddings of text features, side by side, float32 `(m, dim)`."""
        return np.hstack([self.first.embed_texts(features), self.second.embed_texts(features)])

    def split(self, embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the first and the second network's part of embeddings, without a copy."""
        dim = self.first.embedding_dim
        return embeddings[:, :dim], embeddings[:, dim:]

    def fuse(self, image_embeddings: np.ndarray, text_embeddings: np.ndarray) -> np.ndarray:
        """Returns the mixed scores of pairs of embeddings `(p, dim)` each, float32 `(p,)`."""
        first_images, second_images = self.split(image_embeddings)
        first_texts, second_texts = self.split(text_embeddings)
        return self.mixed(
            self.first.fuse(first_images, first_texts),
            self.second.fuse(second_images, second_texts),
        )

    def mixed(self, first_scores: np.ndarray, second_scores: np.ndarray) -> np.ndarray:
        """Returns the mixed scores of pairs, float32, of any equal shapes."""
        first, second = (1 - self.weight) / self.scales[0], self.weight / self.scales[1]
        return np.asarray(first * first_scores + second * second_scores, np.float32)

    def rerank(
        self,
        scores: ArrayLike,
        rows: ArrayLike,
        query_embeddings: np.ndarray,
        candidate_embeddings: np.ndarray,
        queries: str = "texts",
    ) -> tuple[np.ndarray, np.ndarray]:
        """Ranks candidates again that an index has found.

        Args:
            scores: float `(q, c)`, the first network's scores of the candidates, best first.
            rows: int `(q, c)`, the candidates' rows in `candidate_embeddings`.
            query_embeddings: float `(q, dim)`, the second network's embeddings of the queries.
            candidate_embeddings: float `(n, dim)`, the second network's embeddings of all that is
                indexed, an array or a memory map.
            queries: "texts", which look for images, or "images", which look for texts.

        Returns:
            The mixed scores, float32 `(q, c)`, best first, and the rows of the candidates,
            `(q, c)`. Candidates of equal scores stay in their order.

        Raises:
            ValueError: if `queries` is another string, or the shapes disagree.

        Examples:
            >>> from tb_keras.networks import SimilarityNetwork
            >>> reranker = Reranker(EmbeddingNetwork(6, 4), SimilarityNetwork(6, 4), weight=0.0)
            >>> embeddings = np.ones((3, 1024), "float32")
            >>> reranker.rerank([[0.9, 0.5]], [[2, 0]], embeddings[:1], embeddings)[1]
            array([[2, 0]])
        """
        scores, rows = np.asarray(scores), np.asarray(rows)
        if queries not in ("images", "texts"):
            raise ValueError(f"`queries` must be 'images' or 'texts'. Received: {queries!r}")
        if rows.ndim != 2 or rows.shape != scores.shape or len(rows) != len(query_embeddings):
            raise ValueError(
                "`rows` and `scores` must have one shape, with a row for each query. "
                f"Received: shapes {rows.shape} and {scores.shape}, {len(query_embeddings)} queries"
            )
        pairs = [np.repeat(np.arange(len(rows)), rows.shape[1]), rows.ravel()]
        embeddings = [query_embeddings, candidate_embeddings]
        if queries == "texts":
            pairs, embeddings = pairs[::-1], embeddings[::-1]
        mixed = self.mixed(scores, self.second.fuse_rows(*embeddings, *pairs).reshape(rows.shape))
        order = np.argsort(-mixed, axis=1, kind="stable")
        return np.take_along_axis(mixed, order, axis=1), np.take_along_axis(rows, order, axis=1)
