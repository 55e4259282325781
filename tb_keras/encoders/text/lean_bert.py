"""The forward pass of a BERT in few operations, for inference on processors."""

from __future__ import annotations

import keras


@keras.saving.register_keras_serializable(package="tb_keras")
class LeanBert(keras.layers.Layer):
    """A layer that computes what a BERT of keras-hub computes, with its weights, in less time.

    TensorFlow carries the activations through memory once for each operation, so fewer operations
    are faster. All tokens of a batch go through the dense layers as rows of one matrix, the GELU is
    written with a sigmoid, and there is no dropout and no pooled output.

    Args:
        backbone: a `keras_hub.models.BertBackbone`.
        without_last: int, how many of its last transformer layers are left out.
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        tokens: dict of `token_ids` and `padding_mask`, int `(batch, tokens)`, 1 where a token is.
            All are of the first segment.

    Returns:
        The last layer's vectors, `(batch, tokens, hidden_dim)`, in the backbone's dtype.
    """

    def __init__(self, backbone: keras.Model, without_last: int = 0, **kwargs):
        super().__init__(dtype=backbone.dtype_policy, autocast=False, **kwargs)
        self.backbone, self.without_last = backbone, without_last
        self.backbone.trainable = False
        self.built = True

    def call(self, tokens):
        import tensorflow as tf

        backbone, dtype = self.backbone, self.compute_dtype
        ids = tokens["token_ids"]
        shape = tf.shape(ids)
        places = backbone.position_embedding.position_embeddings[: shape[1]]
        places = tf.cast(places + backbone.segment_embedding.embeddings[0], dtype)
        x = tf.cast(tf.gather(backbone.token_embedding.embeddings, ids), dtype) + places
        x = tf.reshape(x, [shape[0] * shape[1], x.shape[-1]])
        x = _normalized(x, backbone.embeddings_layer_norm, dtype)
        padding = tf.cast(tokens["padding_mask"] == 0, dtype)
        # Not by None in the brackets, which LiteRT does not have.
        padding = tf.reshape(padding, [shape[0], 1, 1, shape[1]])
        padding *= tf.as_dtype(dtype).min / 2  # not -inf, which times 0 is no number
        for layer in backbone.transformer_layers[: backbone.num_layers - self.without_last]:
            attended = self._attended(x, layer._self_attention_layer, shape, padding)
            x = _normalized(x + attended, layer._self_attention_layer_norm, dtype)
            inner = _dense(x, layer._feedforward_intermediate_dense, dtype)
            outer = _dense(_gelu(inner), layer._feedforward_output_dense, dtype)
            x = _normalized(x + outer, layer._feedforward_layer_norm, dtype)
        return tf.reshape(x, [shape[0], shape[1], x.shape[-1]])

    def _attended(self, x, attention, shape, padding):
        import tensorflow as tf

        dtype = self.compute_dtype
        heads, size = attention.num_heads, attention.key_dim

        def of_heads(dense):
            rows = tf.reshape(_dense(x, dense, dtype), [shape[0], shape[1], heads, size])
            return tf.transpose(rows, [0, 2, 1, 3])

        query = of_heads(attention._query_dense) * size**-0.5
        scores = tf.matmul(query, of_heads(attention._key_dense), transpose_b=True)
        shares = tf.nn.softmax(scores + padding)
        values = tf.transpose(tf.matmul(shares, of_heads(attention._value_dense)), [0, 2, 1, 3])
        rows = tf.reshape(values, [shape[0] * shape[1], heads * size])
        return _dense(rows, attention._output_dense, dtype)

    def compute_output_spec(self, tokens):
        shape = (*tokens["token_ids"].shape, self.backbone.hidden_dim)
        return keras.KerasTensor(shape, self.compute_dtype)

    def get_config(self) -> dict:
        backbone = keras.saving.serialize_keras_object(self.backbone)
        settings = {"backbone": backbone, "without_last": self.without_last}
        return {**super().get_config(), **settings}

    @classmethod
    def from_config(cls, config: dict) -> LeanBert:
        config.pop("dtype", None)
        return cls(keras.saving.deserialize_keras_object(config.pop("backbone")), **config)


def _dense(x, layer, dtype: str):
    """Returns rows through a dense layer, whose kernel may have its axes split into heads."""
    import tensorflow as tf

    kernel = tf.reshape(tf.cast(layer.kernel, dtype), [x.shape[-1], -1])
    return tf.nn.bias_add(tf.matmul(x, kernel), tf.reshape(tf.cast(layer.bias, dtype), [-1]))


def _normalized(x, layer, dtype: str):
    """Returns rows through a layer normalization, in float32."""
    import tensorflow as tf

    x = tf.cast(x, "float32")
    x -= tf.reduce_mean(x, axis=-1, keepdims=True)
    variance = tf.reduce_mean(tf.square(x), axis=-1, keepdims=True)
    scale = tf.math.rsqrt(variance + layer.epsilon) * tf.cast(layer.gamma, "float32")
    return tf.cast(x * scale + tf.cast(layer.beta, "float32"), dtype)


def _gelu(x):
    """Returns the GELU by its approximation: ½(1 + tanh z) is the sigmoid of 2z."""
    import tensorflow as tf

    return x * tf.sigmoid(x * (1.5957691216 + 0.0713548163 * x * x))
