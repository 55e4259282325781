"""What bfloat16 and XLA give on this processor, each on and off: training and embedding."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from benchmarks.peers.in_turn import ratio, ratio_table, seconds_in_turn
from benchmarks.peers.parts.training_step import FULL as _STEP_FULL
from benchmarks.peers.parts.training_step import SMALL as _STEP_SMALL
from benchmarks.peers.parts.training_step import keras_epochs, random_corpus
from tb_keras.networks import EmbeddingNetwork

FULL = {**_STEP_FULL, "images": 1000}
SMALL = _STEP_SMALL

DEFAULT = "float32"
_SETTINGS = {
    f"{dtype}{', XLA' if jit_compile else ''}": {"dtype": dtype, "jit_compile": jit_compile}
    for jit_compile in (False, True)
    for dtype in (DEFAULT, "mixed_bfloat16")
}


def measure(file: Path, repetitions: int, **sizes) -> dict:
    """Times training epochs, and the embedding of a batch of texts, in all four settings in turn.

    Args:
        file: where the runner keeps the figures.
        repetitions: how often to measure each.
        **sizes: as in `FULL`.

    Returns:
        Seconds a step and seconds a batch by setting, and the sizes.
    """
    del file  # done in minutes
    images, images_per_batch = sizes["images"], sizes["images_per_batch"]
    corpus = random_corpus(images, sizes["image_dim"], sizes["text_dim"])
    dims = {name: sizes[name] for name in ("hidden_dim", "embedding_dim")}
    epochs = {
        name: keras_epochs(corpus, images_per_batch, **dims, **setting)
        for name, setting in _SETTINGS.items()
    }
    steps = 2 * images // images_per_batch
    step = seconds_in_turn(epochs, repetitions)
    texts = tf.constant(corpus.text_features[: 2 * images_per_batch])
    embedding = seconds_in_turn(
        {
            name: _embedding(texts, sizes["image_dim"], **dims, **setting)
            for name, setting in _SETTINGS.items()
        },
        repetitions,
    )
    return {
        "step": {name: [value / steps for value in values] for name, values in step.items()},
        "embedding": embedding,
        "sizes": sizes,
    }


def section(figures: dict) -> str:
    """Returns the Markdown of the part."""
    sizes = figures["sizes"]
    return f"""## Precision and XLA

The same training step as above, and the embedding of {2 * sizes["images_per_batch"]} texts, under \
both dtype policies, each plain and compiled by XLA (`jit_compile`). {fastest(figures["step"])} \
What bfloat16 does to accuracy stands in the tables of accuracy.

Seconds a training step:

{ratio_table(figures["step"], DEFAULT)}

Embedding, a batch:

{ratio_table(figures["embedding"], DEFAULT, unit="ms")}
"""


def losing(figures: dict) -> list[str]:
    """Returns a sentence if the default, float32 without XLA, is not the fastest to train."""
    step = figures["step"]
    best = _fastest(step)
    if best == DEFAULT:
        return []
    return [
        f"A step in {DEFAULT} without XLA, the default, takes "
        f"{ratio(step, DEFAULT, best):.2f} times the time of the fastest setting, {best}."
    ]


def fastest(step: Mapping[str, Sequence[float]]) -> str:
    """Returns a sentence that names the fastest setting."""
    return f"Fastest to train with here: `{_fastest(step)}`."


def _fastest(step: Mapping[str, Sequence[float]]) -> str:
    return min(step, key=lambda name: float(np.median(step[name])))


def _embedding(
    texts: tf.Tensor,
    image_dim: int,
    hidden_dim: int,
    embedding_dim: int,
    dtype: str,
    jit_compile: bool,
) -> Callable[[], tf.Tensor]:
    network = EmbeddingNetwork(image_dim, texts.shape[1], hidden_dim, embedding_dim, dtype=dtype)
    embed = tf.function(
        lambda texts: network.text_branch(texts, training=False), jit_compile=jit_compile
    )
    return lambda: embed(texts).numpy()
