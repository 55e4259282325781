"""Training of an encoder by changes of low rank."""

from __future__ import annotations

import keras

_CHANGED = ("query", "value")


def train_low_rank(encoder: keras.Model, rank: int) -> None:
    """Freezes an encoder but for changes of low rank to its attentions' queries and values.

    A kernel W becomes W + AB, where A and B are trained and B is 0 at first, so that the encoder
    gives what it gave. When the encoder is saved, W + AB is saved as one kernel.

    Args:
        encoder: a model with attention, such as a BERT's last layers; it is changed in place.
        rank: positive int, that of A and B.

    Raises:
        ValueError: if the encoder has no attention.

    Reference:
        Hu et al., *LoRA: Low-Rank Adaptation of Large Language Models*, ICLR 2022.

    Examples:
        >>> attention = keras.layers.MultiHeadAttention(num_heads=2, key_dim=4)
        >>> inputs = keras.Input((3, 8))
        >>> encoder = keras.Model(inputs, attention(inputs, inputs))
        >>> train_low_rank(encoder, 2)
        >>> [weight.name for weight in encoder.trainable_weights]
        ['lora_kernel_a', 'lora_kernel_b', 'lora_kernel_a', 'lora_kernel_b']
    """
    changed = [
        layer
        for layer in encoder._flatten_layers()
        if isinstance(layer, keras.layers.EinsumDense) and layer.name in _CHANGED
    ]
    if not changed:
        raise ValueError(
            f"`encoder` must have attention to be trained by low rank. Received: {encoder.name!r}"
        )
    # Their layers stay trainable, so that a saved encoder can be trained whole.
    for variable in encoder.trainable_variables:
        variable.trainable = False
    for layer in changed:
        layer.enable_lora(rank)


def unchanged_weights(network: keras.Model) -> list:
    """Returns the values of a network's weights without A and B, in the order of a saved one.

    As long as B is 0, they are those that the saved network has.
    """
    return [w.numpy() for w in network.weights if not w.name.startswith("lora_kernel_")]
