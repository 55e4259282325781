"""The last blocks of an encoder, by name."""

from __future__ import annotations

import keras

from tb_keras.encoders.block_split import split_blocks
from tb_keras.encoders.image.crops_in_turn import CropsInTurn
from tb_keras.encoders.image.image_backbone import image_backbone
from tb_keras.encoders.presets.preset_backbone import has_towers, load_backbone
from tb_keras.encoders.presets.text_tower import text_tower
from tb_keras.encoders.shortened_names import whole_name
from tb_keras.encoders.text.bert_split import last_layers
from tb_keras.encoders.text.text_encoder import preset_of, text_tokens


def last_image_blocks(name: str, weights: str | None = "pretrained", crops: int = 1) -> keras.Model:
    """Returns what `image_encoder` leaves out under a name such as `"NAME[:-2]"`.

    Pass it to `tb_keras.training.train_network` as `image_encoder`, to train the last blocks with a
    network on the rows that `image_encoder(name)` gives. These are computed once.

    Args:
        name: name of an image encoder without its last blocks.
        weights: as in `image_encoder`.
        crops: as in `image_encoder`. While training, one crop of each image is drawn; after that,
            the features of all are averaged.

    Returns:
        A model from rows, float32 `(batch, crops * row_dim)`, to the whole encoder's features.

    Raises:
        ValueError: if `name` leaves out no blocks.

    Examples:
        >>> name = "efficientnet_lite0_levels[:-2]"
        >>> last_image_blocks(name, weights=None).output_shape
        (None, 3584)
    """
    whole, left_out = _checked(name)
    blocks = split_blocks(image_backbone(whole, weights), left_out).upper
    if crops == 1:
        return blocks
    rows = keras.Input((crops * blocks.input_shape[1],), name="rows")
    return keras.Model(rows, CropsInTurn(blocks, crops, name="crops_in_turn")(rows), name="upper")


def last_text_blocks(
    name: str, weights: str | None = "pretrained", max_tokens: int = 128
) -> keras.Model:
    """Returns what `text_encoder` leaves out under a name such as `"minilm[:-2]"`.

    Pass it to `tb_keras.training.train_network` as `text_encoder`, to train the last layers with a
    network on the rows that `text_encoder(name)` gives. These are computed once. A row has a vector
    for each of `max_tokens` tokens, so take no more than most texts have.

    Args:
        name: name of a BERT or a text tower without its last layers.
        weights: as in `text_encoder`.
        max_tokens: as in `text_encoder`.

    Returns:
        A model from rows, float32 `(batch, row_dim)`, to the whole encoder's features.

    Raises:
        ValueError: if `name` leaves out no layers, or is of neither.
        ImportError: as in `text_encoder`.

    Examples:
        >>> last_text_blocks("minilm[:-1]", weights=None, max_tokens=16).output_shape
        (None, 384)
    """
    whole, left_out = _checked(name)
    backbone = load_backbone(preset_of(whole), weights)
    length = text_tokens(name, max_tokens).length
    if has_towers(backbone):
        return split_blocks(text_tower(backbone, length), left_out).upper
    return last_layers(backbone, length, left_out)


def _checked(name: str) -> tuple[str, int]:
    whole, left_out = whole_name(name)
    if not left_out:
        raise ValueError(f"`name` must leave out blocks, as in NAME[:-2]. Received: name={name!r}")
    return whole, left_out
