"""The way of rows through a branch and of gradients back, at once or chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import keras
import tensorflow as tf
from keras import ops

from tb_keras.training.replicas.exchange import num_replicas, replica_number, summed


class BranchPass:
    """Embeds rows by a branch, and carries gradients of the embeddings on to its weights.

    Chunk by chunk, the rows go through the branch twice, with the same dropout and noise, and no
    more than a chunk is held. With several replicas, each has a pass with its own rows.

    Args:
        branch: the model, called with `training=True`.
        rows: `(n, dim)`, n static.
        block_rows: the most rows of a chunk; None for all rows at once, which go through it once.

    Attributes:
        embeddings: float32 `(n, embedding_dim)`.
    """

    def __init__(self, branch: keras.Model, rows, block_rows: int | None):
        self.branch, self.rows = branch, rows
        self.spans = list(spans(rows.shape[0], block_rows or rows.shape[0]))
        self.at_once = block_rows is None
        self.chunks = sum(number for _, number, _ in self.spans)
        self.draws = self._skip_draws_of_others()
        self.state = [v for v in branch.variables if not v.trainable]
        if self.at_once:
            with tf.GradientTape() as self.tape:
                self.embeddings = branch(rows, training=True)
        else:
            self.before = [tf.identity(variable.value) for variable in self.state]
            self.embeddings = self._embed()

    def gradients(self, cached, sums: Sequence) -> list:
        """Returns `sums`, one for each trained weight, and the gradients; call it once.

        Args:
            cached: float32 `(n, embedding_dim)`, the gradient of the loss in each embedding.
            sums: a dense tensor for each weight.
        """
        if self.at_once:
            found = self._added(self.tape, self.embeddings, cached, sums)
        else:
            # The second pass begins where the first did: same dropout, and averages moved once.
            for variable, value in zip(self.state, self.before):
                variable.assign(value)
            found = self._backward(cached, sums)
            self._join_averages()
        self._end_draws()
        return found

    def _embed(self):
        def embed(chunk_of: Callable, start, embeddings):
            found = self.branch(chunk_of(self.rows), training=True)
            return [ops.slice_update(embeddings, [start, 0], found)]

        empty = ops.zeros((self.rows.shape[0], self.branch.output_shape[-1]))
        return self._over_chunks(embed, (empty,))[0]

    def _backward(self, cached, sums: Sequence) -> list:
        def add(chunk_of: Callable, start, *sums):
            with tf.GradientTape() as tape:
                embeddings = self.branch(chunk_of(self.rows), training=True)
            return self._added(tape, embeddings, chunk_of(cached), sums)

        return self._over_chunks(add, sums)

    def _added(self, tape: tf.GradientTape, embeddings, cached, sums: Sequence) -> list:
        weights = self.branch.trainable_weights
        gradients = tape.gradient(embeddings, weights, output_gradients=cached)
        return [total + part for total, part in zip(sums, map(dense, gradients, weights))]

    def _over_chunks(self, step: Callable, state: Sequence) -> list:
        """Runs `step` from state to state over all chunks, one after the other."""
        for first, number, size in self.spans:

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
        return list(state)

    # Replicas together draw and average what one device does that takes all their chunks in turn.

    def _skip_draws_of_others(self) -> list[tuple]:
        """Returns the random states of layers that draw for own rows, before and after it."""
        if num_replicas() == 1:
            return []
        together = {
            id(layer.seed_generator.state)
            for layer in self.branch._flatten_layers()
            if getattr(layer, "synchronized", False) and hasattr(layer, "seed_generator")
        }
        found = []
        for state in self.branch.variables:
            if state.path.endswith("seed_generator_state") and id(state) not in together:
                begun = tf.identity(state.value)
                skipped = tf.cast(replica_number() * self.chunks, begun.dtype)
                state.assign(begun + tf.stack([tf.zeros_like(skipped), skipped]))
                found.append((state, begun, tf.identity(state.value)))
        return found

    def _end_draws(self) -> None:
        for state, begun, first in self.draws:
            state.assign(begun + num_replicas() * (state.value - first))

    def _join_averages(self) -> None:
        """Moves the averages of batch normalisation by the statistics of all replicas' chunks."""
        if num_replicas() == 1:
            return
        before = {id(variable): value for variable, value in zip(self.state, self.before)}
        averages, parts = [], []
        for layer in self.branch._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
                kept = layer.momentum**self.chunks  # of what was there before a replica's chunks
                later = tf.cast(num_replicas() - 1 - replica_number(), tf.float32)
                for average in (layer.moving_mean, layer.moving_variance):
                    own = average.value - kept * before[id(average)]
                    averages.append((average, kept ** num_replicas() * before[id(average)]))
                    parts.append(kept**later * own)
        for (average, old), total in zip(averages, summed(parts)):
            average.assign(old + total)


def dense(gradient, source):
    """Returns a dense gradient: zeros for None, and all rows where a table has some only."""
    if gradient is None:
        return ops.zeros(source.shape, source.dtype)
    return ops.convert_to_tensor(gradient)


def spans(count: int, rows: int) -> Iterator[tuple[int, int, int]]:
    """Yields the first row, number and size of the longer chunks, then of the shorter ones.

    Examples:
        >>> list(spans(10, 4)), list(spans(8, 4))
        ([(0, 1, 4), (4, 2, 3)], [(0, 2, 4)])
    """
    number = -(-count // rows)
    size, longer = divmod(count, number)
    if longer:
        yield 0, longer, size + 1
    yield longer * (size + 1), number - longer, size
