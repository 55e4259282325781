"""What a signature takes beside its bare encoder, and what a batch gives.

    python -m benchmarks.serving.latency

An export of the default embedding network (2048, 512) with both encoders, beside SavedModels that
hold an encoder and nothing else, and an encoder with its branch of the network, without the checks
and blocks of an export. They are loaded in one process and asked in turns, over and over, so that
each sees the same machine. Weights of the network are random: they do not matter for time. Writes
latency.md and latency.json beside this file.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import app, flags
from tabulate import tabulate

from benchmarks.pages import measured_on, write_figures
from tb_keras.encoders import image_encoder, text_encoder
from tb_keras.networks import EmbeddingNetwork
from tb_keras.serving import export
from tb_keras.serving.exported.saved_model import open_saved_model

_IMAGE_ENCODER = flags.DEFINE_string("image_encoder", "efficientnet_lite0", "Of pictures.")
_TEXT_ENCODER = flags.DEFINE_string("text_encoder", "minilm", "Of texts.")
_BATCHES = flags.DEFINE_list("batches", ["1", "2", "4", "8", "16", "32", "64"], "Rows a call.")
_PICTURE = flags.DEFINE_integer("picture", 480, "Height of the pictures, in pixels; width 4:3.")
_SECONDS = flags.DEFINE_float("seconds", 8, "How long each is asked, in turns with the other.")
_DIRECTORY = flags.DEFINE_string("directory", str(Path(__file__).parent), "Where to write.")

_TEXTS = (
    "a dog",
    "two children in swimsuits watch a boat",
    "a brown dog runs after a red ball on a wide and sunny beach",
    "the man on the left of the counter, in a white shirt, pours coffee",
)


def main(arguments: list[str]) -> None:
    del arguments
    encoders = image_encoder(_IMAGE_ENCODER.value), text_encoder(_TEXT_ENCODER.value)
    network = EmbeddingNetwork(*(encoder.output_shape[-1] for encoder in encoders))
    inputs = {
        "embed_image": ("image_bytes", encoders[0], network.image_branch, _pictures()),
        "embed_text": ("text", encoders[1], network.text_branch, [t.encode() for t in _TEXTS]),
    }
    measured = {}
    with tempfile.TemporaryDirectory() as directory:
        exported = open_saved_model(export(network, Path(directory) / "model", *encoders))
        for signature, (name, encoder, branch, items) in inputs.items():
            plain = _plain(encoder, branch, Path(directory) / signature)
            for batch in map(int, _BATCHES.value):
                rows = tf.constant([items[i % len(items)] for i in range(batch)])
                asked = {
                    "encoder": _asker(plain["encoder"], "strings", rows),
                    "with_head": _asker(plain["with_head"], "strings", rows),
                    "export": _asker(exported.signatures[signature], name, rows),
                }
                key = f"{signature}, {batch}"
                measured[key] = _measure(asked, batch)
                print(key, measured[key], flush=True)
    titles = ("encoder, ms", "with its head", "export", "head adds", "export adds", "its range")
    titles = ["", *titles, "rows a second"]
    table = []
    for name, row in measured.items():
        low, high = row["range"]
        milliseconds = [f"{row[column]:.2f}" for column in ("encoder", "with_head", "export")]
        added = [f"{row['head_adds']:.1%}", f"{row['export_adds']:.1%}"]
        table.append(
            [name, *milliseconds, *added, f"{low:.1%} to {high:.1%}", f"{row['rows']:.0f}"]
        )
    page = f"""# A signature beside its encoder

Written by `python -m benchmarks.serving.latency`: {_IMAGE_ENCODER.value} on JPEGs of \
{_PICTURE.value * 4 // 3} x {_PICTURE.value} pixels, {_TEXT_ENCODER.value} on texts of \
{min(map(len, _TEXTS))} to {max(map(len, _TEXTS))} characters, an embedding network of 2048 and \
512. Medians of calls in turns; what is added is the median of five stretches, and its range \
theirs. {measured_on()}

{tabulate(table, titles, "github", disable_numparse=True)}
"""
    file = Path(_DIRECTORY.value) / "latency.json"
    write_figures(file, measured, page)


def _pictures() -> list[bytes]:
    """JPEGs as smooth as photographs are, so that decoding takes as long."""
    rng, height = np.random.default_rng(0), _PICTURE.value
    pictures = []
    for _ in range(4):
        coarse = rng.uniform(0, 255, (height // 24, height // 18, 3))
        pixels = tf.image.resize(coarse, (height, height * 4 // 3), method="bicubic")
        grain = rng.normal(0, 4, pixels.shape)
        encoded = tf.io.encode_jpeg(tf.cast(tf.clip_by_value(pixels + grain, 0, 255), tf.uint8))
        pictures.append(encoded.numpy())
    return pictures


def _plain(encoder, branch, directory: Path) -> dict[str, Callable]:
    """The encoder alone, and with its branch, saved and loaded."""
    root = tf.Module()
    root.models = [encoder, branch]

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="strings")])
    def encode(strings):
        return {"features": encoder(strings, training=False)}

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="strings")])
    def embed(strings):
        return {"embedding": branch(encoder(strings, training=False), training=False)}

    signatures = {"encoder": encode, "with_head": embed}
    tf.saved_model.save(root, str(directory), signatures=signatures)
    return dict(tf.saved_model.load(str(directory)).signatures)


def _asker(signature: Callable, name: str, rows: tf.Tensor) -> Callable:
    return lambda: [answer.numpy() for answer in signature(**{name: rows}).values()]


def _measure(asked: dict[str, Callable], batch: int) -> dict:
    for ask in list(asked.values()) * 3:
        ask()
    stretches = []
    for _ in range(5):
        taken, end = [], time.perf_counter() + _SECONDS.value / 5
        while time.perf_counter() < end or len(taken) < 3:
            calls = []
            for ask in asked.values():
                started = time.perf_counter()
                ask()
                calls.append(time.perf_counter() - started)
            taken.append(calls)
        stretches.append(np.median(taken, axis=0))
    added = np.array([times / times[0] - 1 for times in stretches])
    milliseconds = 1e3 * np.median(stretches, axis=0)
    return {
        **{name: round(float(time), 3) for name, time in zip(asked, milliseconds)},
        "head_adds": round(float(np.median(added[:, 1])), 4),
        "export_adds": round(float(np.median(added[:, 2])), 4),
        "range": [round(float(added[:, 2].min()), 4), round(float(added[:, 2].max()), 4)],
        "rows": round(1e3 * batch / float(milliseconds[2]), 2),
    }


if __name__ == "__main__":
    app.run(main)
