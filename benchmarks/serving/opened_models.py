"""Exported models, each opened by its runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tb_keras.serving import latest_version
from tb_keras.serving.exported.saved_model import open_saved_model
from tb_keras.serving.runtimes.formats import FORMATS

SAVED_MODEL = "SavedModel"

# Rows, by the names of the model's inputs, to their embeddings.
Embed = Callable[[dict[str, np.ndarray]], np.ndarray]


class OpenedModel(NamedTuple):
    """Both towers in one runtime.

    Attributes:
        image: from `pixels`; of a SavedModel from `image_bytes`.
        text: from `input_ids` and `attention_mask`; of a SavedModel from `text`.
        megabytes: of all its files on disk, if it is there.
    """

    image: Embed
    text: Embed
    megabytes: float | None


def opened_models(directory: Path) -> dict[str, OpenedModel]:
    """Returns what `tb-export` wrote of a run in each format, by runtime and weights."""
    opened = open_saved_model(directory)
    models = {
        SAVED_MODEL: OpenedModel(
            _signature(opened.signatures["embed_image"]),
            _signature(opened.signatures["embed_text"]),
            _megabytes(opened.path),
        )
    }
    opening = {"onnx": _onnx, "litert": _litert, "openvino": _openvino}
    for weights in ("float32", "int8"):
        for runtime in FORMATS:
            versions = directory / (runtime if weights == "float32" else f"{runtime}-{weights}")
            version = versions / str(latest_version(versions))
            towers = [opening[runtime](version / name) for name in ("image", "text")]
            models[f"{runtime}, {weights}"] = OpenedModel(*towers, _megabytes(version))
    return models


def _signature(signature) -> Embed:
    import tensorflow as tf

    def embed(rows):
        asked = {name: tf.constant(values) for name, values in rows.items()}
        return signature(**asked)["embedding"].numpy()

    return embed


def _onnx(path: Path) -> Embed:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Its threads would go on waiting while the others are measured.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(path.with_suffix(".onnx"), options)
    return lambda rows: session.run(["embedding"], rows)[0]


def _litert(path: Path) -> Embed:
    import os

    from ai_edge_litert.interpreter import Interpreter

    model = Interpreter(str(path.with_suffix(".tflite")), num_threads=os.cpu_count())
    runner = model.get_signature_runner()
    return lambda rows: runner(**rows)["embedding"]


def _openvino(path: Path) -> Embed:
    import openvino

    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    model = openvino.Core().compile_model(path.with_suffix(".xml"), "CPU", settings)
    return lambda rows: model(rows)["embedding"]


def _megabytes(version: Path) -> float:
    return sum(file.stat().st_size for file in version.rglob("*") if file.is_file()) / 1e6
