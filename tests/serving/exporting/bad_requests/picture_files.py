"""Picture files of many kinds, whole and damaged."""

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf


def of_mode(mode, kind, **options):
    """Returns a picture file of one colour, in one of Pillow's modes."""
    pil = pytest.importorskip("PIL.Image")
    file, color = io.BytesIO(), {"CMYK": (210, 40, 20, 10), "RGB": (200, 90, 30)}[mode]
    pil.new(mode, (40, 30), color).save(file, kind, **options)
    return file.getvalue()


def png(pixels):
    return tf.io.encode_png(tf.constant(pixels)).numpy()


def noise(*shape, dtype="uint8"):
    rng = np.random.default_rng(len(shape))
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def bomb(side):
    """Returns a whole PNG of black pixels, one bit each: a few kilobytes."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    packer, row = zlib.compressobj(9), bytes(1 + side // 8)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", data), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


JPEG = tf.io.encode_jpeg(noise(40, 50, 3)).numpy()
PNG = png(noise(20, 30, 3))
