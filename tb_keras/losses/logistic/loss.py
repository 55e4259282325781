"""The logistic loss over labelled pairs of an image and a text."""

from __future__ import annotations

from keras import ops


def pairwise_logistic_loss(scores, labels):
    """Logistic regression loss: whether each pair of an image and a text belongs together.

    The mean over labelled pairs of log(1 + exp(−z · score)), where z is the pair's label. Computed
    in float32, without overflow: for a wrong score of ±s it grows as s, and its gradient stays
    within [−1, 1]. It is 0 where nothing is labelled.

    Args:
        scores: float, any shape; positive where a pair is held to match. What an ignored pair
            scores has no effect, not even if it is infinite or NaN.
        labels: int or float of the same shape: +1 for a match, −1 for a negative, 0 for ignored.

    Returns:
        float32 scalar, at least 0; log 2 where all scores are 0.

    Raises:
        ValueError: if the shapes differ. (The values of a tensor are not looked at.)

    Reference:
        Wang, Li, Huang and Lazebnik, TPAMI 41(2), 2019, the similarity network (arXiv 1704.03470).

    Examples:
        >>> import numpy as np
        >>> loss = pairwise_logistic_loss(np.array([2.0, -1.0, 9.0]), np.array([1, -1, 0]))
        >>> round(float(loss), 4), round(float(np.log1p(np.exp([-2.0, -1.0])).mean()), 4)
        (0.2201, 0.2201)
    """
    scores = ops.cast(scores, "float32")
    labels = ops.cast(labels, "float32")
    if tuple(scores.shape) != tuple(labels.shape):
        raise ValueError(
            f"`labels` must have the shape of `scores`, {tuple(scores.shape)}. "
            f"Received: shape={tuple(labels.shape)}"
        )
    labelled = labels != 0
    # A product of 0 and infinity is NaN, in the value and in the gradient: ignore before it.
    losses = ops.softplus(-labels * ops.where(labelled, scores, 0.0))
    weights = ops.cast(labelled, "float32")
    # Divided before the sum, which else overflows first.
    return ops.sum(losses * (weights / ops.maximum(ops.sum(weights), 1.0)))
