"""A model whose replicas share a batch and one loss, with a loop of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from tb_keras.training.gradient_caching import GradientCaching


class ReplicatedTraining(GradientCaching):
    """A model that several replicas train with the loss of the whole batch.

    Each replica embeds its own rows of a batch. It gets the embeddings of all others and computes
    the loss of the whole batch, and carries its gradient back through its own rows. The sum of what
    the replicas find is the gradient that one device finds. Batch normalisation takes its
    statistics over the rows of all replicas, and dropout and noise are those of one device. With
    `block_rows`, both are those of a replica's own chunks, as in `GradientCaching`.

    Keras's own `fit` fails under `MultiWorkerMirroredStrategy`, so this one has its own loop. It
    takes what a training of this package needs, and its callbacks are Keras's. Each worker reads
    the whole batches of the same data set, and calls its callbacks.

    `tb_keras.training.attach_losses` builds this model under the scope of a strategy.

    Args:
        inputs: as in `GradientCaching`.
        outputs: as in `GradientCaching`.
        **settings: as in `GradientCaching`.

    Attributes:
        hand_over: function that gives the weights to a network that is evaluated and saved. It is
            called as a training begins, and as an epoch ends, before the callbacks.
    """

    def __init__(self, inputs: dict, outputs, **settings):
        super().__init__(inputs, outputs, **settings)
        self.hand_over: Callable[[], object] = list
        for branch in self.branches.values():
            for layer in branch._flatten_layers():
                if hasattr(layer, "synchronized"):
                    layer.synchronized = self.block_rows is None

    def compile(self, optimizer, **settings):
        """Compiles the model with an optimizer that was built under the same scope."""
        super().compile(optimizer, **settings)
        if isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer):
            raise ValueError("mixed_float16 is not for replicas: take mixed_bfloat16")
        with self.distribute_strategy.scope():
            self.optimizer.build(self.trainable_variables)
        # The gradients are summed before they are clipped; Keras would sum them again after.
        self.optimizer._all_reduce_sum_gradients = list

    def fit(
        self,
        x: tf.data.Dataset,
        *,
        epochs: int = 1,
        initial_epoch: int = 0,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        shuffle: bool = False,
        verbose: int = 0,
    ) -> keras.callbacks.History:
        """Trains on the batches of a data set, each iteration of which is an epoch.

        Args:
            x: whole batches, as `tb_keras.batching` gives them, the same on all workers.
            epochs: the number of the last epoch, counted from 1.
            initial_epoch: epochs done before.
            callbacks: as in Keras's `fit`; they get the metrics of the epoch so far.
            shuffle: False, as a data set has its own order.
            verbose: 0, as `TrainingProgress` shows progress.

        Returns:
            The history of the metrics.

        Raises:
            ConnectionError: if another worker has ended.
        """
        if shuffle or verbose:
            raise ValueError(
                "`shuffle` and `verbose` must be left out with replicas. "
                f"Received: shuffle={shuffle}, verbose={verbose}"
            )
        called = keras.callbacks.CallbackList(
            list(callbacks), add_history=True, model=self, epochs=epochs, verbose=0
        )
        step = tf.function(self._step_of_all)
        self.stop_training = False
        self.hand_over()
        called.on_train_begin()
        logs: dict[str, float] = {}
        for epoch in range(initial_epoch, epochs):
            self.reset_metrics()
            called.on_epoch_begin(epoch)
            for number, batch in enumerate(x):
                called.on_train_batch_begin(number)
                logs = _logs(step, batch)
                called.on_train_batch_end(number, logs)
            self.hand_over()
            called.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        called.on_train_end(logs)
        return self.history

    @tf.autograph.experimental.do_not_convert
    def _step_of_all(self, batch):
        strategy = self.distribute_strategy
        of_replica = tf.autograph.experimental.do_not_convert(self.train_step)
        logs = strategy.run(of_replica, args=(batch,))
        # All replicas compute the same loss, and the same metrics from it.
        return {name: strategy.experimental_local_results(v)[0] for name, v in logs.items()}


def _logs(step: Callable, batch: dict) -> dict[str, float]:
    try:
        return {name: float(value) for name, value in step(batch).items()}
    except tf.errors.UnavailableError as error:
        raise ConnectionError(
            "another worker has ended: start all again, and they go on from the last backup"
        ) from error
