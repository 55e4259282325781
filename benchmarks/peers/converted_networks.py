"""An image encoder's network in other engines, converted for the benchmark alone."""

from __future__ import annotations

import importlib.util
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

ENGINES = {
    "onnxruntime": ("tf2onnx", "onnxruntime"),
    "OpenVINO": ("tf2onnx", "openvino"),
}
"""By engine, the packages that it needs."""


def converted(network: keras.Model) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Returns a network in each engine that is installed, in float32 and with its own threads.

    Args:
        network: a model from float32 pixels to features, with the same size for all images.
    """
    there = {
        engine: all(importlib.util.find_spec(package) for package in packages)
        for engine, packages in ENGINES.items()
    }
    if not any(there.values()):
        return {}
    import tf2onnx

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    signature = [tf.TensorSpec(network.input_shape, tf.float32, name="pixels")]
    call = tf.function(lambda pixels: network(pixels, training=False), input_signature=signature)
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "network.onnx")
        tf2onnx.convert.from_function(call, signature, opset=17, output_path=file)
        engines = {"onnxruntime": _onnxruntime, "OpenVINO": _openvino}
        return {engine: engines[engine](file) for engine in ENGINES if there[engine]}


def _onnxruntime(file: str) -> Callable[[np.ndarray], np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda pixels: session.run(None, {name: pixels})[0]


def _openvino(file: str) -> Callable[[np.ndarray], np.ndarray]:
    import openvino

    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    network = openvino.compile_model(openvino.convert_model(file), "CPU", settings)
    return lambda pixels: network(pixels)[0]
