"""Pictures of random pixels, saved by Pillow."""

import io

import numpy as np


def pixels(height=12, width=20, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def saved(image, kind, **settings):
    stream = io.BytesIO()
    image.save(stream, kind, **settings)
    return stream.getvalue()
