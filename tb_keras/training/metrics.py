"""The figures of any network on a corpus, for either task."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from tb_keras.corpus.corpus import Corpus
from tb_keras.evaluation import corpus_localization_metrics, localization_hits
from tb_keras.evaluation.baselines.localization_baselines import localization_recall_at_1
from tb_keras.evaluation.baselines.ridge_baseline import Embedder, retrieval_rsum
from tb_keras.evaluation.checked_embeddings import checked_embeddings
from tb_keras.evaluation.hits_by_picture import hits_of_ranks
from tb_keras.evaluation.ranks import ranks_from_embeddings, ranks_from_scores
from tb_keras.evaluation.retrieval import figures_of_ranks
from tb_keras.networks import EmbeddingNetwork, PairScorer, Reranker
from tb_keras.training.reranking.scored_candidates import ScoredCandidates

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
    if embedded.grounding is not None:
        return corpus_localization_metrics(region_scores(network, embedded), embedded, ks=ks)
    return figures_of_ranks(*_ranks(network, embedded), embedded.matches, ks)


def embedding_hits(network: PairScorer, embedded: Corpus) -> np.ndarray:
    """Returns what each picture adds to rsum or, to localize phrases, to recall@1.

    Args:
        network: a trained network, not a `Reranker`.
        embedded: its `embedded_corpus`.

    Returns:
        The array of `retrieval_hits` or of `localization_hits`.
    """
    if embedded.grounding is not None:
        return localization_hits(region_scores(network, embedded), embedded)
    return hits_of_ranks(*_ranks(network, embedded), embedded.matches, (1, 5, 10))


def region_scores(network: PairScorer, embedded: Corpus) -> np.ndarray:
    """Returns the scores of a network that `corpus_localization_metrics` takes.

    Args:
        network: a trained network.
        embedded: its `embedded_corpus`, with a grounding.
    """
    pairs = embedded.grounding.same_picture_pairs()
    return network.fuse_rows(embedded.image_features, embedded.text_features, *pairs)


def _ranks(network: PairScorer, embedded: Corpus) -> tuple[np.ndarray, np.ndarray]:
    embeddings = embedded.image_features, embedded.text_features
    if isinstance(network, EmbeddingNetwork):
        return ranks_from_embeddings(*checked_embeddings(*embeddings, embedded.matches))
    scores = functools.partial(network.fuse_blocks, *embeddings)
    if embedded.num_images * embedded.num_texts <= _MATRIX_VALUES:
        held = list(scores())
        scores = functools.partial(iter, held)
    return ranks_from_scores(scores, embedded.matches)


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
