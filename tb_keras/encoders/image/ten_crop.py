"""Ten crops of a picture, and the mean of what a network says of them."""

from __future__ import annotations

import keras

_CROPS = 10  # four corners and the centre, and their mirror images


@keras.saving.register_keras_serializable(package="tb_keras")
class TenCrops(keras.layers.Layer):
    """Cuts ten crops out of each picture: the four corners, the centre, and their mirror images.

    Args:
        height: Height of a crop in pixels.
        width: Width of a crop in pixels.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Pixels `(batch, H, W, channels)` of any dtype, with `H` ≥ `height`, `W` ≥ `width`.

    Returns:
        `(10 * batch, height, width, channels)` of the same dtype: for each picture the crops at the
        upper left, upper right, lower left, lower right and in the centre, then the mirror image
        (left and right exchanged) of each, in that order.

    Raises:
        ValueError: `height` or `width` is no positive int, or the pictures are smaller.

    Examples:
        >>> import numpy as np
        >>> TenCrops(2, 2)(np.arange(9, dtype="uint8").reshape(1, 3, 3, 1))[:2, ..., 0].numpy()
        array([[[0, 1],
                [3, 4]],
        <BLANKLINE>
               [[1, 2],
                [4, 5]]], dtype=uint8)
    """

    def __init__(self, height: int, width: int, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})
        for name, value in (("height", height), ("width", width)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"`{name}` must be a positive integer. Received: {name}={value!r}")
        self.height, self.width = height, width

    def call(self, inputs):
        bottom, right = inputs.shape[1] - self.height, inputs.shape[2] - self.width
        corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)]
        crops = keras.ops.stack(
            [inputs[:, top : top + self.height, left : left + self.width] for top, left in corners],
            axis=1,
        )
        crops = keras.ops.concatenate([crops, keras.ops.flip(crops, axis=3)], axis=1)
        return keras.ops.reshape(crops, (-1, self.height, self.width, inputs.shape[3]))

    def compute_output_spec(self, inputs):
        batch, height, width, channels = inputs.shape
        if height < self.height or width < self.width:
            raise ValueError(
                f"`inputs` must be pictures of at least {self.height} x {self.width} pixels. "
                f"Received: shape={tuple(inputs.shape)}"
            )
        batch = None if batch is None else _CROPS * batch
        return keras.KerasTensor((batch, self.height, self.width, channels), inputs.dtype)

    def get_config(self):
        return {**super().get_config(), "height": self.height, "width": self.width}


@keras.saving.register_keras_serializable(package="tb_keras")
class MeanOfCrops(keras.layers.Layer):
    """Means of the features of each picture's ten crops, in float32 under every dtype policy.

    Args:
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Float `(10 * batch, feature_dim)`, the rows in the order of `TenCrops`.

    Returns:
        Float32 `(batch, feature_dim)`.

    Examples:
        >>> import numpy as np
        >>> MeanOfCrops()(np.arange(20.0).reshape(20, 1)).numpy().tolist()
        [[4.5], [14.5]]
    """

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})

    def call(self, inputs):
        crops = keras.ops.reshape(inputs, (-1, _CROPS, inputs.shape[1]))
        return keras.ops.mean(crops, axis=1)

    def compute_output_spec(self, inputs):
        rows, feature_dim = inputs.shape
        return keras.KerasTensor((None if rows is None else rows // _CROPS, feature_dim), "float32")
