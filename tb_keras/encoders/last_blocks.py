"""The last blocks of an encoder, by name."""

from __future__ import annotations

import keras

from tb_keras.encoders.block_split import split_blocks
from tb_keras.encoders.image.crops_in_turn import CropsInTurn
from tb_keras.encoders.image.image_backbone import image_backbone
from tb_keras.encoders.image.pixel_rows import from_pixel_rows
from tb_keras.encoders.presets.preset_backbone import has_towers, load_backbone
from tb_keras.encoders.presets.text_tower import text_tower
from tb_keras.encoders.shortened_names import ALL_BLOCKS, whole_name
from tb_keras.encoders.text.bert_split import last_layers
from tb_keras.encoders.text.text_encoder import preset_of, text_tokens


def last_image_blocks(
    name: str,
    weights: str | None = "pretrained",
    crops: int = 1,
    trained_blocks: int = ALL_BLOCKS,
    augmented: bool = False,
) -> keras.Model:
    """Returns what `image_encoder` leaves out under a name such as `"NAME[:-2]"`.

    Pass it to `tb_keras.training.train_network` as `image_encoder`, to train the last blocks with a
    network on the rows that `image_encoder(name)` gives. These are computed once.

    Args:
        name: name of an image encoder without its last blocks, or `"NAME[:0]"`, whose rows are
            pixels.
        weights: as in `image_encoder`.
        crops: as in `image_encoder`, for rows that are no pixels. While training, one crop of each
            image is drawn; after that, the features of all are averaged.
        trained_blocks: for rows of pixels, how many of the last blocks are trained. The others are
            frozen, but computed in each step.
        augmented: for rows of pixels, whether pictures are mirrored, enlarged, shifted and lit at
            random while training.

    Returns:
        A model from rows, float32 `(batch, crops * row_dim)`, to the whole encoder's features.

    Raises:
        ValueError: if `name` leaves out no blocks, or `crops`, `trained_blocks` or `augmented` does
            not go with it.

    Examples:
        >>> name = "efficientnet_lite0_levels[:-2]"
        >>> last_image_blocks(name, weights=None).output_shape
        (None, 3584)
    """
    whole, left_out = _checked(name)
    backbone = image_backbone(whole, weights)
    if left_out == ALL_BLOCKS:
        if crops != 1:
            raise ValueError(f"`crops` must be 1 with rows of pixels. Received: crops={crops}")
        return from_pixel_rows(backbone, trained_blocks, augmented)
    if augmented or trained_blocks != ALL_BLOCKS:
        raise ValueError(
            "`name` must be 'NAME[:0]' with `augmented` or `trained_blocks`. "
            f"Received: name={name!r}"
        )
    blocks = split_blocks(backbone, left_out).upper
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
