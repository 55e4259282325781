"""Tests of the sizes that picture files declare against Pillow's, and of damaged headers."""

import io
import struct

import numpy as np
import pytest
import tensorflow as tf

from tb_keras.encoders.image.files.image_file import read_headers

Image = pytest.importorskip("PIL.Image")


def declared_sizes(files):
    read = read_headers(files)
    return read.is_known, read.size


DECLARED_SIZES = tf.function(declared_sizes, input_signature=[tf.TensorSpec((None,), tf.string)])

FORMATS = {
    "png": {"format": "PNG"},
    "gif": {"format": "GIF"},
    "bmp": {"format": "BMP"},
    "jpeg": {"format": "JPEG"},
    "progressive": {"format": "JPEG", "progressive": True},
    "profile": {"format": "JPEG", "icc_profile": bytes(200_000), "comment": b"\xff\xc0" * 90},
}


def picture(name, width, height, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, **FORMATS[name])
    return file.getvalue()


def sizes_of(files):
    known, sizes = DECLARED_SIZES(tf.constant(files, tf.string, (len(files),)))
    assert known.dtype == tf.bool
    assert sizes.dtype == tf.int64
    return known.numpy().tolist(), sizes.numpy().tolist()


@pytest.mark.slow
@pytest.mark.parametrize("asked", [declared_sizes, DECLARED_SIZES])
def test_sizes_are_those_that_pillow_finds(asked):
    random = np.random.default_rng(0)
    files = [
        picture(name, *random.integers(1, 400, 2), seed) for seed in range(8) for name in FORMATS
    ]
    expected = [list(Image.open(io.BytesIO(file)).size) for file in files]
    with_text = [
        *files,
        b"",
        b"text",
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"\xff\xd8",
        b"B",
        b"GIF",
        b"<svg/>",
    ]
    known, sizes = asked(tf.constant(with_text))
    assert known.numpy().tolist() == [True] * len(files) + [False] * 7
    assert sizes.numpy().tolist() == expected + [[0, 0]] * 7


def test_no_file():
    assert sizes_of([]) == ([], [])


@pytest.mark.parametrize("name", FORMATS)
def test_a_cut_file_declares_the_same_size_or_none(name):
    file = picture(name, 21, 34)
    header = [*range(3, 700), len(file) - 1]
    _, sizes = sizes_of([file[:end] for end in header])
    found = [size != [0, 0] for size in sizes]
    assert found == sorted(found)
    assert found[-1]
    assert {tuple(size) for size in sizes} <= {(21, 34), (0, 0)}


def test_png_sides_are_unsigned_and_come_first():
    file = picture("png", 5, 6)
    huge = file[:16] + struct.pack(">II", 2**32 - 1, 2**32 - 1) + file[24:]
    no_width = file[:16] + struct.pack(">II", 0, 6) + file[24:]
    # A chunk of a kind that readers pass over, before the size.
    moved = file[:8] + struct.pack(">I4s13sI", 13, b"abCd", bytes(13), 0) + file[8:]
    _, sizes = sizes_of([huge, no_width, moved])
    assert sizes == [[2**31 - 1, 2**31 - 1], [0, 0], [0, 0]]


def test_bmp_from_its_top_row_on():
    file = picture("bmp", 5, 6)
    top_down = file[:22] + struct.pack("<i", -6) + file[26:]
    negative_width = file[:18] + struct.pack("<i", -5) + file[22:]
    assert sizes_of([top_down, negative_width])[1] == [[5, 6], [0, 0]]
    assert tf.io.decode_image(top_down).shape == (6, 5, 3)


def test_a_jpeg_as_libjpeg_reads_it():
    file = picture("jpeg", 21, 34)
    fill = file[:2] + b"\xff" * 9 + file[2:]
    garbage = file[:2] + b"\xff\xfe\0\2garbage\xff\0\xff\x01\xff\xd0" + file[2:]
    # A comment that holds another size is no size.
    frame = b"\xff\xc0\0\x11\x08" + struct.pack(">HH", 60000, 60000) + b"\3" + bytes(9)
    comment = file[:2] + b"\xff\xfe" + struct.pack(">H", 2 + len(frame)) + frame + file[2:]
    for whole in (fill, garbage, comment):
        assert tf.io.decode_image(whole).shape == (34, 21, 3)
    no_size = file[:2] + b"\xff\xd9" + file[2:]
    endless = file[:3] + b"\xfe\0\2" + b"\xff\xfe\0\2" * 5000 + file[2:]
    _, sizes = sizes_of([fill, garbage, comment, no_size, endless])
    assert sizes == [[21, 34]] * 3 + [[0, 0]] * 2


@pytest.mark.parametrize("name", ["png", "bmp", "jpeg", "progressive"])
def test_nothing_is_decoded_to_another_size_than_declared(name):
    random = np.random.default_rng(1)
    whole = np.frombuffer(picture(name, 21, 34), np.uint8)
    files = []
    for _ in range(400):
        changed = whole.copy()
        for place in random.integers(2, min(len(whole), 640), random.integers(1, 4)):
            changed[place] = random.choice([0, 1, 0xC0, 0xC2, 0xD8, 0xFF, random.integers(256)])
        files.append(changed.tobytes())
    decoded = 0
    for file, (width, height) in zip(files, sizes_of(files)[1], strict=True):
        if width * height > 10**6:
            continue
        try:
            shape = tf.io.decode_image(file, expand_animations=False).shape
        except tf.errors.InvalidArgumentError:
            continue
        decoded += 1
        assert shape[:2] == (height, width)
    assert decoded > 5 or name == "png"  # whose checksums find most changes


def test_exif_is_found_where_it_stands():
    exif = Image.Exif()
    exif[0x0112] = 6
    files = []
    for kind in ("JPEG", "PNG"):
        stream = io.BytesIO()
        Image.new("RGB", (5, 6)).save(stream, kind, exif=exif)
        files.append(stream.getvalue())
    jpeg, png = files
    block = exif.tobytes()[6:]
    frame = jpeg.index(b"\xff\xc0")
    segment = jpeg[2 : jpeg.index(block) + len(block)]
    behind = jpeg[:2] + jpeg[2 + len(segment) :]
    at = frame - len(segment) + 19
    behind = behind[:at] + b"\xff\xd0" + segment + behind[at:]  # behind the size
    comment = b"\xff\xfe\0\x20" + segment[:30] + jpeg[2 + len(segment) :]
    cases = [jpeg, png, behind, jpeg[:2] + comment, jpeg[:2] + segment + jpeg[2:], b"", b"GIF8"]
    found = read_headers(tf.constant(cases)).exif.numpy().tolist()
    starts = [file.index(block) for file in cases[:3]]
    assert found == [*starts, -1, jpeg.index(block), -1, -1]


def test_scans_are_of_progressive_and_of_divided_files():
    files = [picture(name, 21, 34) for name in FORMATS]
    sequential = files[list(FORMATS).index("jpeg")]
    at = sequential.index(b"\xff\xda")
    divided = sequential[: at + 4] + b"\1" + sequential[at + 5 :]
    found = read_headers(tf.constant([*files, divided, sequential[:at]])).has_scans
    assert found.numpy().tolist() == [name == "progressive" for name in FORMATS] + [True] * 2
