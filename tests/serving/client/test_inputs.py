"""Tests of pictures as a client sends them."""

import io

import pytest

from tb_keras.serving.client.inputs import content, picture_items

Image = pytest.importorskip("PIL.Image")


def saved(kind):
    stream = io.BytesIO()
    Image.new("RGB", (50, 40), "red").save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_what_the_server_does_not_decode_is_made_to_png(tmp_path, kind):
    file = saved(kind)
    (tmp_path / "a.jpg").write_bytes(file)
    for item in (file, tmp_path / "a.jpg", bytearray(file)):
        sent = content(picture_items([item])[0])
        picture = Image.open(io.BytesIO(sent))
        assert picture.format == (kind if kind in ("PNG", "JPEG") else "PNG")
        assert picture.size == (50, 40)
        assert sent == file or kind in ("WEBP", "TIFF")


def test_damaged_pictures_of_other_formats():
    with pytest.raises(ValueError, match="Invalid TIFF data"):
        picture_items([saved("TIFF")[:200]])
    assert picture_items([b"no picture"]) == [b"no picture"]  # the server says so
