"""The last blocks of an image encoder, by name."""

from __future__ import annotations

import keras

from tb_keras.encoders.image.crops_in_turn import CropsInTurn
from tb_keras.encoders.image.image_backbone import image_backbone
from tb_keras.encoders.image.trained_blocks import split_backbone, whole_name


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
    whole, left_out = whole_name(name)
    if not left_out:
        raise ValueError(f"`name` must leave out blocks, as in NAME[:-2]. Received: name={name!r}")
    blocks = split_backbone(image_backbone(whole, weights), left_out).upper
    if crops == 1:
        return blocks
    rows = keras.Input((crops * blocks.input_shape[1],), name="rows")
    return keras.Model(rows, CropsInTurn(blocks, crops, name="crops_in_turn")(rows), name="upper")
