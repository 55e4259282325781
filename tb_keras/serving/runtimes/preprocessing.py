"""What is done to a picture before the model, for those who do it without this package."""

from __future__ import annotations

from typing import Any

from tb_keras.encoders.image.image_decoding import DecodeImages


def preprocessing(decode: DecodeImages) -> dict[str, Any]:
    """Returns how a picture becomes what the image model takes, in the order of its steps.

    Args:
        decode: the image encoder's layer from files to pixels.

    Examples:
        >>> preprocessing(DecodeImages(224, 224))["resize"]["height"]
        224
    """
    own = ("height", "width", "interpolation", "antialias")
    resize = {name: getattr(decode, name) for name in own}
    part = "largest central part of that aspect ratio" if decode.crop_to_aspect_ratio else None
    return {
        "input": "pixels",
        "shape": ["n", decode.height, decode.width, 3],
        "dtype": "float32",
        "jpeg": "decoded by the fast integer transform, as TensorFlow does",
        "orientation": "upright, as the EXIF block says",
        "color": "RGB, transparency over white",
        "crop": part,
        "resize": resize,
        "range": [0, 255],
        "mean": [0, 0, 0],
        "std": [1, 1, 1],
    }
