"""Joins a network and a loss layer to the model that `fit` sees."""

from __future__ import annotations

import keras
import tensorflow as tf

from tb_keras.losses import BidirectionalRanking, Distillation, PairwiseLogistic
from tb_keras.networks import SimilarityNetwork, TwoBranchNetwork
from tb_keras.training.gradient_caching import GradientCaching
from tb_keras.training.replicas.replicated_training import ReplicatedTraining


def attach_losses(
    network: TwoBranchNetwork,
    loss: keras.layers.Layer | None = None,
    name: str = "training",
    gradient_cache_rows: int | None = None,
) -> keras.Model:
    """Returns a model with a loss over the layers and weights of a network.

    Train it with `model.compile(optimizer)` and `model.fit(batches)` on batches from
    `tb_keras.batching`; no `y` is needed. Then save, index and serve `network`, which holds no
    loss. Where the network was built under the scope of a `tf.distribute` strategy, call this
    function and `compile` there too: the replicas then share each batch and its one loss.

    Args:
        network: a `tb_keras.networks.EmbeddingNetwork` or `SimilarityNetwork`.
        loss: a layer called on `[image_embeddings, text_embeddings, matches, negatives,
            text_negatives, image_negatives]`, or if it is a `Distillation` on the teacher's
            embeddings, too. None for `BidirectionalRanking()`, or for
            `PairwiseLogistic(network.fusion)` with a similarity network.
        name: the model's name.
        gradient_cache_rows: positive int, how many images or texts of a batch go through a branch
            at a time while training. It gives large batches the memory of small ones; see
            `tb_keras.training.GradientCaching`. None for all at once.

    Returns:
        A `keras.Model` that takes `image`, `text` and the four bool masks of a batch, and for a
        `Distillation` `teacher_image` and `teacher_text`, and returns the loss.

    Examples:
        >>> from tb_keras.networks import EmbeddingNetwork
        >>> network = EmbeddingNetwork(image_dim=6, text_dim=4, hidden_dim=8, embedding_dim=5)
        >>> model = attach_losses(network, BidirectionalRanking(margin=0.1))
        >>> model.compile("adam")
        >>> sorted(model.input)
        ['image', 'image_negatives', 'matches', 'negatives', 'text', 'text_negatives']
    """
    features = {
        name: keras.Input(tensor.shape[1:], name=name, dtype=tensor.dtype)
        for name, tensor in network.input.items()
    }
    masks = {
        name: keras.Input((None,), name=name, dtype="bool")
        for name in ("matches", "negatives", "text_negatives", "image_negatives")
    }
    if loss is None:
        regression = isinstance(network, SimilarityNetwork)
        loss = PairwiseLogistic(network.fusion) if regression else BidirectionalRanking()
    images, texts = network.image_branch(features["image"]), network.text_branch(features["text"])
    teacher = ("teacher_image", "teacher_text") if isinstance(loss, Distillation) else ()
    others = masks | {name: keras.Input((None,), name=name) for name in teacher}
    output = loss([images, texts, *others.values()])
    inputs = {**features, **others}
    replicated = tf.distribute.has_strategy()
    if gradient_cache_rows is None and not replicated:
        return keras.Model(inputs, output, name=name)
    build = ReplicatedTraining if replicated else GradientCaching
    return build(
        inputs,
        output,
        branches={"image": network.image_branch, "text": network.text_branch},
        loss=loss,
        block_rows=gradient_cache_rows,
        name=name,
    )
