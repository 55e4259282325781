"""Tests of pictures decoded in threads: in order, each with its own failure."""

import io
import os
import struct

import numpy as np
import pytest
import tensorflow as tf

from tb_keras.encoders.image.image_decoding import DecodeImages
from tb_keras.features.decoded_pictures import decoded_pictures
from tests.cases import slow_but
from tests.storage.archives import write_tar

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)


def decoded(paths, **options):
    return list(decoded_pictures(list(map(str, paths)), DecodeImages(8, 8).decode, **options))


@pytest.mark.parametrize("ahead", slow_but(3, cases=[0, 3, 100]))
def test_in_order(tmp_path, ahead):
    paths = [tmp_path / f"{number}.png" for number in range(20)]
    for number, path in enumerate(paths):
        path.write_bytes(tf.io.encode_png(np.full((9, 9, 3), number, np.uint8)).numpy())
    paths.insert(7, tmp_path / "nowhere.png")
    found = decoded(paths, ahead=ahead)
    assert found.pop(7)[0] is None
    paths.pop(7)
    for number, (picture, path) in enumerate(zip(found, paths, strict=True)):
        np.testing.assert_allclose(picture.pixels, np.full((8, 8, 3), number), atol=1e-4)
        assert picture.pixels.dtype == np.float32
        state = path.stat()
        assert picture[1:] == (state.st_size, state.st_mtime_ns, None)


def test_members_of_an_archive(tmp_path):
    """Also from a damaged one, and from one that is not there."""
    files = [
        (f"{number}.png", tf.io.encode_png(np.full((9, 9, 3), number, np.uint8)).numpy())
        for number in range(20)
    ]
    path = write_tar(tmp_path / "a.tar", files)
    state = path.stat()
    for number, picture in enumerate(decoded(f"{path}::{name}" for name, _ in files)):
        np.testing.assert_allclose(picture.pixels, np.full((8, 8, 3), number), atol=1e-4)
        assert picture[1:] == (state.st_size, state.st_mtime_ns, None)
    path.write_bytes(path.read_bytes()[:3000])
    (damaged,) = decoded([f"{path}::0.png"])
    assert damaged.pixels is None
    assert damaged.reason.startswith(f"{path}: ")
    (missing,) = decoded([tmp_path / "b.tar::0.png"])
    assert missing.reason == "No such file or directory"


def test_what_can_be_read(tmp_path):
    image = pytest.importorskip("PIL.Image")
    rgb = image.fromarray(PIXELS)
    grey16 = image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257)
    grey = np.repeat(PIXELS[..., :1], 3, axis=2)
    cases = {
        "16-bit.png": (grey16, "PNG", grey),
        "palette.png": (rgb.quantize(255), "PNG", PIXELS),
        "cmyk.jpg": (rgb.convert("CMYK"), "JPEG", PIXELS),
        "ÄÖ 日本.bmp": (rgb, "BMP", PIXELS),
        "whole.tif": (rgb, "TIFF", PIXELS),
        "webp.jpg": (rgb, "WEBP", PIXELS),
    }
    for name, (picture, kind, _) in cases.items():
        picture.save(tmp_path / name, kind)
    for picture, (_, _, pixels) in zip(decoded(tmp_path / name for name in cases), cases.values()):
        assert picture.reason is None
        expected = DecodeImages(8, 8).decode(tf.io.encode_png(pixels))
        assert np.abs(picture.pixels - expected).mean() < 8


def test_what_cannot_be_read(tmp_path):
    image = pytest.importorskip("PIL.Image")
    whole = {}
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
        stream = io.BytesIO()
        image.fromarray(PIXELS).save(stream, kind)
        whole[kind] = stream.getvalue()
    large = whole["BMP"][:18] + struct.pack("<ii", 9000, 6000) + whole["BMP"][26:]
    cases = {
        "empty.jpg": (b"", "Input is empty."),
        "text.jpg": (b"no picture", "Unknown image file format"),
        "cut.jpg": (whole["JPEG"][:-200], "Invalid JPEG data"),
        "cut.png": (whole["PNG"][:-30], "Invalid PNG data"),
        "cut.gif": (whole["GIF"][:100], "Invalid GIF data"),
        "cut.bmp": (whole["BMP"][:100], "Input size should match"),
        "cut.tif": (whole["TIFF"][:300], "Invalid TIFF data"),
        "webp.jpg": (whole["WEBP"][:60], "Invalid WEBP or TIFF data."),
        "drawn.svg": (b"<svg/>", "Unknown image file format: no PNG, JPEG, GIF or BMP."),
        "large.bmp": (large, "More than 50 million pixels."),
        "folder.png": (None, "Is a directory"),
    }
    for name, (content, _) in cases.items():
        (tmp_path / name).mkdir() if content is None else (tmp_path / name).write_bytes(content)
    for picture, (_, reason) in zip(decoded(tmp_path / name for name in cases), cases.values()):
        assert picture.pixels is None
        assert reason in picture.reason
        assert not {"\n", "{{", "[["} & set(picture.reason)
        assert "{{" not in picture.reason
        assert "[" not in picture.reason


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_file_that_may_not_be_read(tmp_path):
    (tmp_path / "secret.png").write_bytes(b"")
    (tmp_path / "secret.png").chmod(0)
    assert decoded([tmp_path / "secret.png"])[0].reason == "Permission denied"


def test_stopped_early(tmp_path):
    pictures = decoded_pictures(["nowhere.png"] * 500, DecodeImages(8, 8).decode, ahead=10)
    assert next(pictures).pixels is None
    pictures.close()
