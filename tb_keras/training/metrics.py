"""The figures of any network on a corpus, for either task."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from tb_keras.corpus.corpus import Corpus
from tb_keras.evaluation import (
    corpus_localization_metrics,
    retrieval_metrics,
    retrieval_metrics_from_scores,
)
from tb_keras.evaluation.baselines.localization_baselines import localization_recall_at_1
from tb_keras.evaluation.baselines.ridge_baseline import Embedder, retrieval_rsum
from tb_keras.networks import EmbeddingNetwork, PairScorer, Reranker
from tb_keras.training.scored_candidates import ScoredCandidates

_MATRIX_VALUES = 2**26  # up to this size (256 MiB) all scores are held, and computed once


def network_metrics(
    network: PairScorer, corpus: Corpus, ks: Sequence[int] = (1, 5, 10)
) -> dict[str, float]:
    """Returns the figures of retrieval, or of localization if the corpus has a grounding.

    Args:
        network: a trained network, or a `Reranker` of two.
        corpus: with both features; it is evaluated as a whole.
        ks: the k of each recall@k.

    Returns:
        The dict of `retrieval_metrics` or of `localization_metrics`.

    Examples:
        >>> import numpy as np
        >>> network = EmbeddingNetwork(image_dim=3, text_dim=3, hidden_dim=4, embedding_dim=2)
        >>> corpus = Corpus(np.arange(5), image_features=np.eye(5, 3), text_features=np.eye(5, 3))
        >>> 0 <= network_metrics(network, corpus)["rsum"] <= 600
        True
    """
    return embedding_metrics(network, embedded_corpus(network, corpus), ks)


def embedded_corpus(network: PairScorer, corpus: Corpus) -> Corpus:
    """Returns a corpus with a network's embeddings, float32 `(n, dim)`, as its features.

    Use it to embed each image and text once where a corpus and parts of it are measured.

    Args:
        network: a trained network.
        corpus: with both features.
    """
    return corpus.replace(
        image_features=network.embed_images(corpus.image_features),
        text_features=network.embed_texts(corpus.text_features),
    )


def embedding_metrics(
    network: PairScorer, embedded: Corpus, ks: Sequence[int] = (1, 5, 10)
) -> dict[str, float]:
    """Returns the figures of `network_metrics` for an `embedded_corpus` or a part of one.

    Args:
        network: the network that embedded it; it fuses the embeddings to scores.
        embedded: corpus with embeddings as its features.
        ks: the k of each recall@k.
    """
    if isinstance(network, Reranker):
        return ScoredCandidates(network, embedded).metrics(network, ks)
    embeddings = embedded.image_features, embedded.text_features
    if embedded.grounding is not None:
        pairs = embedded.grounding.same_picture_pairs()
        return corpus_localization_metrics(network.fuse_rows(*embeddings, *pairs), embedded, ks=ks)
    if isinstance(network, EmbeddingNetwork):
        return retrieval_metrics(*embeddings, embedded.matches, ks)
    scores = functools.partial(network.fuse_blocks, *embeddings)
    if embedded.num_images * embedded.num_texts <= _MATRIX_VALUES:
        held = list(scores())
        scores = functools.partial(iter, held)
    return retrieval_metrics_from_scores(scores, embedded.matches, ks)


def headline_metric(corpus: Corpus) -> str:
    """Returns the name of the figure that chooses networks: `recall@1` to localize, else `rsum`.

    Examples:
        >>> headline_metric(Corpus([0, 1]))
        'rsum'
    """
    return "rsum" if corpus.grounding is None else "recall@1"


def baseline_figure(baseline: Embedder, corpus: Corpus) -> float:
    """Returns the `headline_metric` of a baseline.

    Args:
        baseline: an object with `embed_images` and `embed_texts` that return rows of unit length.
        corpus: with both features.

    Examples:
        >>> import numpy as np
        >>> from tb_keras.evaluation import RegularizedCCABaseline
        >>> corpus = Corpus(np.arange(5), image_features=np.eye(5), text_features=np.eye(5))
        >>> baseline_figure(RegularizedCCABaseline(corpus, corpus), corpus)
        600.0
    """
    figure = retrieval_rsum if corpus.grounding is None else localization_recall_at_1
    return figure(baseline, corpus)
