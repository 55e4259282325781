"""Networks and encoders that are small and differ from example to example, and what they encode."""

import keras
import numpy as np
import tensorflow as tf

from tb_keras.networks import EmbeddingNetwork, KernelStart, SimilarityNetwork

TEXT_DIM = 16


def network(image_dim, text_dim, kind="embedding"):
    """Random weights, moving averages of the batch norm too; a "kernel ..." has kernel starts."""
    settings = {"hidden_dim": 24, "embedding_dim": 16}
    if kind.startswith("kernel"):
        settings["image_start"] = kernel_start(image_dim, 9)
        settings["text_start"] = kernel_start(text_dim, 8)
    if kind.endswith("similarity"):
        made = SimilarityNetwork(image_dim, text_dim, joint_dims=(12, 6), **settings)
    else:
        made = EmbeddingNetwork(image_dim, text_dim, **settings)
    rng = np.random.default_rng(0)
    made.set_weights(
        [
            rng.normal(size=w.shape) / w.shape[0] ** 0.5
            if w.ndim == 2
            else rng.uniform(0.1, 1.0, w.shape)
            for w in made.get_weights()
        ]
    )
    return made


def kernel_start(dim, landmarks):
    """Zeros, to be filled as all weights are."""
    rows, centre = np.zeros((landmarks, dim)), np.zeros(landmarks)
    return KernelStart(np.zeros(dim), np.ones(dim), rows, 0.5, centre, np.zeros((landmarks, 16)))


def image_encoder(name, weights="pretrained", size=None):
    """Stands in for `tb_keras.encoders.image_encoder`: one convolution."""
    pixels = keras.Input((size, size, 3))
    kernel = keras.initializers.RandomNormal(stddev=0.01, seed=1)
    maps = keras.layers.Conv2D(7, 5, strides=3, activation="relu", kernel_initializer=kernel)(
        pixels
    )
    features = keras.layers.GlobalAveragePooling2D(dtype="float32")(maps)
    backbone = keras.Model(pixels, features, name="backbone")
    outer = keras.Input((size, size, 3))
    return keras.Model(outer, backbone(outer))


class FirstBytes(keras.layers.Layer):
    """The first bytes of each string, as numbers in [0, 1)."""

    def call(self, texts):
        return tf.cast(tf.io.decode_raw(texts, tf.uint8, fixed_length=TEXT_DIM), tf.float32) / 256

    def compute_output_spec(self, texts):
        return keras.KerasTensor((texts.shape[0], TEXT_DIM), "float32")


def text_encoder():
    """String `(n,)` → float32 `(n, TEXT_DIM)`."""
    texts = keras.Input((), dtype="string", name="texts")
    return keras.Model(texts, FirstBytes()(texts))


def pictures():
    """Seven encoded pictures of several kinds, sizes and channels."""
    rng = np.random.default_rng(0)

    def random(*shape):
        return tf.constant(rng.integers(0, 256, shape, dtype=np.uint8))

    wide = [np.linspace(0, 255, 90, dtype=np.uint8)[None, :, None]] * 3
    return [
        tf.io.encode_png(random(40, 30, 4)).numpy(),  # with alpha
        tf.io.encode_jpeg(tf.constant(np.concatenate(wide, axis=2).repeat(20, axis=0))).numpy(),
        tf.io.encode_png(random(25, 25, 1)).numpy(),  # grey
        tf.io.encode_png(random(224, 224, 3)).numpy(),
        tf.io.encode_png(random(16, 48, 2)).numpy(),  # grey with alpha
        tf.io.encode_jpeg(random(300, 260, 3)).numpy(),
        tf.io.encode_png(random(1, 1, 3)).numpy(),
    ]
