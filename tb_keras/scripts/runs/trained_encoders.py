"""The last blocks of a run's encoders that are trained with its networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from absl import flags

from tb_keras.corpus.corpus import Corpus
from tb_keras.encoders.last_blocks import last_image_blocks, last_text_blocks
from tb_keras.encoders.shortened_names import ALL_BLOCKS, whole_name, without_last_blocks

_TRAIN_IMAGE_ENCODER = flags.DEFINE_integer(
    "train_image_encoder",
    0,
    "Retrieval: how many last blocks of the image encoder, an EfficientNet-Lite or that of "
    "--encoders, are trained with the network. What lies below them is computed once and kept, "
    "about 40 kB for each picture with an EfficientNet-Lite. -1 for all of any image encoder, from "
    "the pixels on, of which up to 300 kB are kept for each picture.",
    lower_bound=ALL_BLOCKS,
)
_TRAIN_TEXT_ENCODER = flags.DEFINE_integer(
    "train_text_encoder",
    0,
    "Retrieval: how many last layers of the text encoder, minilm, another BERT or that of "
    "--encoders, are trained with the network; -1 for all but the vectors of tokens. What lies "
    "below them is computed once and kept, about 50 kB for each text with minilm. Texts are cut "
    "after 32 tokens unless --max_tokens says otherwise.",
    lower_bound=ALL_BLOCKS,
)
_AUGMENT = flags.DEFINE_bool(
    "augment",
    False,
    "With --train_image_encoder: whether each step sees the pictures mirrored, enlarged, shifted "
    "and lit at random. The whole encoder is then computed in each step.",
)
_COUNTS = {"image": _TRAIN_IMAGE_ENCODER, "text": _TRAIN_TEXT_ENCODER}
_TOKENS = 32


def trains_from_pixels() -> bool:
    """Returns whether the flags say that the whole image encoder is computed in each step."""
    return _AUGMENT.value or _TRAIN_IMAGE_ENCODER.value == ALL_BLOCKS


def rows_at_a_time() -> int:
    """Returns how many rows of a batch may go through trained encoders at a time; 0 for all."""
    if trains_from_pixels():
        return 32
    return 500 if _TRAIN_TEXT_ENCODER.value else 0


def check_flags(settings: Mapping[str, Any]) -> None:
    """Checks that the flags go together and with what they do not change.

    Raises:
        ValueError: if they do not.
    """
    for count in _COUNTS.values():
        if count.value and settings["task"] != "retrieval":
            raise ValueError(
                f"--{count.name} is for retrieval from pictures and strings. "
                f"Received: --task={settings['task']}"
            )
    if _AUGMENT.value and not _TRAIN_IMAGE_ENCODER.value:
        raise ValueError(
            "--augment goes with --train_image_encoder. Received: --train_image_encoder=0"
        )
    if trains_from_pixels() and settings["crops"] != 1:
        raise ValueError(
            "--crops must be 1 with --augment or --train_image_encoder=-1. "
            f"Received: --crops={settings['crops']}"
        )


def shortened_encoders(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings that change where the flags say that blocks are trained.

    Raises:
        ValueError: if there is no such encoder.
    """
    changes: dict[str, Any] = {}
    for view, count in _COUNTS.items():
        name = settings[f"{view}_encoder"]
        if not count.value:
            continue
        if not name:
            raise ValueError(
                f"--{count.name} is for retrieval from pictures and strings. "
                f"Received: features of the {view}s"
            )
        left_out = count.value
        if view == "image" and trains_from_pixels():
            left_out = ALL_BLOCKS
            changes["from_pixels"] = {"trained_blocks": count.value, "augmented": _AUGMENT.value}
        changes[f"{view}_encoder"] = without_last_blocks(name, left_out)
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
        from_pixels = settings.get("from_pixels", {})
        blocks["image_encoder"] = last_image_blocks(images, crops=settings["crops"], **from_pixels)
        count = sum(c.num_images for c in splits.values())
        # Pixels of thousands of pictures lie in the cache a second time, in their order.
        _say_size("pictures", count, blocks["image_encoder"], 2 if from_pixels else 4)
    if texts and whole_name(texts)[1]:
        blocks["text_encoder"] = last_text_blocks(texts, max_tokens=settings["max_tokens"])
        count = sum(c.num_texts for c in splits.values())
        _say_size("texts", count, blocks["text_encoder"], 4)
    return blocks


def _say_size(items: str, count: int, blocks: keras.Model, number_bytes: int) -> None:
    dim = blocks.input_shape[1]
    size = number_bytes * count * dim / 1e6
    print(f"{count} {items}, {dim} numbers each: {size:,.0f} MB on disk at the most", flush=True)
