"""The contrastive losses as layers, whose temperature is learned with the network."""

from __future__ import annotations

import math

import keras
from keras import ops

from tb_keras.losses.contrastive.loss import check_temperature, info_nce_loss, pairwise_sigmoid_loss

_HIGHEST_SCALE = 100.0  # of 1 / temperature, as in CLIP


class _HighestLogScale(keras.constraints.Constraint):
    """Holds the weight back after a step, where a clipped score would have lost its gradient."""

    def __call__(self, log_scale):
        return ops.minimum(log_scale, math.log(_HIGHEST_SCALE))


class _LearnedTemperature(keras.layers.Layer):
    """A loss layer with one weight, the logarithm of 1 / temperature, and its metrics.

    Args:
        temperature: positive float, the first one.
        learned: whether it changes.
        loss_name: of the metric that holds the mean loss.
    """

    def __init__(self, temperature: float, learned: bool, loss_name: str, **kwargs):
        # Float32 under every policy, and embeddings must not be cast down on their way in.
        super().__init__(autocast=False, **{"dtype": "float32", **kwargs})
        check_temperature(temperature)
        if learned and temperature < 1 / _HIGHEST_SCALE:
            raise ValueError(
                f"`temperature` must be at least {1 / _HIGHEST_SCALE} where it is learned. "
                f"Received: temperature={temperature}"
            )
        self.temperature, self.learned = temperature, learned
        self.log_scale = self._scalar("log_scale", -math.log(temperature), _HighestLogScale())
        self.mean_loss = keras.metrics.Mean(name=loss_name)
        self.mean_temperature = keras.metrics.Mean(name="temperature")
        self.built = True

    def _scalar(self, name: str, value: float, constraint=None):
        return self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(value),
            trainable=self.learned,
            constraint=constraint,
            name=name,
        )

    def _added(self, loss_of, inputs, **settings):
        """Computes and adds `loss_of` the layer's inputs; returns it."""
        images, texts, matches, *masks = inputs
        temperature = ops.exp(-self.log_scale)
        negatives = masks[0] if masks else None
        loss = loss_of(
            images, texts, matches, negatives=negatives, temperature=temperature, **settings
        )
        self.mean_loss.update_state(loss)
        self.mean_temperature.update_state(temperature)
        self.add_loss(loss)
        return loss

    def compute_output_shape(self, input_shape):
        return ()

    def get_config(self) -> dict:
        settings = {"temperature": self.temperature, "learned": self.learned}
        return {**super().get_config(), **settings}


@keras.saving.register_keras_serializable(package="tb_keras")
class InfoNCE(_LearnedTemperature):
    """Adds `tb_keras.losses.info_nce_loss` to the model that holds this layer.

    Call it on `[image_embeddings, text_embeddings, matches, negatives]`; negatives may be None or
    left out, and further masks may follow, which are not looked at. It returns the loss, a float32
    scalar, and adds it by `add_loss`, so that `model.compile(optimizer)` and `model.fit(batches)`
    need no `y`. It owns metrics: `info_nce`, the mean loss, and `temperature`.

    The temperature is learned by its logarithm, and the optimizer holds it to at least 0.01, as in
    CLIP. It is a weight of this layer, so of the model that is trained, not of the network that is
    saved and served: the order of cosine similarities does not depend on it.

    Args:
        temperature: positive float, the first temperature; at least 0.01 where it is learned.
        learned: whether the temperature is learned.

    Raises:
        ValueError: if `temperature` is out of range.

    Reference:
        That of the function; Radford et al., ICML 2021, section 2.5, for the learned temperature.

    Examples:
        >>> import numpy as np
        >>> layer = InfoNCE(temperature=1.0)
        >>> embeddings = np.eye(2, dtype="float32")
        >>> round(float(layer([embeddings, embeddings, np.eye(2, dtype=bool)])), 4)
        0.3133
    """

    def __init__(self, temperature: float = 0.05, learned: bool = True, **kwargs):
        super().__init__(temperature, learned, loss_name="info_nce", **kwargs)

    def call(self, inputs):
        return self._added(info_nce_loss, inputs)


@keras.saving.register_keras_serializable(package="tb_keras")
class PairwiseSigmoid(_LearnedTemperature):
    """Adds `tb_keras.losses.pairwise_sigmoid_loss` to the model that holds this layer.

    It is called, and adds its loss, as `InfoNCE`. It owns metrics: `sigmoid`, the mean loss,
    `temperature` and `bias`. Both scalars are weights of this layer, not of the network; the
    temperature is learned as that of `InfoNCE`.

    Args:
        temperature: positive float, the first temperature; at least 0.01 where it is learned.
        bias: float, the first bias.
        learned: whether temperature and bias are learned.

    Raises:
        ValueError: if `temperature` is out of range.

    Reference:
        Zhai, Mustafa, Kolesnikov and Beyer, ICCV 2023, section 3.2 (arXiv 2303.15343), also for the
        first values. (That the scale is held to 100 is CLIP's.)

    Examples:
        >>> import numpy as np
        >>> layer = PairwiseSigmoid(temperature=1.0, bias=0.0)
        >>> embeddings = np.eye(2, dtype="float32")
        >>> round(float(layer([embeddings, embeddings, np.eye(2, dtype=bool)])), 4)
        1.0064
    """

    def __init__(
        self, temperature: float = 0.1, bias: float = -10.0, learned: bool = True, **kwargs
    ):
        super().__init__(temperature, learned, loss_name="sigmoid", **kwargs)
        self.first_bias = bias
        self.bias = self._scalar("bias", bias)
        self.mean_bias = keras.metrics.Mean(name="bias")

    def call(self, inputs):
        self.mean_bias.update_state(self.bias)
        return self._added(pairwise_sigmoid_loss, inputs, bias=self.bias)

    def get_config(self) -> dict:
        return {**super().get_config(), "bias": self.first_bias}
