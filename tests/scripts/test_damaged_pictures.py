"""Tests that a picture which cannot be decoded is named."""

import pytest
import tensorflow as tf

from tb_keras.encoders.image.image_decoding import decode_image
from tb_keras.scripts.damaged_pictures import damaged_picture_named


@pytest.fixture
def paths(tmp_path):
    whole = tf.io.encode_png(tf.zeros((5, 5, 3), tf.uint8)).numpy()
    contents = {"whole.png": whole, "cut.png": whole[:30], "text.png": b"no picture"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return {name: str(tmp_path / name) for name in contents}


def decode(path):
    tf.io.decode_image(tf.io.read_file(path))


def decode_all(paths):
    with damaged_picture_named(paths):
        for path in paths:
            decode(path)


@pytest.mark.parametrize("name", ["cut.png", "text.png"])
def test_the_first_damaged_picture_is_named(paths, name):
    searched = [paths["whole.png"], paths[name], paths["whole.png"]]
    with pytest.raises(ValueError, match=f"{name}' is damaged, or no PNG, JPEG, GIF or BMP"):
        decode_all(searched)


def test_other_errors_pass(paths):
    decode_all([paths["whole.png"]])
    with pytest.raises(tf.errors.InvalidArgumentError), damaged_picture_named([paths["whole.png"]]):
        tf.reshape(tf.zeros(3), (2, 2))
    with pytest.raises(KeyError), damaged_picture_named([paths["cut.png"]]):
        raise KeyError


def test_what_would_end_the_process_is_named(tmp_path):
    """An animated WebP corrupts the memory of TensorFlow's decoder; it may not get there."""
    image = pytest.importorskip("PIL.Image")
    frames = [image.new("RGB", (20, 20), color) for color in ("red", "blue", "green")]
    path = str(tmp_path / "animated.jpg")
    frames[0].save(path, "WEBP", save_all=True, append_images=frames[1:])
    expected = pytest.raises(ValueError, match=r"animated\.jpg' is damaged, or .* \(Unknown image")
    with expected, damaged_picture_named([path]):
        decode_image(tf.io.read_file(path))
