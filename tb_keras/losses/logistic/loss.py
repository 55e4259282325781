"""The logistic loss over labelled pairs of an image and a text."""

from __future__ import annotations

from keras import ops


def pairwise_logistic_loss(scores, labels):
    """Computes the logistic regression loss, which judges whether pairs belong together.

    The loss is the mean over labelled pairs of log(1 + exp(−z · score)), where z is the label of
    the pair. It is computed in float32 and does not overflow: a pair with a wrong score of ±s adds
    about s, and the gradient stays within [−1, 1]. Without a labelled pair the loss is 0.

    Args:
        scores: float, any shape, positive for pairs that seem to match. The scores of ignored
            pairs have no effect, even if they are infinite or NaN.
        labels: int or float of the same shape, +1 for a match, −1 for a negative, 0 for a pair to
            ignore. The values of a tensor are not checked.

    Returns:
        float32 scalar, at least 0; log 2 where all scores are 0.

    Raises:
        ValueError: if the shapes differ.

    Relations:
        `pairwise_sigmoid_loss` scores all pairs of a batch by scaled dot products and takes this
        loss. `PairwiseLogistic` chooses pairs and scores them by a network.

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
    # 0 times infinity is NaN, in the value and in the gradient, so ignored scores become 0 first.
    losses = ops.softplus(-labels * ops.where(labelled, scores, 0.0))
    weights = ops.cast(labelled, "float32")
    # Dividing before the sum keeps the sum from overflowing.
    return ops.sum(losses * (weights / ops.maximum(ops.sum(weights), 1.0)))
