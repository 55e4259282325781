"""Large batches on small memory: the ranking loss in blocks, and training with gradient caching.

    python benchmarks/large_batch.py

For each number of images, with twice as many texts: the ranking loss of the authors' settings,
forward and backward, of all anchors at once and over blocks of them; and whole training steps of
the paper's network, of all rows at once and with gradient caching (the loss in blocks, too). Each
in a process of its own, whose highest memory is that beyond the embeddings (for the loss) or the
features (for a step): masks, weights, optimizer and all else count. Writes large_batch.md and
large_batch.json beside this file. Linux only.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from ablation import machine, process_memory, write_page
from absl import app, flags

from tb_keras.atomic_file import written_beside
from tb_keras.losses import BidirectionalRanking, bidirectional_ranking_loss
from tb_keras.networks import EmbeddingNetwork
from tb_keras.training import attach_losses

_IMAGES = flags.DEFINE_list("images", ["500", "2000", "8000"], "Numbers of images.")
_MOST_AT_ONCE = flags.DEFINE_integer(
    "most_at_once", 2000, "Images up to which to measure all rows at once, too."
)
_ROWS = flags.DEFINE_integer("rows", 250, "Rows of a block and of a chunk.")
_IMAGE_DIM = flags.DEFINE_integer("image_dim", 4096, "Size of the image features.")
_TEXT_DIM = flags.DEFINE_integer("text_dim", 6000, "Size of the text features.")
_HIDDEN_DIM = flags.DEFINE_integer("hidden_dim", 2048, "Units of the hidden layers.")
_EMBEDDING_DIM = flags.DEFINE_integer("embedding_dim", 512, "Size of the embeddings.")
_TURNS = flags.DEFINE_integer("turns", 5, "Calls of each, after a first one.")
_DIRECTORY = flags.DEFINE_string("directory", str(Path(__file__).parent), "Where to write.")


def main(arguments: list[str]) -> None:
    del arguments
    dims = (_IMAGE_DIM.value, _TEXT_DIM.value, _HIDDEN_DIM.value, _EMBEDDING_DIM.value)
    file, measured = Path(_DIRECTORY.value) / "large_batch.json", {}
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as processes:
        for part, measure in (("loss", _loss), ("step", _step)):
            for images in map(int, _IMAGES.value):
                for rows in (None, _ROWS.value):
                    if rows is None and images > _MOST_AT_ONCE.value:
                        continue
                    how = "all at once" if rows is None else f"{rows} rows at a time"
                    name = f"{part}, {images:,} × {2 * images:,}, {how}"
                    measured[name] = processes.apply(measure, (images, rows, dims, _TURNS.value))
                    with written_beside(file) as beside:
                        beside.write_text(json.dumps(measured, indent=1) + "\n")
                    print(f"{name}: {measured[name]}", flush=True)
    titles = ("seconds, median", "lowest", "highest", "ns a pair", "MiB")
    lines = [f"| | {' | '.join(titles)} |", "|---" * (1 + len(titles)) + "|"]
    for name, row in measured.items():
        columns = ("median", "lowest", "highest", "pair", "memory")
        lines.append(f"| {name} | {' | '.join(f'{row[column]:.4g}' for column in columns)} |")
    page = f"""# Large batches

Written by `python benchmarks/large_batch.py`: the ranking loss forward and backward, on \
embeddings of {_EMBEDDING_DIM.value}, and whole training steps, on features of {_IMAGE_DIM.value} \
and {_TEXT_DIM.value} with hidden layers of {_HIDDEN_DIM.value}; {_TURNS.value} calls of each, in \
processes of their own. Memory is the highest beyond the embeddings, or features; a pair is one of \
an image and a text. {machine()}

{chr(10).join(lines)}
"""
    write_page(file, page)


def _loss(images: int, rows: int | None, dims: tuple[int, ...], turns: int) -> dict[str, float]:
    embeddings = [
        _unit_rows(seed, count, dims[-1]) for seed, count in enumerate((images, 2 * images))
    ]

    @tf.function
    def value_and_gradients(image_embeddings, text_embeddings, masks):
        with tf.GradientTape() as tape:
            tape.watch((image_embeddings, text_embeddings))
            loss = bidirectional_ranking_loss(
                image_embeddings, text_embeddings, **masks, block_rows=rows
            )
        return tape.gradient(loss, (image_embeddings, text_embeddings))

    return _measured(lambda masks: value_and_gradients(*embeddings, masks), images, turns)


def _step(images: int, rows: int | None, dims: tuple[int, ...], turns: int) -> dict[str, float]:
    image_dim, text_dim, hidden_dim, embedding_dim = dims
    features = {
        "image": _unit_rows(0, images, image_dim),
        "text": _unit_rows(1, 2 * images, text_dim),
    }
    steps = []

    def step(masks: dict) -> tf.Tensor:
        if not steps:
            network = EmbeddingNetwork(image_dim, text_dim, hidden_dim, embedding_dim)
            loss = BidirectionalRanking(block_rows=rows)
            model = attach_losses(network, loss, gradient_cache_rows=rows)
            model.compile(keras.optimizers.Adam(1e-4))
            model.optimizer.build(model.trainable_variables)
            steps.append(tf.function(model.train_step))
        return steps[0](({**features, **masks},))["loss"]

    return _measured(step, images, turns)


def _measured(call: Callable, images: int, turns: int) -> dict[str, float]:
    """Time of a call with the masks, and the highest memory from before there were any masks."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = process_memory("VmRSS")
    masks = _masks(images)
    seconds = []
    for _ in range(turns + 1):  # the first one traces
        started = time.perf_counter()
        tf.nest.map_structure(np.asarray, call(masks))
        seconds.append(time.perf_counter() - started)
    figures = {
        "median": np.median(seconds[1:]),
        "lowest": np.min(seconds[1:]),
        "highest": np.max(seconds[1:]),
        "pair": 1e9 * np.median(seconds[1:]) / (2 * images**2),
        "memory": process_memory("VmHWM") - before,
    }
    return {name: round(float(value), 4) for name, value in figures.items()}


def _masks(images: int) -> dict[str, tf.Tensor]:
    """Those of a batch with two texts of each image."""
    of_image, of_text = tf.range(images), tf.range(2 * images) // 2
    return {
        "matches": of_image[:, None] == of_text,
        "negatives": of_image[:, None] != of_text,
        "text_negatives": of_text[:, None] != of_text,
        "image_negatives": of_image[:, None] != of_image,
    }


def _unit_rows(seed: int, count: int, dim: int) -> tf.Tensor:
    rows = tf.random.stateless_normal((count, dim), (seed, 0))
    return tf.math.l2_normalize(rows, axis=1)


if __name__ == "__main__":
    app.run(main)
