"""Writing both towers of a network for runtimes other than TensorFlow."""

from __future__ import annotations

import json
import os
from pathlib import Path

import keras
from tabulate import tabulate

from tb_keras.encoders.image.image_decoding import DecodeImages
from tb_keras.encoders.text.tokenization import TokenizeTexts
from tb_keras.networks import EmbeddingNetwork, TwoBranchNetwork
from tb_keras.serving.exporting.export import check_encoders, latest_version
from tb_keras.serving.runtimes.formats import FORMATS, write_model
from tb_keras.serving.runtimes.preprocessing import preprocessing
from tb_keras.serving.runtimes.tokenizer_file import runtime_tokenizer
from tb_keras.serving.runtimes.towers import feature_tower, image_tower, score_model, text_tower
from tb_keras.serving.runtimes.usage import usage
from tb_keras.storage.atomic_file import directory_beside

WEIGHTS = ("float32", "int8")
_MEANINGS = {
    "pixels": "RGB in [0, 255], made of a file by the steps of `preprocessing.json`",
    "input_ids": "of `tokenizer.json`; a batch is padded to its longest text",
    "attention_mask": "of `tokenizer.json`, 0 at the padding",
    "features": "of an encoder that is not here",
    "embedding": "of unit length if the network's scores are dot products",
    "score": "higher where image and text fit better",
}

_OF_JPEG = (
    "Pillow decodes JPEG a little differently from TensorFlow, with which the network was trained. "
    "`simplejpeg.decode_jpeg(content, fastdct=True)` gives TensorFlow's pixels."
)


def export_towers(
    network: TwoBranchNetwork,
    directory: str | os.PathLike,
    runtime: str,
    image_encoder: keras.Model | None = None,
    text_encoder: keras.Model | None = None,
    card: str = "",
    weights: str = "float32",
) -> Path:
    """Writes a network as `directory/VERSION/`, the next free version, for another runtime.

    A version holds models with any number n of rows:

    - `image`: `pixels` float32 `(n, height, width, 3)` → `embedding` `(n, dim)`
    - `text`: `input_ids` and (but for CLIP) `attention_mask`, int64 `(n, tokens)` → `embedding`
    - `score`, of a network whose scores are no dot products: n `image_embedding` and n
      `text_embedding` → `score` `(n,)`, one for each pair.

    They are files `.onnx`, `.tflite`, or `.xml` and `.bin`. Beside them lie `tokenizer.json` for
    the `tokenizers` library, `preprocessing.json`, which says how a picture becomes pixels, and
    `README.md` with a program that embeds pictures and texts without TensorFlow. A tower without
    encoder takes `features` `(n, feature_dim)`.

    The version is written under a hidden name and renamed, so that it is never half there.

    Args:
        network: the trained network.
        directory: holds numbered versions of this format and these weights.
        runtime: "onnx", "litert" or "openvino".
        image_encoder: of `tb_keras.encoders.image_encoder`.
        text_encoder: of `tb_keras.encoders.text_encoder`, with the word pieces of BERT, as MiniLM,
            or the byte pairs of CLIP.
        card: Markdown about data, figures and licences, with which `README.md` begins.
        weights: "float32", or "int8" for matrices in a quarter of the room. ONNX keeps convolutions
            in float32; its and LiteRT's matrices are multiplied as int8, OpenVINO's as float32.

    Returns:
        The path of the new version.

    Raises:
        ValueError: if `runtime` or `weights` is unknown, or an encoder does not fit the network or
            cannot be written.
        ImportError: if a package that the format needs is not installed.
    """
    for argument, given, known in (("runtime", runtime, FORMATS), ("weights", weights, WEIGHTS)):
        if given not in known:
            raise ValueError(
                f"`{argument}` must be one of {', '.join(known)}. Received: {argument}={given!r}"
            )
    check_encoders(network, image_encoder, text_encoder)
    decode = _first_layer("image_encoder", image_encoder, DecodeImages)
    tokenize = _first_layer("text_encoder", text_encoder, TokenizeTexts)
    tokenizer = runtime_tokenizer(tokenize) if tokenize else None
    models = [
        image_tower(decode, image_encoder, network.image_branch)
        if decode
        else feature_tower("image", network.image_branch),
        text_tower(tokenize, text_encoder, network.text_branch)
        if tokenize
        else feature_tower("text", network.text_branch),
    ]
    kind = "embedding" if isinstance(network, EmbeddingNetwork) else "similarity"
    if kind == "similarity":
        models.append(score_model(network.fusion))
    pictures = preprocessing(decode) if decode else None
    program = ""
    if pictures and tokenizer:
        program = usage(runtime, pictures, kind, masked=len(models[1].inputs) == 2)
    directory = Path(directory)
    with directory_beside(directory / "unfinished") as unfinished:
        for model in models:
            write_model(model, unfinished / model.name, runtime, weights)
        if tokenizer:
            tokenizer.save(str(unfinished / "tokenizer.json"))
        if pictures:
            steps = json.dumps(pictures, indent=2) + "\n"
            (unfinished / "preprocessing.json").write_text(steps, encoding="utf-8")
        parts = [card.rstrip(), "## What it takes", _table(models)]
        parts += [f"## How it is asked\n\n```python\n{program}```", _OF_JPEG] if program else []
        readme = "\n\n".join(parts).lstrip() + "\n"
        (unfinished / "README.md").write_text(readme, encoding="utf-8")
        version = directory / str(latest_version(directory) + 1)
        os.rename(unfinished, version)
    return version


def _first_layer(argument: str, encoder: keras.Model | None, kind: type) -> keras.Layer | None:
    """Returns the encoder's layer that reads files or strings, None where there is no encoder."""
    if encoder is None:
        return None
    found = [layer for layer in getattr(encoder, "layers", ()) if isinstance(layer, kind)]
    if len(found) != 1:
        raise ValueError(
            f"`{argument}` must be a pretrained one of `tb_keras.encoders.{argument}`, which takes "
            f"{'pixels' if kind is DecodeImages else 'tokens'} inside. Received: "
            f"{getattr(encoder, 'name', encoder)!r}"
        )
    return found[0]


def _table(models: list[keras.Model]) -> str:
    """Returns Markdown: what each model takes and gives, and what that means."""
    rows, names = [], set()
    for model in models:
        inputs = {tensor.name: tensor for tensor in model.inputs}
        names |= {*inputs, *model.output}
        rows.append([f"`{model.name}`", _listed(inputs), _listed(model.output)])
    table = tabulate(rows, ["model", "inputs", "outputs"], "github", disable_numparse=True)
    meanings = [f"- `{name}`: {text}" for name, text in _MEANINGS.items() if name in names]
    return "\n".join([table, "", *meanings])


def _listed(tensors: dict[str, keras.KerasTensor]) -> str:
    shapes = {
        name: ", ".join(["n", *("any" if size is None else str(size) for size in tensor.shape[1:])])
        for name, tensor in tensors.items()
    }
    return "; ".join(f"`{name}`: {tensors[name].dtype} ({shape})" for name, shape in shapes.items())
