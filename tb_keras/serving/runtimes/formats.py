"""Keras models as files of other runtimes, by Keras's own exporters."""

from __future__ import annotations

import contextlib
import importlib
import logging
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import keras


def _write_onnx(model: keras.Model, path: Path, int8: bool) -> None:
    _import("onnx", "onnx", "tf2onnx", "onnxruntime")
    file = path.with_suffix(".onnx")
    # Given, as Keras else asks for a model that was called.
    taken = [keras.tree.map_structure(_spec, model.input)]
    model.export(file, format="onnx", verbose=False, input_signature=taken)
    if int8:
        from onnxruntime.quantization import QuantType, quantize_dynamic

        # Convolutions stay: their inputs would be int8 as well, which loses a third of the recall.
        kinds = ["MatMul", "Gather"]
        settings = {"weight_type": QuantType.QInt8, "per_channel": True}
        quantize_dynamic(file, file, op_types_to_quantize=kinds, **settings)


def _write_litert(model: keras.Model, path: Path, int8: bool) -> None:
    import tensorflow as tf
    from tensorflow.lite.python.convert_phase import ConverterError

    # Without TensorFlow's own operations, which LiteRT's packages do not have.
    settings = {
        "target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]},
        "optimizations": [tf.lite.Optimize.DEFAULT] if int8 else [],
    }
    try:
        model.export(path.with_suffix(".tflite"), format="litert", verbose=False, **settings)
    except ConverterError as error:
        lacking = re.search(r"TF Select ops: (.*)", str(error))
        raise ValueError(
            f"LiteRT must have the operations of the {model.name} encoder; another format may. "
            f"Received: {lacking[1] if lacking else error}"
        ) from error


def _write_openvino(model: keras.Model, path: Path, int8: bool) -> None:
    _import("openvino", "openvino", *(["nncf"] if int8 else []))
    file = str(path.with_suffix(".xml"))
    model.export(file, format="openvino", verbose=False)
    if int8:
        import nncf
        import openvino

        # From memory: the file that is replaced is mapped while it is read.
        read = openvino.Core().read_model(file, config={"ENABLE_MMAP": False})
        openvino.save_model(nncf.compress_weights(read), file, compress_to_fp16=False)


FORMATS = {"onnx": _write_onnx, "litert": _write_litert, "openvino": _write_openvino}
"""By name, a function of a model, its file's path without ending, and whether it is int8."""


def write_model(model: keras.Model, path: Path, runtime: str, weights: str) -> None:
    """Writes a model for another runtime, with any number of rows.

    Args:
        model: a functional model, whose outputs have names.
        path: of the file, without its ending.
        runtime: one of `FORMATS`.
        weights: "float32" or "int8".

    Raises:
        ImportError: if a package that the format needs is not installed.
        ValueError: if the format lacks an operation of the model.
    """
    with _quiet():
        FORMATS[runtime](model, path, weights == "int8")


def _spec(tensor: keras.KerasTensor) -> keras.InputSpec:
    return keras.InputSpec(dtype=tensor.dtype, shape=tensor.shape, name=tensor.name)


def _import(extra: str, *modules: str) -> None:
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise ImportError(
                f"the format {extra} needs the package {module}: pip install 'tb_keras[{extra}]'"
            ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Leaves out what converters say of themselves, and that Keras patches them."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
