"""Speed of a whole training step, `model.fit` with its data pipeline, beside the peers."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from benchmarks.peers.boolean_mask_ranking import BooleanMaskRanking
from benchmarks.peers.in_turn import ratio, ratio_table, seconds_in_turn
from benchmarks.peers.matrix_products import matrix_products
from tb_keras.batching import neighborhood_batches
from tb_keras.corpus.corpus import Corpus
from tb_keras.networks import EmbeddingNetwork
from tb_keras.training import FusedAdam, attach_losses

FULL = {
    "images": 2000,
    "images_per_batch": 500,
    "image_dim": 4096,
    "text_dim": 6000,
    "hidden_dim": 2048,
    "embedding_dim": 512,
    "torch_compile": True,
}
SMALL = {
    "images": 24,
    "images_per_batch": 12,
    "image_dim": 16,
    "text_dim": 20,
    "hidden_dim": 8,
    "embedding_dim": 4,
    "torch_compile": False,  # it takes longer to compile than all the rest
}

OURS, OURS_BFLOAT16 = "tb_keras", "tb_keras, mixed_bfloat16"
PRODUCTS, PRODUCTS_BFLOAT16 = "the matrix products alone", "the same in bfloat16"
BOOLEAN_MASK = "TensorFlow, loss by boolean_mask"
EAGER, FUSED = "PyTorch eager", "PyTorch eager, fused Adam"
COMPILED = "PyTorch torch.compile, fused Adam"
TORCH_BFLOAT16 = "PyTorch eager, fused Adam, bfloat16 autocast"
_TORCH = {
    EAGER: {},
    FUSED: {"fused": True},
    COMPILED: {"fused": True, "compiled": True},
    TORCH_BFLOAT16: {"fused": True, "bfloat16": True},
}


def measure(file: Path, repetitions: int, **sizes) -> dict:
    """Times epochs of a few steps in turn.

    Args:
        file: where the runner keeps the figures.
        repetitions: epochs of each to measure.
        **sizes: as in `FULL`.

    Returns:
        Seconds a step by name, one for each repetition, and the sizes.
    """
    del file  # done in minutes
    images, images_per_batch = sizes["images"], sizes["images_per_batch"]
    steps = 2 * images // images_per_batch
    network_sizes = {name: sizes[name] for name in ("hidden_dim", "embedding_dim")}
    corpus = random_corpus(images, sizes["image_dim"], sizes["text_dim"])
    product_sizes = (images_per_batch, 2 * images_per_batch, sizes["image_dim"], sizes["text_dim"])
    product_sizes += tuple(network_sizes.values())
    calls = {
        OURS: keras_epochs(corpus, images_per_batch, **network_sizes),
        OURS_BFLOAT16: keras_epochs(
            corpus, images_per_batch, dtype="mixed_bfloat16", **network_sizes
        ),
        BOOLEAN_MASK: keras_epochs(
            corpus,
            images_per_batch,
            loss=BooleanMaskRanking(),
            optimizer=keras.optimizers.Adam(1e-4),
            **network_sizes,
        ),
    }
    if importlib.util.find_spec("torch"):
        from benchmarks.peers.pytorch.training import torch_epochs

        for name, settings in _TORCH.items():
            if name == COMPILED and not sizes["torch_compile"]:
                continue
            calls[name] = torch_epochs(corpus, images_per_batch, **network_sizes, **settings)
    calls[PRODUCTS] = matrix_products(*product_sizes, steps=steps)
    calls[PRODUCTS_BFLOAT16] = matrix_products(*product_sizes, dtype="bfloat16", steps=steps)
    seconds = seconds_in_turn(calls, repetitions)
    a_step = {name: [value / steps for value in values] for name, values in seconds.items()}
    return {"seconds": a_step, "steps": steps, "sizes": sizes}


def section(figures: dict) -> str:
    """Returns the Markdown of the part."""
    sizes = figures["sizes"]
    missing = (
        "" if EAGER in figures["seconds"] else "\n\nNot measured here: torch is not installed."
    )
    return f"""## Training step

Seconds a step of whole epochs, data pipeline, loss, gradient and Adam included: \
{sizes["images_per_batch"]} images × {sizes["image_dim"]} and twice as many texts × \
{sizes["text_dim"]} a batch, hidden {sizes["hidden_dim"]}, embedding {sizes["embedding_dim"]}, the \
10 nearest negatives, text neighbourhood 0.05; {figures["steps"]} steps an epoch, by `model.fit` \
for the rows of Keras. The network is the same in all rows. The matrix products are those that \
every one of them must make, forward and backward.

{ratio_table(figures["seconds"], OURS)}{missing}
"""


def losing(figures: dict) -> list[str]:
    """Returns a sentence for each goal that is missed and each peer that is faster."""
    seconds, sentences = figures["seconds"], []

    def goal(slower: str, faster: str, least: float) -> None:
        if slower in seconds and (found := ratio(seconds, slower, faster)) < least:
            sentences.append(
                f"{faster} is {found:.2f} times as fast as {slower}; the goal is {least}."
            )

    goal(EAGER, OURS, 1.35)
    goal(EAGER, OURS_BFLOAT16, 2.0)
    if (found := ratio(seconds, OURS, PRODUCTS)) > 1.2:
        sentences.append(
            f"{OURS} takes {found:.2f} times the time of its matrix products; the goal is 1.2."
        )
    against = {OURS: (BOOLEAN_MASK, EAGER, FUSED, COMPILED), OURS_BFLOAT16: (TORCH_BFLOAT16,)}
    for ours, peers in against.items():
        for peer in peers:
            if peer in seconds and (found := ratio(seconds, peer, ours)) < 1:
                sentences.append(f"{peer} takes {found:.2f} times the time of {ours}.")
    return sentences


def random_corpus(images: int, image_dim: int, text_dim: int) -> Corpus:
    """Returns a corpus in memory of normal features; image i has the texts 2i and 2i + 1."""
    rng = np.random.default_rng(0)
    return Corpus(
        np.repeat(np.arange(images), 2),
        image_features=rng.standard_normal((images, image_dim), "float32"),
        text_features=rng.standard_normal((2 * images, text_dim), "float32"),
    )


def keras_epochs(
    corpus: Corpus,
    images_per_batch: int,
    hidden_dim: int,
    embedding_dim: int,
    dtype: str = "float32",
    loss: keras.layers.Layer | None = None,
    optimizer: keras.optimizers.Optimizer | None = None,
    jit_compile: bool = False,
) -> Callable[[], object]:
    """Returns a function that trains for an epoch by `fit`.

    Args:
        corpus: in memory.
        images_per_batch: images in a batch, each with two texts.
        hidden_dim: units of the hidden layers.
        embedding_dim: size of the embeddings.
        dtype: dtype policy of the network.
        loss: as for `attach_losses`.
        optimizer: if left out, the one that the package trains with.
        jit_compile: compile the step by XLA.
    """
    dims = corpus.image_features.shape[1], corpus.text_features.shape[1]
    network = EmbeddingNetwork(*dims, hidden_dim, embedding_dim, dtype=dtype)
    network.standardize(corpus.image_features, corpus.text_features)
    model = attach_losses(network, loss)
    model.compile(optimizer or FusedAdam(1e-4), jit_compile=jit_compile)
    batches = neighborhood_batches(corpus, images_per_batch)
    return lambda: model.fit(batches, epochs=1, shuffle=False, verbose=0)
