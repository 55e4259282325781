"""An optimizer: Adam in one pass over memory."""

from __future__ import annotations

from collections.abc import Iterable

import keras
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable(package="tb_keras")
class FusedAdam(keras.optimizers.Adam):
    """The Adam optimizer by TensorFlow's own kernel.

    It makes the same update as `keras.optimizers.Adam`, faster: Keras writes the update as a dozen
    operations, each of which carries all weights through memory and back. Arguments, formula and
    saved state are those of Keras. Where the kernel does not apply (`amsgrad`, another backend),
    Keras's own update is made.

    The gradient of a table of which a batch takes some rows is made dense first. Keras adds the
    squares of the gradients of a row that is taken twice, where Adam squares their sum.

    Reference:
        Kingma and Ba, *Adam: a method for stochastic optimization*, ICLR 2015 (arXiv 1412.6980).

    Examples:
        >>> weight = keras.Variable([1.0, 2.0])
        >>> optimizer = FusedAdam(learning_rate=0.5)
        >>> optimizer.apply([keras.ops.array([3.0, 0.0])], [weight])
        >>> weight.numpy().round(3)
        array([0.5, 2. ], dtype=float32)
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._scaled: list = []
        self._factors: dict = {}

    def scale_learning_rate(self, variables: Iterable[keras.Variable], factor: float) -> None:
        """Multiplies the learning rate of some variables, and so their weight decay.

        Args:
            variables: those of a part of the model that is to learn faster or more slowly.
            factor: non-negative float.
        """
        self._scaled += [(variable, factor) for variable in variables]
        self._factors = {self._var_key(variable): factor for variable, factor in self._scaled}
        if self.weight_decay:  # by Keras with the whole learning rate
            self.exclude_from_weight_decay(var_list=[variable for variable, _ in self._scaled])

    def apply(self, grads, trainable_variables=None):
        """Updates variables by their gradients, as Keras's optimizers do."""
        return super().apply([_dense(gradient) for gradient in grads], trainable_variables)

    def update_step(self, gradient, variable, learning_rate):
        factor = self._factors.get(self._var_key(variable))
        held = variable.value if isinstance(variable, keras.Variable) else variable
        if factor is not None:
            learning_rate = learning_rate * factor
            if self.weight_decay:
                held.assign(held - held * self.weight_decay * ops.cast(learning_rate, held.dtype))
        if self.amsgrad or not isinstance(held, tf.Variable) or not tf.is_tensor(gradient):
            return super().update_step(gradient, variable, learning_rate)
        place = self._get_variable_index(variable)
        step = ops.cast(self.iterations + 1, held.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=held.handle,
            m=self._momentums[place].value.handle,
            v=self._velocities[place].value.handle,
            beta1_power=ops.power(ops.cast(self.beta_1, held.dtype), step),
            beta2_power=ops.power(ops.cast(self.beta_2, held.dtype), step),
            lr=ops.cast(learning_rate, held.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=ops.cast(gradient, held.dtype),
        )


def _dense(gradient):
    return tf.convert_to_tensor(gradient) if isinstance(gradient, tf.IndexedSlices) else gradient
