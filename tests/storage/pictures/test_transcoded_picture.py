"""Tests that pictures in other formats are decoded to the pixels that Pillow shows."""

import io

import numpy as np
import pytest

from tb_keras.storage.pictures.transcoded_picture import decodable_picture
from tests.saved_pictures import pixels, saved

Image = pytest.importorskip("PIL.Image")
ImageOps = pytest.importorskip("PIL.ImageOps")

ORIENTATION = 0x0112


def opened(content):
    return Image.open(io.BytesIO(content))


IMAGE = Image.fromarray(pixels())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP"])
def test_what_is_decoded_stays_as_it_is(kind):
    for content in (saved(IMAGE, kind), saved(IMAGE, kind)[:40]):
        assert decodable_picture(content) is content


@pytest.mark.parametrize("content", [b"", b"text", b"P5 ", b"<svg/>", b"BM"])
def test_what_is_no_picture_stays_as_it_is(content):
    assert decodable_picture(content) == content


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("WEBP", {"lossless": True}),
        ("WEBP", {"quality": 50}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("JPEG2000", {}),
        ("PPM", {}),
        ("AVIF", {}),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_pixels(kind, settings, mode):
    if kind not in Image.SAVE and not Image.init() and kind not in Image.SAVE:
        pytest.skip(f"this Pillow has no {kind}")
    if kind == "PPM" and mode == "RGBA":
        mode = "RGB"
    image = Image.fromarray(pixels(channels=4)).convert(mode)
    content = saved(image, kind, **settings)
    found = opened(decodable_picture(content))
    assert found.format == "PNG"
    expected = opened(content).convert("RGBA")
    np.testing.assert_array_equal(found.convert("RGBA"), expected)


@pytest.mark.parametrize("kind", ["WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", [1, 2, 5, 6, 8])
def test_orientation(kind, orientation):
    Image.init()
    if kind not in Image.SAVE:
        pytest.skip(f"this Pillow has no {kind}")
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    content = saved(IMAGE, kind, exif=exif)
    expected = opened(content)
    expected.load()  # turns a TIFF
    expected = ImageOps.exif_transpose(expected)
    found = opened(decodable_picture(content))
    assert found.size == ((12, 20) if orientation > 4 else (20, 12))
    np.testing.assert_array_equal(found, expected)
    assert not found.getexif()


@pytest.mark.parametrize("kind", ["WEBP", "TIFF"])
def test_the_first_of_several_frames(kind):
    frames = [Image.new("RGB", (20, 10), color) for color in ("red", "blue", "green")]
    content = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    found = np.asarray(opened(decodable_picture(content)).convert("RGB"))
    assert found.shape == (10, 20, 3)
    np.testing.assert_allclose(found, np.broadcast_to([254, 0, 0], found.shape), atol=2)


@pytest.mark.parametrize("mode", ["1", "P", "CMYK", "I;16", "I;16B", "LAB", "YCbCr", "LA"])
def test_modes_of_a_tiff(mode):
    grey = Image.fromarray(pixels()[..., 0])
    if mode.startswith("I;16"):
        order = "<" if mode == "I;16" else ">"
        wide = np.asarray(grey).astype(np.uint16) * 256 + 77
        image = Image.frombytes(mode, grey.size, wide.astype(order + "u2").tobytes())
        expected = np.repeat(np.asarray(grey)[..., None], 3, axis=2)
    elif mode == "LAB":
        image = Image.frombytes("LAB", (20, 12), pixels().tobytes())
        expected = None
    else:
        image = IMAGE.convert(mode)
        expected = image.convert("RGB")
    found = opened(decodable_picture(saved(image, "TIFF"))).convert("RGB")
    assert found.size == (20, 12)
    if expected is not None:
        np.testing.assert_allclose(found, expected, atol=3 if mode == "YCbCr" else 0)


def test_transparency_of_a_palette():
    image = Image.fromarray(pixels(channels=4)).quantize(16)
    content = saved(image, "WEBP", lossless=True)
    assert opened(decodable_picture(content)).mode == "RGBA"


def rle_bmp():
    """Two rows of three pixels with a palette, run by run; Pillow reads it but does not write."""
    runs = bytes([3, 1, 0, 0, 2, 0, 1, 1, 0, 1])
    palette = bytes([0, 0, 255, 0, 255, 0, 0, 0]) + bytes(254 * 4)
    start = 54 + len(palette)
    header = b"BM" + (start + len(runs)).to_bytes(4, "little") + bytes(4)
    header += start.to_bytes(4, "little") + (40).to_bytes(4, "little")
    header += (3).to_bytes(4, "little") + (2).to_bytes(4, "little") + b"\1\0\x08\0\1\0\0\0"
    return header + len(runs).to_bytes(4, "little") + bytes(16) + palette + runs


def test_a_compressed_bmp():
    found = np.asarray(opened(decodable_picture(rle_bmp())).convert("RGB")).tolist()
    red, blue = [255, 0, 0], [0, 0, 255]
    assert found == [[red, red, blue], [blue, blue, blue]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (saved(IMAGE, "WEBP")[:-20], "Invalid WEBP or TIFF data"),
        (saved(IMAGE, "TIFF")[:300], "Invalid TIFF data"),
        (saved(Image.new("F", (3, 2)), "TIFF"), "pixels of 32 bits"),
        (saved(Image.new("I", (3, 2)), "TIFF"), "pixels of 32 bits"),
        (b"P5 20000 20000 255\n", "More than 50 million pixels"),
        (b"P5 10000 6000 255\n" + bytes(100), "More than 50 million pixels"),
    ],
)
def test_what_cannot_be_decoded(content, message):
    with pytest.raises(ValueError, match=message) as caught:
        decodable_picture(content)
    assert len(str(caught.value)) < 300
