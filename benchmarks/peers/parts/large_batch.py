"""Large batches on small memory: gradient caching beside the plain training step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tabulate import tabulate

from benchmarks.peers.in_turn import in_process, ratio_table, seconds_in_turn
from benchmarks.peers.kept_figures import KeptFigures
from benchmarks.peers.limited_process import most_memory
from benchmarks.peers.loss_methods import pair_masks, unit_rows

FULL = {
    "images": (500, 2000, 8000),
    "most_plain": 2000,
    "rows": 500,
    "dims": (4096, 6000, 2048, 512),
}
SMALL = {"images": (6,), "most_plain": 6, "rows": 4, "dims": (5, 4, 7, 3)}
GOAL_MIB = 2048
PLAIN, CACHED = "the plain step", "gradient caching"


def measure(
    file: Path,
    repetitions: int,
    images: Sequence[int],
    most_plain: int,
    rows: int,
    dims: Sequence[int],
) -> dict:
    """Measures whole training steps on batches with two texts of each image.

    Args:
        file: beside which to keep what is measured so far.
        repetitions: steps to time, of each.
        images: numbers of images.
        most_plain: images up to which to measure the plain step, too.
        rows: of a chunk, and anchors of a block of the loss.
        dims: sizes of the image features, text features, hidden layers and embeddings.

    Returns:
        By "images" the figures of each number of images, with the settings beside them. Memory is
        the highest beyond the features: the masks, the weights, the optimizer and all else count.
    """
    settings = {"rows": rows, "dims": list(dims), "repetitions": repetitions}
    kept, sizes = KeptFigures(file, settings), []
    for count in images:
        methods = [PLAIN, CACHED] if count <= most_plain else [CACHED]
        memory = {
            method: kept.of(
                f"{method}, {count:,} images, MiB",
                most_memory,
                steps,
                ((method,), count, rows, dims),
                ((method,), 3, 2, (4, 4, 4, 4)),
                count * (dims[0] + 2 * dims[1]) / 2**18,
            )
            for method in methods
        }
        seconds = kept.of(
            f"{count:,} images, seconds",
            in_process,
            *(_seconds, methods, count, rows, dims, repetitions),
        )
        sizes.append({"images": count, "memory": memory, "seconds": seconds})
    kept.finished()
    return {**settings, "sizes": sizes}


def section(figures: dict) -> str:
    """Returns the tables of time and memory."""
    image_dim, text_dim, hidden_dim, embedding_dim = figures["dims"]
    rows = figures["rows"]
    lines = [
        "## Large batches on small memory",
        "",
        f"Whole training steps on features of {image_dim:,} and {text_dim:,}, hidden layers of "
        f"{hidden_dim:,}, embeddings of {embedding_dim}, Adam; the ranking loss of the authors' "
        f"settings. Gradient caching takes {rows} rows at a time through the branches and looks at "
        f"{rows} anchors of the loss at a time. Memory is the highest beyond the features, in a "
        "process of its own: the masks, the weights, the optimizer and all else count. Times are "
        "taken in turn.",
        "",
    ]
    table = []
    for size in figures["sizes"]:
        for method, memory in size["memory"].items():
            each = 1e3 * np.median(size["seconds"][method]) / size["images"]
            table.append([_batch(size), method, f"{memory:,.0f}", f"{each:.2f}"])
    titles = ["batch", "method", "MiB", "ms an image"]
    lines.append(tabulate(table, titles, "github", disable_numparse=True))
    for size in figures["sizes"]:
        reference = next(iter(size["seconds"]))
        lines += ["", f"{_batch(size)}:", "", ratio_table(size["seconds"], reference)]
    if any(PLAIN not in size["memory"] for size in figures["sizes"]):
        lines += ["", "The plain step was not run where it is left out: too much memory."]
    return "\n".join(lines) + "\n"


def losing(figures: dict) -> list[str]:
    """Tells where gradient caching takes more than its 2 GiB."""
    return [
        f"Gradient caching takes {size['memory'][CACHED]:,.0f} MiB over the features at "
        f"{_batch(size)}, more than the goal of {GOAL_MIB:,} MiB."
        for size in figures["sizes"]
        if size["memory"][CACHED] > GOAL_MIB
    ]


def steps(methods: Sequence[str], images: int, rows: int, dims: Sequence[int]) -> Callable:
    """Returns a call that takes one training step by each method, its inputs ready in memory."""
    calls = step_calls(methods, images, rows, dims)
    return lambda: [call() for call in calls.values()]


def step_calls(
    methods: Sequence[str], images: int, rows: int, dims: Sequence[int]
) -> dict[str, Callable]:
    """Returns by method a call that takes one training step; models and masks come with the first.

    Args:
        methods: of `PLAIN` and `CACHED`.
        images: in a batch, of two texts each.
        rows: of a chunk and of a block.
        dims: sizes of the image features, text features, hidden layers and embeddings.
    """
    import keras
    import tensorflow as tf

    from tb_keras.losses import BidirectionalRanking
    from tb_keras.networks import EmbeddingNetwork
    from tb_keras.training import attach_losses

    rng = np.random.default_rng(0)
    features = {
        name: tf.constant(unit_rows(rng, count, dim))
        for name, count, dim in (("image", images, dims[0]), ("text", 2 * images, dims[1]))
    }
    masks, made = {}, {}

    def step(method: str) -> float:
        if not masks:
            masks.update(pair_masks(images))
        if method not in made:
            keras.utils.set_random_seed(0)
            chunk = rows if method == CACHED else None
            loss = BidirectionalRanking(block_rows=chunk)
            model = attach_losses(EmbeddingNetwork(*dims), loss, gradient_cache_rows=chunk)
            model.compile(keras.optimizers.Adam(1e-4))
            model.optimizer.build(model.trainable_variables)
            made[method] = tf.function(model.train_step)
        return float(made[method](({**features, **masks},))["loss"])

    return {method: lambda method=method: step(method) for method in methods}


def _seconds(methods: Sequence[str], images: int, rows: int, dims, repetitions: int) -> dict:
    return seconds_in_turn(step_calls(methods, images, rows, dims), repetitions)


def _batch(size: dict) -> str:
    return f"{size['images']:,} × {2 * size['images']:,}"
