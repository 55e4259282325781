"""The last blocks of a run's encoders that are trained with its networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from absl import flags

from tb_keras.corpus.corpus import Corpus
from tb_keras.encoders.last_blocks import last_image_blocks, last_text_blocks
from tb_keras.encoders.shortened_names import whole_name, without_last_blocks

_TRAIN_IMAGE_ENCODER = flags.DEFINE_integer(
    "train_image_encoder",
    0,
    "Retrieval: how many last blocks of the image encoder, an EfficientNet-Lite or that of "
    "--encoders, are trained with the network. What lies below them is computed once and kept, "
    "about 40 kB for each picture with an EfficientNet-Lite.",
    lower_bound=0,
)
_TRAIN_TEXT_ENCODER = flags.DEFINE_integer(
    "train_text_encoder",
    0,
    "Retrieval: how many last layers of the text encoder, minilm, another BERT or that of "
    "--encoders, are trained with the network. What lies below them is computed once and kept, "
    "about 50 kB for each text with minilm. Texts are cut after 32 tokens unless --max_tokens says "
    "otherwise.",
    lower_bound=0,
)
_COUNTS = {"image": _TRAIN_IMAGE_ENCODER, "text": _TRAIN_TEXT_ENCODER}
_TOKENS = 32


def shortened_encoders(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings that change where the flags say that blocks are trained.

    Raises:
        ValueError: if the run is not of retrieval, or there is no such encoder.
    """
    changes: dict[str, Any] = {}
    for view, count in _COUNTS.items():
        name = settings[f"{view}_encoder"]
        if not count.value:
            continue
        if settings["task"] != "retrieval" or not name:
            raise ValueError(
                f"--{count.name} is for retrieval from pictures and strings. "
                f"Received: --task={settings['task']}, --{view}_encoder={name}"
            )
        changes[f"{view}_encoder"] = without_last_blocks(name, count.value)
    if "text_encoder" in changes and not flags.FLAGS["max_tokens"].present:
        changes["max_tokens"] = _TOKENS
    return changes


def trained_blocks(
    settings: Mapping[str, Any], splits: Mapping[str, Corpus]
) -> dict[str, keras.Model]:
    """Returns the blocks that are trained, as arguments of `train_network`.

    It says how much of the disk their rows take.

    Args:
        settings: of the run.
        splits: the corpora to be encoded.
    """
    blocks = {}
    images, texts = (settings[f"{view}_encoder"] for view in ("image", "text"))
    if images and whole_name(images)[1]:
        blocks["image_encoder"] = last_image_blocks(images, crops=settings["crops"])
        _say_size("pictures", sum(c.num_images for c in splits.values()), blocks["image_encoder"])
    if texts and whole_name(texts)[1]:
        blocks["text_encoder"] = last_text_blocks(texts, max_tokens=settings["max_tokens"])
        _say_size("texts", sum(c.num_texts for c in splits.values()), blocks["text_encoder"])
    return blocks


def _say_size(items: str, count: int, blocks: keras.Model) -> None:
    dim = blocks.input_shape[1]
    size = 4 * count * dim / 1e6
    print(f"{count} {items}, {dim} numbers each: {size:,.0f} MB on disk at the most", flush=True)
