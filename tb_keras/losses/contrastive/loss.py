"""The contrastive losses: a softmax over an anchor's negatives, a sigmoid for each pair."""

from __future__ import annotations

import math
import numbers

from keras import ops

from tb_keras.losses.batch_arguments import checked_batch
from tb_keras.losses.logistic.loss import pairwise_logistic_loss

_NEVER = -1e30  # the score of a negative that is not there; infinity would give NaN gradients


def info_nce_loss(
    image_embeddings,
    text_embeddings,
    matches,
    *,
    negatives=None,
    temperature=0.05,
):
    """Computes InfoNCE in both directions, the cross-entropy of telling a match from negatives.

    With the scores s(i, j) = xᵢ·yⱼ / temperature, the loss is the mean of

    1. image anchors: mean over matching pairs (i, j) of
       −log(exp s(i, j) / (exp s(i, j) + Σ over the negative texts k of i of exp s(i, k)))
    2. text anchors: mean over matching pairs (i, j) of
       −log(exp s(i, j) / (exp s(i, j) + Σ over the negative images k of j of exp s(k, j)))

    Each positive of an anchor has a softmax of its own against the negatives, so positives do not
    push each other away. The mean over positives is taken outside the logarithm. A pair whose
    anchor has no negative adds 0 and counts in the mean. A batch without a match has loss 0.

    All computation is in float32, and no exponential overflows. Memory grows as n·m.

    Args:
        image_embeddings: float `(n, dim)`, usually of unit length. n and m must be static.
        text_embeddings: float `(m, dim)`.
        matches: bool `(n, m)`, which images and texts belong together; or int `(m,)`, each text's
            image; or a `tb_keras.Matches`.
        negatives: bool `(n, m)`, which pairs are safe negatives. If None, every pair is one that
            `matches` neither matches nor ignores.
        temperature: positive float, or a float scalar tensor. The lower it is, the more the
            hardest negatives count.

    Returns:
        float32 scalar, at least 0.

    Raises:
        ValueError: if an argument has the wrong shape or is out of range. The values of a tensor
            are not checked.

    Requirements:
        Padding is a row or a column without match and negative. The more negatives a batch has, the
        better.

    Relations:
        With one positive for each anchor and all others negatives, this is the symmetric loss of
        CLIP. The "out" form of supervised contrastive learning also takes the mean outside the
        logarithm, but keeps the other positives in the denominator. MIL-NCE takes it inside.
        `pairwise_sigmoid_loss` needs no softmax. `bidirectional_ranking_loss` has a margin instead.

    Reference:
        van den Oord, Li and Vinyals, 2018, equation 4 (arXiv 1807.03748); Radford et al., ICML
        2021, figure 3, for both directions (arXiv 2103.00020); Khosla et al., NeurIPS 2020,
        equation 2, for several positives (arXiv 2004.11362).

    Examples:
        >>> import numpy as np
        >>> images = np.eye(2, dtype="float32")
        >>> right = info_nce_loss(images, images, np.array([0, 1]), temperature=1.0)
        >>> wrong = info_nce_loss(images, images, np.array([1, 0]), temperature=1.0)
        >>> round(float(right), 4), round(float(np.log1p(np.exp(-1))), 4), round(float(wrong), 4)
        (0.3133, 0.3133, 1.3133)
    """
    scores, matches, negatives = _scored(
        image_embeddings, text_embeddings, matches, negatives, temperature
    )
    image_anchors = _against_negatives(scores, matches, negatives, axis=1)
    text_anchors = _against_negatives(scores, matches, negatives, axis=0)
    return (image_anchors + text_anchors) / 2.0


def pairwise_sigmoid_loss(
    image_embeddings,
    text_embeddings,
    matches,
    *,
    negatives=None,
    temperature=0.1,
    bias=-10.0,
):
    """Computes the sigmoid loss of SigLIP, which judges for each pair whether it belongs together.

    The loss is the sum over matching and negative pairs (i, j) of
    log(1 + exp(−z (xᵢ·yⱼ / temperature + bias))), where z is 1 for a match and −1 for a negative,
    divided by the number of images that have a match or a negative. Each match of an image adds a
    term; ignored pairs and padding add none. The paper writes t for 1 / temperature. Without match
    and negative the loss is 0.

    All computation is in float32, and no exponential overflows. Memory grows as n·m.

    Args:
        image_embeddings: float `(n, dim)`, usually of unit length. n and m must be static.
        text_embeddings: float `(m, dim)`.
        matches: bool `(n, m)`, which images and texts belong together; or int `(m,)`, each text's
            image; or a `tb_keras.Matches`.
        negatives: bool `(n, m)`, which pairs are safe negatives. If None, every pair is one that
            `matches` neither matches nor ignores.
        temperature: positive float, or a float scalar tensor. The lower it is, the more the
            pairs on the wrong side count.
        bias: float, or a float scalar tensor. A value far below 0 makes up for negatives that
            outnumber the matches. Otherwise training begins by lowering all scores.

    Returns:
        float32 scalar, at least 0.

    Raises:
        ValueError: if an argument has the wrong shape or is out of range. The values of a tensor
            are not checked.

    Requirements:
        Padding is a row or a column without match and negative.

    Relations:
        `info_nce_loss` compares the pairs of an anchor with each other, in both directions.
        `pairwise_logistic_loss` is the mean of the same terms over any labelled pairs.

    Reference:
        Zhai, Mustafa, Kolesnikov and Beyer, ICCV 2023, section 3.2 (arXiv 2303.15343).

    Examples:
        >>> import numpy as np
        >>> images = np.eye(2, dtype="float32")
        >>> loss = pairwise_sigmoid_loss(
        ...     images, images, np.array([0, 1]), temperature=1.0, bias=0.0
        ... )
        >>> round(float(loss), 4), round(float(np.log1p(np.exp(-1)) + np.log1p(np.exp(0))), 4)
        (1.0064, 1.0064)
    """
    scores, matches, negatives = _scored(
        image_embeddings, text_embeddings, matches, negatives, temperature
    )
    labels = ops.cast(matches, "float32") - ops.cast(negatives, "float32")
    pairs = ops.sum(ops.abs(labels))
    images = ops.sum(ops.cast(ops.any(labels != 0, axis=1), "float32"))
    return pairwise_logistic_loss(scores + bias, labels) * (pairs / ops.maximum(images, 1.0))


def check_temperature(temperature) -> None:
    """Raises a ValueError for a number that is not positive and finite; ignores a tensor."""
    if isinstance(temperature, numbers.Real) and not 0 < float(temperature) < math.inf:
        raise ValueError(
            f"`temperature` must be a positive float. Received: temperature={temperature}"
        )


def _scored(image_embeddings, text_embeddings, matches, negatives, temperature):
    """Returns float32 scores and bool masks of matches and negatives, `(n, m)` each."""
    check_temperature(temperature)
    images, texts, matches, negatives = checked_batch(
        image_embeddings, text_embeddings, matches, negatives
    )
    return ops.matmul(images, ops.transpose(texts)) / temperature, matches, negatives


def _against_negatives(scores, matches, negatives, axis: int):
    """Takes the mean over matching pairs of −log of their softmax against negatives on `axis`."""
    against = ops.logsumexp(ops.where(negatives, scores, _NEVER), axis=axis, keepdims=True)
    # −log(exp s / (exp s + exp r)) is log(1 + exp(r − s)).
    losses = ops.where(matches, ops.softplus(against - scores), 0.0)
    return ops.sum(losses) / ops.maximum(ops.sum(ops.cast(matches, "float32")), 1.0)
