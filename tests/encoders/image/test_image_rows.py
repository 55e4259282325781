"""Tests of batches of picture files: each by itself, and what is said of those that cannot be."""

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf

from tb_keras.checks.rows import positions_from
from tb_keras.encoders.image.image_rows import MAX_PIXELS, map_images
from tests.cases import slow_but

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
FORMAT, SIZE, DAMAGE = "must hold PNG, JPEG, GIF or BMP", "at most 50 million pixels", "undamaged"


def saved(kind):
    image = pytest.importorskip("PIL.Image")
    stream = io.BytesIO()
    image.fromarray(PIXELS).save(stream, kind)
    return stream.getvalue()


def png_declaring(width, height):
    header = struct.pack(">4sIIBBBBB", b"IHDR", width, height, 8, 2, 0, 0, 0)
    checked = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return saved("PNG")[:8] + checked + saved("PNG")[33:]


def jpeg_declaring(width, height):
    file = saved("JPEG")
    at = file.index(b"\xff\xc0") + 5
    return file[:at] + struct.pack(">HH", height, width) + file[at + 4 :]


def shape(file):
    return tf.shape(tf.io.decode_image(file.content, expand_animations=False))


def shapes(files):
    return map_images(shape, files, specs=tf.TensorSpec((3,), tf.int32))


SHAPES = tf.function(shapes, input_signature=[tf.TensorSpec((None,), tf.string)])


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """The function as a saved model gives it."""
    module = tf.Module()
    module.shapes = tf.function(
        lambda files: {"shape": shapes(files)}, input_signature=[tf.TensorSpec((None,), tf.string)]
    )
    directory = str(tmp_path_factory.mktemp("saved") / "model")
    tf.saved_model.save(module, directory, signatures=module.shapes.get_concrete_function())
    model = tf.saved_model.load(directory)
    return lambda files: model.signatures["serving_default"](files)["shape"]


@pytest.mark.parametrize("kind", slow_but("graph", cases=["eager", "graph", "saved"]))
def test_good_and_bad(kind, request):
    ask = {"eager": shapes, "graph": SHAPES}.get(kind) or request.getfixturevalue("loaded")
    kinds = ["PNG", "JPEG", "GIF", "BMP"]
    good = [saved(kind) for kind in kinds]
    np.testing.assert_array_equal(ask(tf.constant(good)), [(20, 30, 3)] * 4)
    assert ask(tf.zeros(0, tf.string)).shape == (0, 3)
    cases = [
        (b"", FORMAT),
        (b"text", FORMAT),
        (b"\0" * 1000, FORMAT),
        (saved("TIFF"), FORMAT),
        (saved("WEBP"), FORMAT),
        (png_declaring(10_000, 5_001), SIZE),
        (png_declaring(2**31 - 1, 2**31 - 1), SIZE),
        (png_declaring(2**32 - 1, 2**32 - 1), SIZE),
        (jpeg_declaring(65_535, 65_535), SIZE),
        (b"GIF89a\xff\xff\xff\xff" + good[2][10:], SIZE),
        (good[3][:18] + struct.pack("<ii", 10**5, -(10**5)) + good[3][26:], SIZE),
        (png_declaring(0, 5), DAMAGE),
        (png_declaring(30, 21), DAMAGE),
        (jpeg_declaring(30, 0), DAMAGE),
        (jpeg_declaring(0, 30), DAMAGE),
        (good[0][:60] + b"\1" + good[0][61:], DAMAGE),
        *((file[: len(file) // 2], DAMAGE) for file in good),
        *((file[:20], DAMAGE) for file in good),
        *((file[:9], DAMAGE) for file in good),
    ]
    for bad, message in cases:
        for files, positions in (
            ([bad], [0]),
            ([*good, bad], [4]),
            ([bad, good[0], bad, bad, good[1]], [0, 2, 3]),
        ):
            with pytest.raises(tf.errors.InvalidArgumentError) as caught:
                ask(tf.constant(files))
            assert message in caught.value.message, bad[:30]
            assert "`image_bytes` must hold " in caught.value.message
            assert f" Not so at positions: {positions}" in caught.value.message


def test_at_the_limit():
    # Refused for what follows its header, not for its size.
    assert MAX_PIXELS == 10_000 * 5_000
    with pytest.raises(tf.errors.InvalidArgumentError, match=DAMAGE):
        SHAPES(tf.constant([png_declaring(10_000, 5_000)]))


def test_rows_keep_their_order_and_what_belongs_to_them():
    sizes = [(side % 37 + 1, side % 11 + 1) for side in range(100)]
    files = tf.stack([tf.io.encode_png(tf.zeros((*size, 1), tf.uint8)) for size in sizes])
    specs = {
        "shape": tf.TensorSpec((3,), tf.int32),
        "row": tf.TensorSpec((None, 2), tf.float32),
    }

    @tf.function
    def ask(files, rows):
        return map_images(
            lambda file, row: {"shape": shape(file), "row": 2 * row}, files, rows, specs=specs
        )

    rows = tf.constant(np.random.default_rng(0).normal(size=(100, 3, 2)), tf.float32)
    found = ask(files, rows)
    np.testing.assert_array_equal(found["shape"], [(*size, 1) for size in sizes])
    np.testing.assert_array_equal(found["row"], 2 * rows)
    nothing = ask(files[:0], rows[:0])
    assert nothing["shape"].shape == (0, 3)
    assert nothing["row"].shape[0] == 0


def test_positions_count_from_the_first_block():
    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)])
    def in_blocks(files):
        def step(start, found):
            with positions_from(start):
                block = shapes(files[start : start + 4])
            return start + 4, tf.concat([found, block], axis=0)

        return tf.while_loop(
            lambda start, found: start < tf.size(files),
            step,
            (tf.constant(0), tf.zeros((0, 3), tf.int32)),
            shape_invariants=(tf.TensorShape(()), tf.TensorShape((None, 3))),
        )[1]

    good = [saved("PNG")] * 10
    np.testing.assert_array_equal(in_blocks(tf.constant(good)), [(20, 30, 3)] * 10)
    for bad, message in (
        (b"", FORMAT),
        (png_declaring(10**5, 10**5), SIZE),
        (good[0][:50], DAMAGE),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            in_blocks(tf.constant([*good[:5], bad, bad, *good[:3]]))
        assert message in caught.value.message
        assert "positions: [5, 6]" in caught.value.message
