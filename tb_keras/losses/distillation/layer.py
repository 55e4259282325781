"""A loss by labels and a teacher's scores beside them, as a layer."""

from __future__ import annotations

import keras
from keras import ops

from tb_keras.losses.contrastive.loss import check_temperature
from tb_keras.losses.distillation.loss import distillation_loss
from tb_keras.losses.loss_layer import LossLayer, OuterLoss


@keras.saving.register_keras_serializable(package="tb_keras")
class Distillation(OuterLoss):
    """Adds a loss by the labels and `tb_keras.losses.distillation_loss`.

    The labels say that a caption belongs to one picture. A teacher says also how well it fits the
    others. The teacher is any network, or several, whose embeddings come with each batch: give what
    `tb_keras.training.teacher_embeddings` returns to `tb_keras.batching.neighborhood_batches`. The
    metric `distillation` is the mean of that loss, without the weight.

    Args:
        loss: a loss layer of `tb_keras.losses` on embeddings, such as `BidirectionalRanking`.
        weight: float, at least 0, the factor of the distillation loss.
        temperature: positive float, as for the function.

    Call arguments:
        inputs: what `loss` takes, image and text embeddings and four masks, and then the teacher's
            image and text embeddings, float `(n, size)` and `(m, size)`. Their scalar products are
            the teacher's scores.

    Raises:
        ValueError: if an argument is out of range or has the wrong shape.

    Reference:
        As for the function.

    Examples:
        >>> import numpy as np
        >>> from tb_keras.losses import InfoNCE
        >>> layer = Distillation(InfoNCE(temperature=1.0), weight=2.0, temperature=1.0)
        >>> x, masks = np.eye(2, dtype="float32"), [np.eye(2, dtype=bool), ~np.eye(2, dtype=bool)]
        >>> teacher = np.ones((2, 3), "float32")
        >>> round(float(layer([x, x, *masks, teacher, teacher])), 4)  # 0.3133 + 2 * 0.1201
        0.5535
    """

    settings = ("weight", "temperature")

    def __init__(self, loss: LossLayer, weight: float = 1.0, temperature: float = 0.05, **kwargs):
        super().__init__(loss, **kwargs)
        if not weight >= 0:
            raise ValueError(f"`weight` must be at least 0. Received: weight={weight}")
        check_temperature(temperature)
        self.weight, self.temperature = weight, temperature
        self.mean_divergence = keras.metrics.Mean(name="distillation")

    def call(self, inputs):
        *labelled, teacher_images, teacher_texts = inputs
        images, texts, matches, negatives = [*labelled, None][:4]
        divergence = distillation_loss(
            images,
            texts,
            ops.matmul(teacher_images, ops.transpose(teacher_texts)),
            matches,
            negatives=negatives,
            temperature=self.temperature,
        )
        self.mean_divergence.update_state(divergence)
        self.add_loss(self.weight * divergence)
        return self.loss(labelled) + self.weight * divergence
