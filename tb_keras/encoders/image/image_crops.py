"""Several crops of an image, and the mean of their features."""

from __future__ import annotations

import keras

from tb_keras.checks.arguments import check_int

_CROPS = 10  # four corners and the centre, and their mirror images


@keras.saving.register_keras_serializable(package="tb_keras")
class TenCrops(keras.layers.Layer):
    """A layer that cuts ten crops out of each image: four corners, the centre, their mirror images.

    Args:
        height: height of a crop in pixels.
        width: width of a crop in pixels.
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: pixels `(batch, H, W, channels)` of any dtype, with `H` ≥ `height`, `W` ≥ `width`.

    Returns:
        `(10 * batch, height, width, channels)` of the same dtype. For each image come the crops at
        the upper left, upper right, lower left, lower right and in the centre, and then the mirror
        image (left and right exchanged) of each, in that order.

    Raises:
        ValueError: `height` or `width` is not a positive int, or the images are smaller.

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
        check_int("height", height, least=1)
        check_int("width", width, least=1)
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
                f"`inputs` must be images of at least {self.height} x {self.width} pixels. "
                f"Received: shape={tuple(inputs.shape)}"
            )
        batch = None if batch is None else _CROPS * batch
        return keras.KerasTensor((batch, self.height, self.width, channels), inputs.dtype)

    def get_config(self):
        return {**super().get_config(), "height": self.height, "width": self.width}


@keras.saving.register_keras_serializable(package="tb_keras")
class WithMirrorImages(keras.layers.Layer):
    """A layer that puts its mirror image, left and right exchanged, after each image.

    Call arguments:
        inputs: pixels `(batch, height, width, channels)` of any dtype.

    Returns:
        `(2 * batch, height, width, channels)` of the same dtype.

    Examples:
        >>> import numpy as np
        >>> WithMirrorImages()(np.array([[[[1], [2]]]], "uint8"))[..., 0].numpy().tolist()
        [[[1, 2]], [[2, 1]]]
    """

    def __init__(self, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})

    def call(self, inputs):
        both = keras.ops.stack([inputs, keras.ops.flip(inputs, axis=2)], axis=1)
        return keras.ops.reshape(both, (-1, *inputs.shape[1:]))

    def compute_output_spec(self, inputs):
        batch, *shape = inputs.shape
        return keras.KerasTensor((None if batch is None else 2 * batch, *shape), inputs.dtype)


@keras.saving.register_keras_serializable(package="tb_keras")
class MeanOfCrops(keras.layers.Layer):
    """A layer that averages the features of each image's crops, in float32.

    Args:
        crops: positive int, the number of crops of each image.
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float `(crops * batch, feature_dim)`, the crops of an image one after the other.

    Returns:
        Float32 `(batch, feature_dim)`.

    Examples:
        >>> import numpy as np
        >>> MeanOfCrops(2)(np.arange(4.0).reshape(4, 1)).numpy().tolist()
        [[0.5], [2.5]]
    """

    def __init__(self, crops: int, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.crops = crops

    def call(self, inputs):
        features = keras.ops.reshape(inputs, (-1, self.crops, inputs.shape[1]))
        return keras.ops.mean(features, axis=1)

    def compute_output_spec(self, inputs):
        rows, feature_dim = inputs.shape
        images = None if rows is None else rows // self.crops
        return keras.KerasTensor((images, feature_dim), "float32")

    def get_config(self):
        return {**super().get_config(), "crops": self.crops}


@keras.saving.register_keras_serializable(package="tb_keras")
class JoinedCrops(MeanOfCrops):
    """A layer that puts the rows of each image's crops side by side, in float32.

    Args and call arguments are those of `MeanOfCrops`.

    Returns:
        Float32 `(batch, crops * row_dim)`.

    Examples:
        >>> import numpy as np
        >>> JoinedCrops(2)(np.arange(4.0).reshape(4, 1)).numpy().tolist()
        [[0.0, 1.0], [2.0, 3.0]]
    """

    def call(self, inputs):
        return keras.ops.reshape(inputs, (-1, self.crops * inputs.shape[1]))

    def compute_output_spec(self, inputs):
        images, row_dim = super().compute_output_spec(inputs).shape
        return keras.KerasTensor((images, self.crops * row_dim), "float32")
