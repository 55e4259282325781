"""The program of a few lines that embeds pictures and texts by the models of another runtime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

# What Pillow calls the interpolations that it computes as TensorFlow does, with antialiasing.
_OF_PILLOW = {"bilinear": "BILINEAR", "bicubic": "BICUBIC", "lanczos3": "LANCZOS"}


class _Runtime(NamedTuple):
    """How a runtime is imported, opens the model `name`, and runs it."""

    imported: str
    opened: str
    run: str


_RUNTIMES = {
    "onnx": _Runtime(
        "import onnxruntime",
        'model = onnxruntime.InferenceSession(f"{folder}/{name}.onnx")',
        "model.run(None, inputs)[0]",
    ),
    "litert": _Runtime(
        "from ai_edge_litert.interpreter import Interpreter",
        'model = Interpreter(f"{folder}/{name}.tflite").get_signature_runner()',
        "next(iter(model(**inputs).values()))",
    ),
    "openvino": _Runtime(
        "import openvino",
        'exact = {"INFERENCE_PRECISION_HINT": "f32"}  # else bfloat16, where the processor has it\n'
        '    model = openvino.Core().compile_model(f"{folder}/{name}.xml", "CPU", exact)',
        "model(inputs)[0]",
    ),
}
_CROPPED = """\
    side = min(rgb.shape[:2])
    top, left = ((length - side) // 2 for length in rgb.shape[:2])
    rgb = rgb[top : top + side, left : left + side]
"""
_MASKED = """\
ids, mask = np.array([t.ids for t in tokens]), np.array([t.attention_mask for t in tokens])
texts = load("text")(input_ids=ids, attention_mask=mask)"""
_UNMASKED = 'texts = load("text")(input_ids=np.array([t.ids for t in tokens]))'
_SCORED = {
    "embedding": "print(images @ texts.T)",
    "similarity": 'print(load("score")(image_embedding=images, text_embedding=texts))',
}


def usage(runtime: str, pictures: Mapping[str, Any], kind: str, masked: bool = True) -> str:
    """Returns a Python program, which takes NumPy, Pillow, `tokenizers` and the runtime.

    Args:
        runtime: one of `FORMATS`.
        pictures: of `preprocessing`.
        kind: "embedding" for a network whose scores are dot products, else "similarity".
        masked: whether the text model takes a mask.

    Returns:
        The program, "" where Pillow has no such resizing.
    """
    resize = pictures["resize"]
    side = resize["height"]
    if not resize["antialias"] or resize["interpolation"] not in _OF_PILLOW:
        return ""
    if side != resize["width"]:
        return ""
    resized = f"resize(({side}, {side}), Image.{_OF_PILLOW[resize['interpolation']]})"
    imported, opened, run = _RUNTIMES[runtime]
    return f"""import numpy as np
{imported}
from PIL import Image, ImageOps
from tokenizers import Tokenizer

folder = "."  # of this file


def load(name):
    {opened}
    return lambda **inputs: {run}


def pixels(file):  # the steps of preprocessing.json
    rgba = np.asarray(ImageOps.exif_transpose(Image.open(file)).convert("RGBA"), "float32")
    rgb = 255 + (rgba[..., :3] - 255) * (rgba[..., 3:] / 255)
{_CROPPED if pictures["crop"] else ""}\
    channels = [Image.fromarray(rgb[..., i]).{resized} for i in range(3)]
    return np.stack(channels, axis=-1)


tokenizer = Tokenizer.from_file(f"{{folder}}/tokenizer.json")
tokens = tokenizer.encode_batch(["a flying insect", "a bus"])
{_MASKED if masked else _UNMASKED}
images = load("image")(pixels=np.stack([pixels(file) for file in ("bee.png", "bus.png")]))
{_SCORED[kind]}
"""
