"""Distillation: how far the scores of a batch are from those of a teacher."""

from __future__ import annotations

from keras import ops

from tb_keras.losses.batch_arguments import checked_batch
from tb_keras.losses.contrastive.loss import check_temperature

_NEVER = -1e30  # the score of a pair that is not there; infinity would give NaN gradients


def distillation_loss(
    image_embeddings,
    text_embeddings,
    teacher_scores,
    matches,
    *,
    negatives=None,
    temperature=0.05,
):
    """Computes how far a batch's scores are from those of a teacher, in both directions.

    An image's scores with the texts of the batch, divided by the temperature, give a softmax over
    these texts, and so do a text's scores with the images. Let p be the teacher's distribution and
    q the student's. The loss is the mean of

    1. image anchors: mean over images of KL(p ‖ q) = Σ over texts j of pⱼ (log pⱼ − log qⱼ)
    2. text anchors: mean over texts of the same over images

    Matches and negatives count, ignored pairs do not. An anchor without either, such as padding, is
    left out of its mean. The loss is 0 where all distributions agree, so the labels do not matter.
    Add it to a loss that knows them.

    All computation is in float32, and no exponential overflows. Memory grows as n·m.

    Args:
        image_embeddings: float `(n, dim)`, usually of unit length. n and m must be static.
        text_embeddings: float `(m, dim)`.
        teacher_scores: float `(n, m)`, such as cosines of a trained network's embeddings.
        matches: bool `(n, m)`, which images and texts belong together; or int `(m,)`, each text's
            image; or a `tb_keras.Matches`.
        negatives: bool `(n, m)`, which pairs are safe negatives. If None, every pair is one that
            `matches` neither matches nor ignores.
        temperature: positive float, for both. The lower it is, the more the highest scores count.

    Returns:
        float32 scalar, at least 0.

    Raises:
        ValueError: if an argument has the wrong shape or is out of range. The values of a tensor
            are not checked.

    Reference:
        Hinton, Vinyals and Dean, 2015, section 2 (arXiv 1503.02531), without the factor
        temperature², which a weight can give; Tian, Krishnan and Isola, ICLR 2020, and Fang et
        al., *SEED*, ICLR 2021, for a softmax over the batch instead of over classes.

    Examples:
        >>> import numpy as np
        >>> images = np.eye(2, dtype="float32")
        >>> same = distillation_loss(images, images, np.eye(2), np.array([0, 1]))
        >>> other = distillation_loss(
        ...     images, images, np.zeros((2, 2)), np.array([0, 1]), temperature=1.0
        ... )
        >>> round(float(same), 4), round(float(other), 4), round(float(np.log(np.cosh(0.5))), 4)
        (0.0, 0.1201, 0.1201)
    """
    check_temperature(temperature)
    images, texts, matches, negatives = checked_batch(
        image_embeddings, text_embeddings, matches, negatives
    )
    teacher_scores = ops.cast(teacher_scores, "float32")
    if tuple(teacher_scores.shape) != tuple(matches.shape):
        raise ValueError(
            f"`teacher_scores` must have shape {tuple(matches.shape)}. "
            f"Received: shape={tuple(teacher_scores.shape)}"
        )
    scores = ops.matmul(images, ops.transpose(texts))
    counted = matches | negatives
    teacher, student = (
        ops.where(counted, s / temperature, _NEVER) for s in (teacher_scores, scores)
    )
    image_anchors = _divergence(teacher, student, counted, axis=1)
    text_anchors = _divergence(teacher, student, counted, axis=0)
    return (image_anchors + text_anchors) / 2.0


def _divergence(teacher, student, counted, axis: int):
    """Takes the mean over anchors of KL(teacher ‖ student), of softmaxes over `axis`."""
    p, q = ops.log_softmax(teacher, axis=axis), ops.log_softmax(student, axis=axis)
    each = ops.sum(ops.where(counted, ops.exp(p) * (p - q), 0.0), axis=axis)
    anchors = ops.sum(ops.cast(ops.any(counted, axis=axis), "float32"))
    return ops.sum(each) / ops.maximum(anchors, 1.0)
