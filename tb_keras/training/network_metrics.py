"""The figures of a network on a corpus, whichever network and whichever task."""

from __future__ import annotations

from collections.abc import Sequence

from tb_keras.corpus import Corpus
from tb_keras.evaluation import (
    corpus_localization_metrics,
    retrieval_metrics,
    retrieval_metrics_from_scores,
)
from tb_keras.networks import EmbeddingNetwork, TwoBranchNetwork

_MATRIX_VALUES = 2**26  # up to this size (256 MiB) all scores are held, and computed once


def network_metrics(
    network: TwoBranchNetwork, corpus: Corpus, ks: Sequence[int] = (1, 5, 10)
) -> dict[str, float]:
    """Returns the figures of retrieval, or of localization where the corpus has a grounding.

    Args:
        network: a trained network.
        corpus: with both features; it is evaluated as a whole.
        ks: the k of each recall@k.

    Returns:
        The dict of `retrieval_metrics` or of `localization_metrics`.

    Example:

    >>> import numpy as np
    >>> network = EmbeddingNetwork(image_dim=3, text_dim=3, hidden_dim=4, embedding_dim=2)
    >>> corpus = Corpus(np.arange(5), image_features=np.eye(5, 3), text_features=np.eye(5, 3))
    >>> 0 <= network_metrics(network, corpus)["rsum"] <= 600
    True
    """
    features = corpus.image_features, corpus.text_features
    if corpus.grounding is not None:
        scores = network.score_pairs(*features, *corpus.grounding.same_picture_pairs())
        return corpus_localization_metrics(scores, corpus, ks=ks)
    if isinstance(network, EmbeddingNetwork):
        images, texts = network.embed_images(features[0]), network.embed_texts(features[1])
        return retrieval_metrics(images, texts, corpus.matches, ks)
    if corpus.num_images * corpus.num_texts <= _MATRIX_VALUES:
        return retrieval_metrics_from_scores(network.score_matrix(*features), corpus.matches, ks)
    return retrieval_metrics_from_scores(
        lambda: network.score_blocks(*features), corpus.matches, ks
    )


def headline_metric(corpus: Corpus) -> str:
    """Returns the figure by which networks are chosen: `recall@1` to localize, `rsum` to retrieve.

    Example:

    >>> headline_metric(Corpus([0, 1]))
    'rsum'
    """
    return "rsum" if corpus.grounding is None else "recall@1"
