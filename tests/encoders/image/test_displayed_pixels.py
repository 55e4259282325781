"""Tests that pixels are those which Pillow shows: orientation, named colours, palettes."""

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.encoders.image.files.image_file import read_header
from tb_keras.encoders.image.files.image_orientation import exif_orientation
from tb_keras.encoders.image.image_decoding import DecodeImages, decode_image
from tests.cases import examples
from tests.saved_pictures import pixels, saved

Image = pytest.importorskip("PIL.Image")
ImageOps = pytest.importorskip("PIL.ImageOps")

ORIENTATION = 0x0112
DECODE = tf.function(decode_image, input_signature=[tf.TensorSpec((), tf.string)])
FIND = tf.function(
    exif_orientation,
    input_signature=[tf.TensorSpec((), tf.string), tf.TensorSpec((), tf.int32)],
)


def shown(file):
    """The pixels as Pillow shows them, on white."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(file))).convert("RGBA")
    rgba = np.asarray(image).astype(np.float64)
    alpha = rgba[:, :, 3:] / 255
    return rgba[:, :, :3] * alpha + 255 * (1 - alpha)


def oriented(orientation, endian=">"):
    exif = Image.Exif()
    exif.endian = endian
    exif[0x010F] = "a camera of some make"  # a tag before it
    exif[ORIENTATION] = orientation
    exif[0x0132] = "2026:01:01 00:00:00"
    return exif.tobytes()


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_an_orientation_is_applied(kind, orientation, endian):
    y, x = np.mgrid[:12, :20]  # smooth, as libraries round a JPEG in ways of their own
    image = Image.fromarray(np.stack([10 * x, 15 * y, 100 + 3 * x - y], axis=2).astype(np.uint8))
    exif = oriented(orientation, endian)
    file = saved(image, kind, exif=exif, quality=98, subsampling=0)
    found = DECODE(file).numpy()
    np.testing.assert_allclose(found, shown(file), atol=0 if kind == "PNG" else 8)
    assert found.shape == ((20, 12, 3) if 5 <= orientation <= 8 else (12, 20, 3))


def test_an_oriented_file_is_the_upright_one():
    """At each size and crop: the same as if the file had been turned before."""
    image = Image.fromarray(pixels(31, 18))
    turned = saved(image, "PNG", exif=oriented(6))
    upright = saved(ImageOps.exif_transpose(Image.open(io.BytesIO(turned))), "PNG")
    assert read_header(upright).exif == -1
    for layer in (DecodeImages(8, 6), DecodeImages(9, 9, crop_to_aspect_ratio=False)):
        found = layer(tf.constant([turned, upright]))
        np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "CMYK"])
def test_an_orientation_of_other_modes(mode):
    kind = "JPEG" if mode == "CMYK" else "PNG"
    image = Image.fromarray(pixels(16, 24)).convert(mode)
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.fromarray(pixels(16, 24, 1)[:, :, 0]))
    whole, turned = saved(image, kind), saved(image, kind, exif=oriented(8))
    expected = np.rot90(decode_image(whole).numpy())
    np.testing.assert_allclose(decode_image(turned), expected, atol=1e-4)


@examples(30)
@given(st.binary(max_size=200), st.integers(0, 40), st.booleans())
def test_any_exif_block_has_an_orientation(noise, at, is_damaged):
    block = bytearray(oriented(3)[6:])
    block[at : at + len(noise) if is_damaged else at] = noise
    for start in (0, 5, -1, 10_000):
        found = int(FIND(bytes(block), start))
        assert 1 <= found <= 8


def chunk(kind, content):
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


@pytest.mark.parametrize("mode", ["L", "RGB", "1"])
def test_a_color_that_is_named_as_transparent(mode):
    image = Image.fromarray(pixels() // 128 * 255).convert(mode)
    key = (0, 255, 0) if mode == "RGB" else 0
    file = saved(image, "PNG", transparency=key)
    assert read_header(file).has_color_key
    found, expected = DECODE(file).numpy(), shown(file)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    hidden = np.asarray(image) == key
    hidden = hidden.all(axis=2) if mode == "RGB" else hidden
    assert hidden.any()
    assert (found[hidden] == 255).all()


def test_a_named_color_of_sixteen_bits():
    """The key counts with all its bits; Pillow compares the upper half alone."""
    colors = [(1, 2, 3), (1000, 2000, 3000), (257, 2, 3), (1, 2, 3)]
    rows = b"".join(b"\0" + struct.pack(">6H", *colors[i], *colors[i + 1]) for i in (0, 2))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0))
    key = chunk(b"tRNS", struct.pack(">3H", 1, 2, 3))
    end = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    found = decode_image(b"\x89PNG\r\n\x1a\n" + header + key + end).numpy()
    assert found.tolist() == [[[255] * 3, [3, 7, 11]], [[1, 0, 0], [255] * 3]]


@pytest.mark.parametrize("transparency", [None, 1, bytes([0, 255, 100, 255])])
def test_a_palette_of_a_png(transparency):
    image = Image.fromarray(pixels()).quantize(4)
    named = {} if transparency is None else {"transparency": transparency}
    file = saved(image, "PNG", **named)
    assert not read_header(file).has_color_key
    np.testing.assert_allclose(decode_image(file), shown(file), atol=1e-3)


def flipped(bmp):
    """A BMP stored from its top row on."""
    (height,) = struct.unpack("<i", bmp[22:26])
    (start,) = struct.unpack("<I", bmp[10:14])
    row = (len(bmp) - start) // height
    rows = [bmp[at : at + row] for at in range(start, len(bmp), row)]
    return bmp[:22] + struct.pack("<i", -height) + bmp[26:start] + b"".join(rows[::-1])


@pytest.mark.parametrize("width", [1, 8, 9, 33])
@pytest.mark.parametrize("kind", ["256", "16", "3", "L", "1", "RGB"])
def test_bmp_with_and_without_a_palette(kind, width):
    image = Image.fromarray(pixels(5, width))
    image = image.quantize(int(kind)) if kind.isdigit() and kind != "1" else image.convert(kind)
    file = saved(image, "BMP")
    for bmp in (file, flipped(file)):
        np.testing.assert_array_equal(DECODE(bmp), shown(bmp))


def sixteen_colors(width, height):
    """A BMP of four bits a pixel, which Pillow reads but does not write."""
    random = np.random.default_rng(0)
    palette = np.concatenate([random.integers(0, 256, (16, 3)), np.zeros((16, 1), int)], axis=1)
    row = (width * 4 + 31) // 32 * 4
    data = random.integers(0, 256, height * row, np.uint8).tobytes()
    start = 54 + 64
    header = struct.pack("<2sIHHI", b"BM", start + len(data), 0, 0, start)
    header += struct.pack("<IiiHHIIiiII", 40, width, height, 1, 4, 0, len(data), 0, 0, 0, 0)
    return header + palette.astype(np.uint8).tobytes() + data


@pytest.mark.parametrize("width", [1, 2, 7, 9])
def test_bmp_of_four_bits(width):
    file = sixteen_colors(width, 3)
    np.testing.assert_array_equal(decode_image(file), shown(file))


def with_bytes(file, at, content):
    return file[:at] + content + file[at + len(content) :]


BMP = saved(Image.fromarray(pixels()).quantize(256), "BMP")
RGBA_BMP = saved(Image.fromarray(pixels(channels=4)), "BMP")


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (with_bytes(BMP, 30, struct.pack("<I", 1)), "The BMP is of a rare kind"),
        (with_bytes(RGBA_BMP, 28, struct.pack("<HI", 16, 3)), "The BMP is of a rare kind"),
        (BMP[:-20], "Input to reshape"),
        (BMP[:60], "Input to reshape"),
        (with_bytes(BMP, 10, struct.pack("<I", 2**31)), "Input to reshape"),
        (with_bytes(BMP, 14, struct.pack("<I", 2**31)), "The BMP is of a rare kind"),
        (with_bytes(BMP, 14, struct.pack("<I", 12)), "The BMP is of a rare kind"),
        (with_bytes(BMP, 18, struct.pack("<ii", 20_000, 20_000)), "More than 50 million pixels"),
    ],
)
def test_damaged_bmp(file, message):
    for decode in (decode_image, DECODE):
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            decode(file)


def test_other_formats_do_not_reach_the_decoder():
    frames = [Image.fromarray(pixels(seed=seed)) for seed in range(3)]
    animated = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    for file in (animated, saved(frames[0], "WEBP"), saved(frames[0], "TIFF")):
        for decode in (decode_image, DECODE):
            with pytest.raises(tf.errors.InvalidArgumentError, match="Unknown image file format"):
                decode(file)
    with pytest.raises(tf.errors.InvalidArgumentError, match="must hold PNG, JPEG, GIF or BMP"):
        DecodeImages(8, 8)(tf.constant([animated]))
