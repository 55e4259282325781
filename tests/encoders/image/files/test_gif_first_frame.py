"""Tests that a GIF is cut behind its first frame, whatever comes before, in and after it."""

import io

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.encoders.image.files.gif_first_frame import first_frame
from tests.cases import examples

Image = pytest.importorskip("PIL.Image")

MANY = 10**6


def gif(frames, height, width, seed=0, **options):
    """Frames of noise, each with a palette of its own."""
    random = np.random.default_rng(seed)
    pixels = [
        Image.fromarray(random.integers(0, 256, (height, width), np.uint8)) for _ in range(frames)
    ]
    for frame in pixels:
        frame.putpalette(random.integers(0, 256, 768, np.uint8).tobytes())
    first, *others = pixels
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=others, **options)
    return file.getvalue()


def cut(file, max_pixels=MANY):
    return first_frame(tf.constant(file), max_pixels).numpy()


def decoded(file):
    return tf.io.decode_image(file, expand_animations=False).numpy()


def blocks_of(data, lengths):
    """The data in sub-blocks of these lengths, over and over."""
    stream, at, turn = b"", 0, 0
    while at < len(data):
        some = data[at : at + lengths[turn % len(lengths)]]
        stream += bytes([len(some)]) + some
        at, turn = at + len(some), turn + 1
    return stream + b"\0"


def in_blocks(file, start, lengths):
    """The file with the sub-blocks from `start` on made anew."""
    data, at = b"", start
    while file[at]:
        data += file[at + 1 : at + 1 + file[at]]
        at += 1 + file[at]
    return file[:start] + blocks_of(data, lengths) + file[at + 1 :]


@given(
    st.integers(1, 4),
    st.integers(1, 70),
    st.integers(1, 70),
    st.booleans(),
    st.sampled_from([b"", b"a comment", bytes(range(1, 256)) * 9]),
)
@examples(40)
def test_the_first_of_several(frames, height, width, interlace, comment):
    file = gif(frames, height, width, interlace=interlace, comment=comment, loop=0)
    found = cut(file)
    assert file.startswith(found[:-1])
    assert found[-1:] == b";"
    picture = Image.open(io.BytesIO(found))
    assert getattr(picture, "n_frames", 1) == 1
    np.testing.assert_array_equal(decoded(found), decoded(file))
    np.testing.assert_array_equal(decoded(found), np.asarray(picture.convert("RGB")))
    assert cut(found) == found


def test_what_follows_is_not_read():
    file = gif(300, 50, 40)
    found = cut(file)
    assert len(found) < len(file) / 250
    for after in (b"", b"garbage", file[len(found) :][:1000]):
        assert cut(found[:-1] + after) == found


@pytest.mark.parametrize("lengths", [[1], [7], [254], [255, 3], [1, 2, 3, 200]])
def test_sub_blocks_of_any_length(lengths):
    file = cut(gif(1, 60, 60))
    start = file.index(b"\x2c\0\0\0\0" + bytes([60, 0, 60, 0]))
    colors = 3 * 2 ** (file[start + 9] % 8 + 1) if file[start + 9] >= 128 else 0
    odd = in_blocks(file, start + 10 + colors + 1, lengths)
    assert cut(odd + file) == odd
    np.testing.assert_array_equal(decoded(odd), decoded(file))


def test_longer_than_one_run_of_sub_blocks():
    file = gif(2, 1200, 1200)
    found = cut(file, 1200 * 1200)
    assert 4096 * 256 < len(found) < len(file) / 2 + 2000
    np.testing.assert_array_equal(decoded(found), decoded(file))


def test_a_frame_that_is_not_whole_is_none():
    file = gif(2, 9, 9)
    end = len(cut(file)) - 1
    assert cut(file[:end]) == file[:end] + b";"
    for length in range(13, end):
        assert cut(file[:length]) == file[:13] + b";"
    for length in (4, 6, 12):
        with pytest.raises(tf.errors.InvalidArgumentError):
            decoded(cut(file[:length]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="Invalid GIF data"):
        decoded(cut(file[:100]))


def test_a_frame_larger_than_the_screen():
    file = gif(1, 20, 30)
    assert cut(file, 600)[:-1] == file[:-1]
    assert cut(file, 599) == file[:13] + b";"
    start = file.index(b"\x2c\0\0\0\0")
    huge = file[: start + 5] + b"\xff\xff\xff\xff" + file[start + 9 :]
    assert cut(huge, 50_000_000) == file[:13] + b";"


def test_odd_files_end():
    head = gif(1, 20, 30)[:13]
    colors = 3 * 2 ** (head[10] % 8 + 1)
    many = head + bytes(colors) + b"!\xff" + b"\1\2\2\2\3" * 10**5
    assert cut(many) == head + b";"
    assert cut(head + bytes(colors) + b"!\xff\0" * 10**5) == head + b";"
