"""Tests of pictures as viewers show them, against Pillow and the decoder of the encoders."""

import numpy as np
import pytest

from tb_keras.corpus.upright_pictures import open_upright, upright_size
from tb_keras.encoders.image.image_decoding import decode_image

Image = pytest.importorskip("PIL.Image")
ImageOps = pytest.importorskip("PIL.ImageOps")


@pytest.mark.parametrize("orientation", [None, *range(10)])
def test_an_orientation(tmp_path, orientation):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
    path = tmp_path / "a.png"
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    assert upright_size(path) == expected.shape[1::-1]
    np.testing.assert_array_equal(open_upright(path), expected)
    np.testing.assert_array_equal(decode_image(path.read_bytes()), expected)


def test_an_orientation_of_xmp_does_not_count(tmp_path):
    """Browsers and the encoders pass over it, so boxes must not be turned by it."""
    path = tmp_path / "a.jpg"
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    Image.new("RGB", (40, 30)).save(path, xmp=xmp)
    assert upright_size(path) == open_upright(path).size == (40, 30)
    assert decode_image(path.read_bytes()).shape == (30, 40, 3)


def test_no_picture(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    for name in ("a.png", "b.png"):
        with pytest.raises(OSError, match=name):
            upright_size(tmp_path / name)


def test_a_damaged_exif_block_is_passed_over(tmp_path):
    path = tmp_path / "a.webp"
    Image.new("RGB", (40, 30)).save(path, exif=b"Exif\0\0MM\0[[[[[")
    assert upright_size(path) == open_upright(path).size == (40, 30)


def test_damaged_headers_are_an_os_error(tmp_path):
    path = tmp_path / "a.ppm"
    path.write_bytes(b"P5 20000 20000 255\n")  # an error of its own in Pillow
    with pytest.raises(OSError, match=r"a\.ppm"):
        upright_size(path)
