"""The best network between one's weights before and after its training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tb_keras.corpus.corpus import Corpus
from tb_keras.networks import TwoBranchNetwork
from tb_keras.training.metrics import headline_metric, network_metrics

_WEIGHTS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


class Interpolation(NamedTuple):
    """The choice of `interpolate`.

    Attributes:
        weight: float in [0, 1], that of the trained network.
        figure: float, the validation corpus's rsum or, to localize phrases, recall@1.
    """

    weight: float
    figure: float


def interpolate(
    network: TwoBranchNetwork,
    before: Sequence[np.ndarray],
    validation: Corpus,
    weights: Sequence[float] = _WEIGHTS,
) -> Interpolation:
    """Replaces a network's weights by the best between those before its training and its own.

    Every weight becomes `(1 - w) * before + w * after`, statistics of batch norms too. It takes the
    w of the highest rsum or, to localize phrases, recall@1, and the highest of equally good ones.
    With 0 among the weights, the network is never worse on `validation` than before its training.

    Args:
        network: a trained network; it is changed in place.
        before: its weights before the training, as `network.get_weights()` returns them.
        validation: corpus with both features.
        weights: floats in [0, 1] to choose from, at least one.

    Returns:
        The chosen weight and its figure.

    Raises:
        ValueError: if a weight is out of range, there is none, or `before` has other shapes.

    Reference:
        Wortsman et al., *Robust Fine-Tuning of Zero-Shot Models*, CVPR 2022 (arXiv 2109.01903).

    Examples:
        >>> from tb_keras.networks import EmbeddingNetwork
        >>> corpus = Corpus(np.arange(5), image_features=np.eye(5), text_features=np.eye(5))
        >>> network = EmbeddingNetwork(image_dim=5, text_dim=5, hidden_dim=4, embedding_dim=3)
        >>> before = network.get_weights()  # and here it is trained
        >>> interpolate(network, before, corpus).weight
        1.0
    """
    if not len(weights) or not all(0 <= weight <= 1 for weight in weights):
        raise ValueError(f"`weights` must be floats in [0, 1]. Received: weights={weights}")
    after = network.get_weights()
    shapes = [[values.shape for values in both] for both in (before, after)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"`before` must have the shapes of the network's weights. Received: {shapes[0]}"
        )
    headline = headline_metric(validation)
    figures = {}
    for weight in sorted(weights, reverse=True):
        _set_between(network, before, after, weight)
        figures[weight] = network_metrics(network, validation)[headline]
    best = max(figures, key=figures.__getitem__)
    _set_between(network, before, after, best)
    return Interpolation(best, figures[best])


def _set_between(
    network: TwoBranchNetwork,
    before: Sequence[np.ndarray],
    after: Sequence[np.ndarray],
    weight: float,
) -> None:
    # At either end the sum would not always be that end's very bytes.
    ends = {0.0: before, 1.0: after}
    between = ends.get(weight) or [(1 - weight) * a + weight * b for a, b in zip(before, after)]
    network.set_weights(between)
