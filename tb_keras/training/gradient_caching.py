"""The gradient of a large batch at the memory of a small one."""

from __future__ import annotations

import keras

from tb_keras.checks.arguments import check_int
from tb_keras.networks.own_rows import own_rows
from tb_keras.training.branch_pass import BranchPass, dense
from tb_keras.training.replicas.exchange import gathered, num_replicas, summed


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
        block_rows: positive int, the most rows of a chunk; None for all rows, and one pass.
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
        block_rows: int | None,
        name: str | None = None,
    ):
        if block_rows is not None:
            check_int("block_rows", block_rows, least=1)
        super().__init__(inputs, outputs, name=name)
        self.branches, self.loss_layer, self.block_rows = branches, loss, block_rows

    def train_step(self, data):
        import tensorflow as tf

        batch, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        with tf.device("CPU:0"):  # where the batch is: a replica's GPU gets its own rows alone
            rows = {name: own_rows(batch[name]) for name in self.branches}
        passes = {
            name: BranchPass(branch, rows[name], self.block_rows)
            for name, branch in self.branches.items()
        }
        embeddings = [gathered(way.embeddings) for way in passes.values()]
        weights, replicas = self.trainable_weights, num_replicas()
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            others = [batch[name] for name in self.input if name not in self.branches]
            output = self.loss_layer([*embeddings, *others], training=True)
            # Keras divides the loss by the number of replicas, as if each had a part of it.
            loss = replicas * self.compute_loss(x=batch, y=None, y_pred=output, training=True)
            scaled = self.optimizer.scale_loss(loss)
        cache, gradients = tape.gradient(scaled, (embeddings, weights))
        # What every replica has computed alike counts once in their sum.
        of_weights = {id(w): dense(g, w) / replicas for w, g in zip(weights, gradients)}
        for way, cached in zip(passes.values(), map(dense, cache, embeddings)):
            theirs = way.branch.trainable_weights
            sums = way.gradients(own_rows(cached), [of_weights[id(weight)] for weight in theirs])
            of_weights |= {id(weight): total for weight, total in zip(theirs, sums)}
        totals = summed([of_weights[id(weight)] for weight in weights])
        self.optimizer.apply_gradients(zip(totals, weights))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
        return self.compute_metrics(batch, None, output)
