"""The contrastive losses as layers, whose temperature is learned with the network."""

from __future__ import annotations

import math

import keras
from keras import ops

from tb_keras.losses.contrastive.loss import check_temperature, info_nce_loss, pairwise_sigmoid_loss
from tb_keras.losses.loss_layer import LossLayer

_HIGHEST_SCALE = 100.0  # of 1 / temperature, as in CLIP


class _HighestLogScale(keras.constraints.Constraint):
    """Limits the weight after each step. A clipped score would have no gradient at the limit."""

    def __call__(self, log_scale):
        return ops.minimum(log_scale, math.log(_HIGHEST_SCALE))


class _LearnedTemperature(LossLayer):
    """A loss layer with one weight, the logarithm of 1 / temperature.

    Args:
        temperature: positive float, the first temperature.
        learned: whether it is learned.
        loss_name: name of the metric that holds the mean loss.
    """

    settings: tuple[str, ...] = ("temperature", "learned")

    def __init__(self, temperature: float, learned: bool, loss_name: str, **kwargs):
        super().__init__(**kwargs)
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
        """Computes `loss_of` the inputs, adds it to the model and returns it."""
        images, texts, matches, negatives = [*inputs, None][:4]
        settings["temperature"] = ops.exp(-self.log_scale)
        loss = loss_of(images, texts, matches, negatives=negatives, **settings)
        self.mean_loss.update_state(loss)
        self.mean_temperature.update_state(settings["temperature"])
        self.add_loss(loss)
        return loss


@keras.saving.register_keras_serializable(package="tb_keras")
class InfoNCE(_LearnedTemperature):
    """Adds `tb_keras.losses.info_nce_loss` to the model that holds this layer.

    The layer returns the loss, a float32 scalar, and adds it by `add_loss`, so that
    `model.compile(optimizer)` and `model.fit(batches)` need no `y`. Its metrics are `info_nce`, the
    mean loss, and `temperature`.

    The layer learns the logarithm of the temperature, and keeps the temperature at 0.01 or more, as
    CLIP does. The temperature is a weight of this layer, so it belongs to the model that is
    trained, not to the network that is saved and served. The order of cosine similarities does not
    depend on it.

    Args:
        temperature: positive float, the first temperature; at least 0.01 where it is learned.
        learned: whether the temperature is learned.

    Call arguments:
        inputs: `[image_embeddings, text_embeddings, matches, negatives]`, the arguments of the
            function. Negatives may be None or left out. Further masks are ignored.

    Raises:
        ValueError: if `temperature` is out of range or an input has the wrong shape.

    Reference:
        As for the function; Radford et al., ICML 2021, section 2.5, for the learned temperature.

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

    The layer is called and adds its loss like `InfoNCE`, and learns the temperature in the same
    way. Its metrics are `sigmoid`, the mean loss, `temperature` and `bias`. The temperature and the
    bias are weights of this layer, not of the network.

    Args:
        temperature: positive float, the first temperature; at least 0.01 where it is learned.
        bias: float, the first bias.
        learned: whether temperature and bias are learned.

    Call arguments:
        inputs: `[image_embeddings, text_embeddings, matches, negatives]`, the arguments of the
            function. Negatives may be None or left out. Further masks are ignored.

    Raises:
        ValueError: if `temperature` is out of range or an input has the wrong shape.

    Reference:
        Zhai, Mustafa, Kolesnikov and Beyer, ICCV 2023, section 3.2 (arXiv 2303.15343), also for the
        first values. The lowest temperature is CLIP's.

    Examples:
        >>> import numpy as np
        >>> layer = PairwiseSigmoid(temperature=1.0, bias=0.0)
        >>> embeddings = np.eye(2, dtype="float32")
        >>> round(float(layer([embeddings, embeddings, np.eye(2, dtype=bool)])), 4)
        1.0064
    """

    settings = ("temperature", "bias", "learned")

    def __init__(
        self, temperature: float = 0.1, bias: float = -10.0, learned: bool = True, **kwargs
    ):
        super().__init__(temperature, learned, loss_name="sigmoid", **kwargs)
        self.bias = bias
        self.learned_bias = self._scalar("bias", bias)
        self.mean_bias = keras.metrics.Mean(name="bias")

    def call(self, inputs):
        self.mean_bias.update_state(self.learned_bias)
        return self._added(pairwise_sigmoid_loss, inputs, bias=self.learned_bias)
