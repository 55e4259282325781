"""Two encoders with a space in common, by one name."""

from __future__ import annotations

import keras

from tb_keras.encoders.image.image_encoder import image_encoder
from tb_keras.encoders.presets.preset_backbone import HUB, loaded_once, tower_family
from tb_keras.encoders.shortened_names import whole_name
from tb_keras.encoders.text.text_encoder import text_encoder


def encoder_pair(
    name: str, weights: str | None = "pretrained", crops: int = 1, max_tokens: int = 128
) -> tuple[keras.Model, keras.Model]:
    """Builds an image encoder and a text encoder that were trained together.

    Their features lie in one space: the cosine of an image's and a text's says how well the two
    fit, without any training. They are those of keras-hub's `get_vision_embeddings` and
    `get_text_embeddings`, not scaled to unit length. Pictures and strings are prepared as the
    preset's own preprocessor does it.

    Args:
        name: `"keras_hub/PRESET"`, a preset of CLIP, SigLIP, SigLIP 2 or MetaCLIP 2 by its name or
            the path of a directory.
        weights: as in `image_encoder`.
        crops: as in `image_encoder`.
        max_tokens: as in `text_encoder`.

    Returns:
        The models of `image_encoder(name)` and `text_encoder(name)`; the preset is loaded once.

    Raises:
        ValueError: the preset does not hold both encoders.
        ImportError: keras-hub is not installed.

    Reference:
        Radford et al., *Learning Transferable Visual Models From Natural Language Supervision*,
        ICML 2021, for CLIP; Zhai et al., *Sigmoid Loss for Language Image Pre-Training*, ICCV 2023,
        for SigLIP.

    Examples:
        >>> encoder_pair("minilm")
        Traceback (most recent call last):
        ...
        ValueError: `name` must be keras_hub/PRESET with an image and a text encoder. \
Received: name='minilm'
    """
    if not name.startswith(HUB) or tower_family(name.removeprefix(HUB)) is None:
        raise ValueError(
            "`name` must be keras_hub/PRESET with an image and a text encoder. "
            f"Received: name={name!r}"
        )
    with loaded_once():
        images = image_encoder(name, weights=weights, crops=crops)
        return images, text_encoder(name, weights=weights, max_tokens=max_tokens)


def share_a_space(image_encoder: str | None, text_encoder: str | None) -> bool:
    """Returns whether the features of two encoders lie in one space, as told by their names.

    They do if both have the name of one preset of keras-hub: only a preset that holds both towers
    can be an image encoder and a text encoder. Nothing is loaded. Names without last blocks count
    as those of the whole encoders.

    Args:
        image_encoder: a name that `image_encoder` takes, or None.
        text_encoder: a name that `text_encoder` takes, or None.

    Examples:
        >>> clip = "keras_hub/clip_vit_base_patch16"
        >>> share_a_space(clip, clip), share_a_space(clip, "minilm")
        (True, False)
    """
    if not (image_encoder and text_encoder and image_encoder.startswith(HUB)):
        return False
    return whole_name(image_encoder)[0] == whole_name(text_encoder)[0]
