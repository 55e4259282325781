"""The gradient of a large batch at the memory of a small one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import keras
from keras import ops

from tb_keras.checks.arguments import check_int


class GradientCaching(keras.Model):
    """A model with a loss over the whole batch that embeds few rows of it at a time.

    A training step embeds the batch chunk by chunk and keeps the embeddings alone. It computes the
    loss of all of them and its gradient in each embedding (the cache). Then it embeds each chunk
    again and carries its part of the cache on to the weights. The sum of the chunks' gradients is
    that of the whole batch. The chunk sets the memory, at the price of a second forward pass.

    Dropout and noise draw the same numbers in both passes. Batch normalisation takes its statistics
    over a chunk, the same in both passes ("ghost batch normalisation", Hoffer, Hubara and Soudry,
    NeurIPS 2017), and moves its averages once a chunk. With it the gradient is that of a network
    that normalises by chunks. Without it, or with it frozen, the gradient is that of the plain
    training step. Chunks differ by one row at most, so none is too small for statistics.

    `tb_keras.training.attach_losses(network, loss, gradient_cache_rows=...)` builds this model.
    `BidirectionalRanking(block_rows=...)` bounds the memory of the loss itself. Evaluation and
    prediction are those of any model. It runs on TensorFlow only.

    Args:
        inputs: symbolic inputs by name, `image` and `text` among them.
        outputs: the symbolic loss.
        branches: dict from the name of an input with features to the model that embeds it. No layer
            of these models may add a loss of its own.
        loss: the layer called on the embeddings, in the order of `branches`, and on all other
            inputs, in their order.
        block_rows: positive int, the most rows of a chunk.
        name: the model's name.

    Raises:
        ValueError: if `block_rows` is no positive int.

    Reference:
        Gao, Zhang, Han and Callan, "Scaling Deep Contrastive Learning Batch Size under Memory
        Limited Setup", RepL4NLP 2021 (arXiv 2101.06983).
    """

    def __init__(
        self,
        inputs: dict,
        outputs,
        *,
        branches: dict[str, keras.Model],
        loss: keras.layers.Layer,
        block_rows: int,
        name: str | None = None,
    ):
        check_int("block_rows", block_rows, least=1)
        super().__init__(inputs, outputs, name=name)
        self.branches, self.loss_layer, self.block_rows = branches, loss, int(block_rows)

    def train_step(self, data):
        import tensorflow as tf

        batch, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        state = [v for b in self.branches.values() for v in b.variables if not v.trainable]
        before = [tf.identity(variable.value) for variable in state]
        embeddings = [self._embed(branch, batch[name]) for name, branch in self.branches.items()]
        # The second pass begins where the first did: same dropout, and averages moved once.
        for variable, value in zip(state, before):
            variable.assign(value)
        weights = self.trainable_weights
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            others = [batch[name] for name in self.input if name not in self.branches]
            output = self.loss_layer([*embeddings, *others], training=True)
            loss = self.compute_loss(x=batch, y=None, y_pred=output, training=True)
            scaled = self.optimizer.scale_loss(loss)
        cache, gradients = tape.gradient(scaled, (embeddings, weights))
        cache = map(_dense, cache, embeddings)
        of_weights = {id(weight): gradient for weight, gradient in zip(weights, gradients)}
        for (name, branch), cached in zip(self.branches.items(), cache):
            theirs = branch.trainable_weights
            sums = [_dense(of_weights[id(weight)], weight) for weight in theirs]
            sums = self._backward(branch, batch[name], cached, sums)
            of_weights |= {id(weight): gradient for weight, gradient in zip(theirs, sums)}
        self.optimizer.apply_gradients([(of_weights[id(weight)], weight) for weight in weights])
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
        return self.compute_metrics(batch, None, output)

    def _embed(self, branch: keras.Model, features):
        """Returns the embeddings of all rows, chunk by chunk."""

        def embed(chunk_of: Callable, start, embeddings):
            found = branch(chunk_of(features), training=True)
            return [ops.slice_update(embeddings, [start, 0], found)]

        empty = ops.zeros((features.shape[0], branch.output_shape[-1]))
        return self._over_chunks(features.shape[0], embed, (empty,))[0]

    def _backward(self, branch: keras.Model, features, cached, sums: list) -> list:
        """Adds each chunk's gradient in the branch's weights to `sums`."""
        import tensorflow as tf

        def add(chunk_of: Callable, start, *sums):
            with tf.GradientTape() as tape:
                embeddings = branch(chunk_of(features), training=True)
            gradients = tape.gradient(
                embeddings,
                branch.trainable_weights,
                output_gradients=chunk_of(cached),
            )
            parts = map(_dense, gradients, branch.trainable_weights)
            return [total + part for total, part in zip(sums, parts)]

        return self._over_chunks(features.shape[0], add, sums)

    def _over_chunks(self, count: int, step: Callable, state) -> list:
        """Runs `step` from state to state over all chunks, one after the other."""
        import tensorflow as tf

        for first, number, size in _spans(count, self.block_rows):

            def run(chunk, *state, first=first, size=size):
                start = first + chunk * size

                def chunk_of(rows):
                    return tf.slice(rows, [start, 0], [size, rows.shape[1]])

                return (chunk + 1, *step(chunk_of, start, *state))

            _, *state = tf.while_loop(
                lambda chunk, *state, number=number: chunk < number,
                run,
                (0, *state),
                parallel_iterations=1,
            )
        return state


def _dense(gradient, source):
    """Returns a dense gradient: zeros for None, and all rows where a table has some only."""
    if gradient is None:
        return ops.zeros(source.shape, source.dtype)
    return ops.convert_to_tensor(gradient)


def _spans(count: int, rows: int) -> Iterator[tuple[int, int, int]]:
    """Yields the first row, number and size of the longer chunks, then of the shorter ones.

    Examples:
        >>> list(_spans(10, 4)), list(_spans(8, 4))
        ([(0, 1, 4), (4, 2, 3)], [(0, 2, 4)])
    """
    number = -(-count // rows)
    size, longer = divmod(count, number)
    if longer:
        yield 0, longer, size + 1
    yield longer * (size + 1), number - longer, size
