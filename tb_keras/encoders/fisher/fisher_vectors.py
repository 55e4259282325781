"""Fisher vectors: how the words of a text pull at the parameters of a mixture."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from tb_keras.encoders.fisher.gaussian_laplacian_mixture import GaussianLaplacianMixture


@keras.saving.register_keras_serializable(package="tb_keras")
class FisherVectors(keras.layers.Layer):
    """A layer that gives the gradient of the words' log-likelihood under a mixture.

    Let a text have N words x_i with posteriors T_ik, let centre k have the location m, the scale s
    and the weight w, and let z = (x − m)/s. The parts of centre k and dimension d are

    - Gaussian: Σ T z / (N√w) for the mean and Σ T (z² − 1) / (N√(2w)) for the deviation;
    - Laplacian: Σ T sign(z) / (N√w) for the location and Σ T (|z| − 1) / (N√w) for the scale.

    Each part is the derivative of the mean log-likelihood times F^−½, where F is the diagonal
    approximation of the Fisher information: w/s² for both locations and the Laplacian's scale,
    2w/s² for the Gaussian's deviation. (The papers divide by √N instead of N, which makes no
    difference after normalisation.) Each part v then becomes sign(v)|v|^power, and the vector is
    divided by its length. The parts for the locations come first, `(K, dim)` flattened, then those
    for the scales. The weights of the centres have no part.

    Padding has no effect, whatever its vectors are. A text without a word gives zeros, and so does
    a centre of weight 0. The centres are taken one after another, so that no array is larger than
    `(batch, words, dim)`.

    Args:
        num_centers: the number K of centres.
        dim: size of the word vectors.
        power: exponent in (0, 1]; 1 leaves the parts as they are.
        normalize: whether to divide by the length.
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        vectors: float32 `(batch, words, dim)`.
        mask: bool `(batch, words)`, true at words; all are words if left out.

    Returns:
        Float32 `(batch, 2 · K · dim)`.

    Raises:
        ValueError: `power` is out of range, or the vectors have another dimension.

    Reference:
        Klein, Lev, Sadeh and Wolf, CVPR 2015 (arXiv 1411.7399), for the Laplacian and the hybrid;
        Perronnin, Sánchez and Mensink, *Improving the Fisher Kernel for Large-Scale Image
        Classification*, ECCV 2010, for the Gaussian, the power and the length.

    Examples:
        >>> mixture = GaussianLaplacianMixture(
        ...     weights=np.ones(1),
        ...     locations=np.zeros((1, 2)),
        ...     scales=np.ones((1, 2)),
        ...     laplacian=np.array([[False, True]]),
        ... )
        >>> layer = FisherVectors.of(mixture, power=1.0, normalize=False)
        >>> layer(np.array([[[2.0, -3.0]]], "float32")).numpy().round(4)
        array([[ 2.    , -1.    ,  2.1213,  2.    ]], dtype=float32)
    """

    def __init__(
        self, num_centers: int, dim: int, power: float = 0.5, normalize: bool = True, **kwargs
    ):
        super().__init__(**{"dtype": "float32", "trainable": False, **kwargs})
        if not 0 < power <= 1:
            raise ValueError(f"`power` must be in (0, 1]. Received: power={power}")
        self.num_centers, self.dim = num_centers, dim
        self.power, self.normalize = power, normalize
        shape = (num_centers, dim)
        self.weight = self._parameter((num_centers,), "ones", "weight")
        self.location = self._parameter(shape, "zeros", "location")
        self.scale = self._parameter(shape, "ones", "scale")
        self.laplacian = self._parameter(shape, "zeros", "laplacian")  # 0 or 1
        self.built = True

    @classmethod
    def of(cls, mixture: GaussianLaplacianMixture, **kwargs) -> FisherVectors:
        """Returns the layer of a mixture; `kwargs` are further arguments of the layer."""
        layer = cls(mixture.num_centers, mixture.dim, **kwargs)
        layer.weight.assign(mixture.weights)
        layer.location.assign(mixture.locations)
        layer.scale.assign(mixture.scales)
        layer.laplacian.assign(mixture.laplacian.astype(np.float32))
        return layer

    def _parameter(self, shape: tuple[int, ...], initializer: str, name: str) -> keras.Variable:
        return self.add_weight(shape, initializer, trainable=False, name=name)

    def call(self, vectors, mask=None):
        if vectors.shape[-1] != self.dim:
            raise ValueError(
                f"`vectors` must have the dimension {self.dim}. Received: shape={vectors.shape}"
            )
        if mask is None:
            mask = ops.ones_like(vectors[..., 0], "bool")
        vectors = ops.where(mask[..., None], vectors, 0.0)
        present = ops.cast(mask, "float32")
        centers = (self.location, self.scale, self.laplacian > 0)
        centers = tuple(ops.convert_to_tensor(parameter) for parameter in centers)

        def log_density(center):
            z, laplacian = self._standardized(vectors, center)
            exponent = ops.where(laplacian, ops.abs(z), 0.5 * z * z)
            normalizer = ops.log(center[1] * ops.where(laplacian, 2.0, float(np.sqrt(2 * np.pi))))
            return -ops.sum(exponent + normalizer, axis=-1)

        used = self.weight > 0
        log_weight = ops.where(used, ops.log(ops.where(used, self.weight, 1.0)), float("-inf"))
        joint = ops.map(log_density, centers) + log_weight[:, None, None]
        unit = ops.where(used, ops.rsqrt(ops.where(used, self.weight, 1.0)), 0.0)
        count = ops.maximum(ops.sum(present, axis=-1), 1.0)
        posteriors = ops.exp(joint - ops.logsumexp(joint, axis=0, keepdims=True))
        shares = posteriors * (present / count[:, None]) * unit[:, None, None]

        def parts(inputs):
            share, *center = inputs
            z, laplacian = self._standardized(vectors, center)
            location = ops.where(laplacian, ops.sign(z), z)
            scale = ops.where(laplacian, ops.abs(z) - 1.0, (z * z - 1.0) * float(np.sqrt(0.5)))
            return tuple(ops.einsum("bw,bwd->bd", share, part) for part in (location, scale))

        gradient = ops.stack(ops.map(parts, (shares, *centers)))  # (2, K, batch, dim)
        gradient = ops.transpose(gradient, (2, 0, 1, 3))
        gradient = ops.reshape(gradient, (-1, 2 * self.num_centers * self.dim))
        if self.power != 1:
            gradient = ops.sign(gradient) * ops.power(ops.abs(gradient), self.power)
        if self.normalize:
            squares = ops.sum(gradient * gradient, axis=-1, keepdims=True)
            gradient = gradient * ops.rsqrt(ops.maximum(squares, 1e-30))
        return gradient

    @staticmethod
    def _standardized(vectors, center):
        location, scale, laplacian = center
        return (vectors - location) / scale, laplacian

    def compute_mask(self, vectors, mask=None):
        return None

    def compute_output_shape(self, vectors_shape, mask_shape=None):
        return vectors_shape[0], 2 * self.num_centers * self.dim

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_centers": self.num_centers,
            "dim": self.dim,
            "power": self.power,
            "normalize": self.normalize,
        }
