"""Tests of picture decoding against NumPy, inside and outside an exported graph."""

import io
import struct

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.encoders.image.image_decoding import DecodeImages, decode_image
from tests.cases import examples

# Two frames of 2 x 1 pixels: red and blue, then green and white.
GIF = (
    b"GIF89a\x02\x00\x01\x00\x91\x00\x00\xff\x00\x00\x00\x00\xff\x00\xff\x00\xff\xff\xff"
    b"!\xf9\x04\x00\x00\x00\x00\x00,\x00\x00\x00\x00\x02\x00\x01\x00\x00\x02\x02D\n\x00"
    b"!\xf9\x04\x00\x00\x00\x00\x00,\x00\x00\x00\x00\x02\x00\x01\x00\x00\x02\x02\\\n\x00;"
)


def png(pixels) -> bytes:
    return tf.io.encode_png(pixels).numpy()


def bmp32(pixels) -> bytes:
    """A 32-bit BMP of RGBA pixels: stored bottom row first, as BGRA."""
    height, width, _ = pixels.shape
    data = pixels[::-1, :, [2, 1, 0, 3]].tobytes()
    header = struct.pack("<2sIHHI", b"BM", 54 + len(data), 0, 0, 54)
    header += struct.pack("<IiiHHIIiiII", 40, width, height, 1, 32, 0, len(data), 0, 0, 0, 0)
    return header + data


def random_pixels(height, width, channels, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def on_white(pixels):
    """The pixels as float64 RGB, laid over white by the `over` operator."""
    pixels = pixels.astype(np.float64)
    if pixels.shape[2] in (2, 4):
        alpha = pixels[:, :, -1:] / 255
        pixels = alpha * pixels[:, :, :-1] + (1 - alpha) * 255
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def central_crop(pixels, target_height, target_width):
    height, width = pixels.shape[:2]
    crop_height = min(height, max(1, width * target_height // target_width))
    crop_width = min(width, max(1, height * target_width // target_height))
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    return pixels[top : top + crop_height, left : left + crop_width]


def triangle_weights(size, target):
    """(target, size): a triangle filter that widens with the reduction, pixel centres at 0.5."""
    scale = size / target
    centers = (np.arange(target) + 0.5) * scale
    distance = np.abs(np.arange(size) + 0.5 - centers[:, None]) / max(scale, 1)
    weights = np.maximum(0, 1 - distance)
    return weights / weights.sum(1, keepdims=True)


def expected(pixels, height, width):
    pixels = central_crop(on_white(pixels), height, width)
    rows = triangle_weights(pixels.shape[0], height)
    columns = triangle_weights(pixels.shape[1], width)
    return np.einsum("ih,jw,hwc->ijc", rows, columns, pixels)


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 4),
    st.integers(1, 24),
    st.integers(1, 24),
    st.integers(0, 9),
)
@examples(100)
def test_png_of_any_size_and_channels(height, width, channels, to_height, to_width, seed):
    pixels = random_pixels(height, width, channels, seed)
    decoded = decode_image(png(pixels), (to_height, to_width))
    assert decoded.shape == (to_height, to_width, 3)
    assert decoded.dtype == tf.float32
    np.testing.assert_allclose(decoded, expected(pixels, to_height, to_width), atol=0.01)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (7, 30), (40, 9)])
def test_a_picture_of_its_own_size(size, channels):
    pixels = random_pixels(*size, channels)
    decoded = decode_image(png(pixels))
    assert decoded.shape == (*size, 3)
    assert decoded.dtype == tf.float32
    np.testing.assert_allclose(decoded, on_white(pixels), atol=1e-3)


def test_a_picture_of_its_own_size_in_each_format():
    np.testing.assert_array_equal(decode_image(GIF), [[[255, 0, 0], [0, 0, 255]]])
    pixels = random_pixels(5, 6, 4)
    np.testing.assert_allclose(decode_image(bmp32(pixels)), on_white(pixels), atol=1e-3)
    plain = np.full((16, 24, 3), (200, 100, 50), np.uint8)
    jpeg = tf.io.encode_jpeg(plain, quality=100)
    np.testing.assert_allclose(decode_image(jpeg), plain, atol=3)
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_image(b"no picture")


@pytest.mark.parametrize("shape", [(60, 90), (90, 60), (23, 23)])
def test_agrees_with_keras(shape):
    pixels = random_pixels(*shape, 3)
    resizing = keras.layers.Resizing(32, 32, crop_to_aspect_ratio=True, antialias=True)
    np.testing.assert_allclose(
        decode_image(png(pixels), (32, 32)), resizing(pixels.astype(np.float32)), atol=1e-3
    )


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 24), st.integers(1, 24))
@examples(30)
def test_the_whole_picture(height, width, to_height, to_width):
    pixels = random_pixels(height, width, 3)
    rows, columns = triangle_weights(height, to_height), triangle_weights(width, to_width)
    whole = np.einsum("ih,jw,hwc->ijc", rows, columns, pixels)
    layer = DecodeImages(to_height, to_width, crop_to_aspect_ratio=False)
    np.testing.assert_allclose(layer.decode(png(pixels)), whole, atol=0.01)
    assert layer.get_config()["crop_to_aspect_ratio"] is False


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg(channels):
    pixels = np.full((16, 16, channels), (200, 100, 50)[:channels], np.uint8)
    jpeg = tf.io.encode_jpeg(pixels, quality=100)
    np.testing.assert_allclose(decode_image(jpeg, (16, 16)), on_white(pixels), atol=3)


def test_gif_gives_its_first_frame():
    np.testing.assert_array_equal(decode_image(GIF, (1, 2)), [[[255, 0, 0], [0, 0, 255]]])


def test_bmp():
    pixels = random_pixels(5, 5, 4)
    np.testing.assert_allclose(decode_image(bmp32(pixels), (5, 5)), on_white(pixels), atol=0.01)
    pixels[:, :, 3] = 0  # unused, not transparent
    np.testing.assert_allclose(decode_image(bmp32(pixels), (5, 5)), pixels[:, :, :3], atol=0.01)


def saved(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def rgb_of(pillow, file):
    """What Pillow reads, as stored, transparency laid over white."""
    image = pillow.open(io.BytesIO(file)).convert("RGBA")
    return np.asarray(pillow.alpha_composite(pillow.new("RGBA", image.size, "white"), image))[
        ..., :3
    ]


@pytest.mark.parametrize("mode", ["RGB", "L", "LA", "RGBA", "P", "1"])
@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_lossless_files_as_pillow_reads_them(mode, kind):
    pillow = pytest.importorskip("PIL.Image")
    if kind == "GIF" and "A" in mode:
        pytest.skip("a GIF's transparent pixels are black")
    image = pillow.fromarray(random_pixels(13, 17, 4), "RGBA").convert(mode)
    file = saved(image, kind)
    np.testing.assert_allclose(decode_image(file), rgb_of(pillow, file), atol=0.51)


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {"progressive": True}),
        ("RGB", {"subsampling": 0}),
        ("L", {"progressive": True}),
        ("CMYK", {}),
    ],
)
def test_jpeg_files_as_pillow_reads_them(mode, options):
    pillow = pytest.importorskip("PIL.Image")
    smooth = pillow.fromarray(random_pixels(4, 5, 3)).resize((90, 70), pillow.Resampling.BICUBIC)
    file = saved(smooth.convert(mode), "JPEG", quality=95, **options)
    decoded = decode_image(file).numpy()
    assert decoded.shape == (70, 90, 3)
    np.testing.assert_allclose(decoded, np.asarray(smooth.convert(mode).convert("RGB")), atol=12)
    np.testing.assert_allclose(decoded, rgb_of(pillow, file), atol=8)


def test_sixteen_bits_give_the_upper_eight():
    pixels = np.random.default_rng(0).integers(0, 2**16, (9, 8, 3), np.uint16)
    decoded = decode_image(tf.io.encode_png(pixels))
    np.testing.assert_array_equal(decoded, pixels >> 8)


def test_a_picture_is_taken_as_it_is_shown():
    pillow = pytest.importorskip("PIL.Image")
    exif = pillow.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    image = pillow.fromarray(random_pixels(16, 24, 3))
    turned = saved(image, "JPEG", exif=exif)
    assert pillow.open(io.BytesIO(turned)).getexif()[0x0112] == 6
    stored = decode_image(saved(image, "JPEG"))
    np.testing.assert_array_equal(decode_image(turned), np.rot90(stored, -1))


def test_of_an_animated_gif_no_frame_but_the_first_is_read():
    frames = [GIF[: GIF.index(b"!", 40)], GIF[GIF.index(b"!", 40) : -1]]
    expected = [[[255, 0, 0], [0, 0, 255]]]
    files = [frames[0] + after for after in (frames[1] * 500 + b";", b"", b"no", frames[1][:12])]
    for file in files:
        np.testing.assert_array_equal(decode_image(file), expected)
    np.testing.assert_array_equal(DecodeImages(1, 2)(tf.constant(files)), [expected] * len(files))


def test_a_jpeg_of_many_scans_is_refused():
    pillow = pytest.importorskip("PIL.Image")
    file = saved(pillow.new("RGB", (16, 16)), "JPEG", progressive=True)
    start = file.index(b"\xff\xda")
    scan = file[start : start + 2 + int.from_bytes(file[start + 2 : start + 4], "big")]
    many = [file[:-2] + count * scan + file[-2:] for count in (0, 90, 91)]
    assert [content.count(b"\xff\xda") for content in many] == [10, 100, 101]
    for content in many[:2]:
        assert decode_image(content).shape == (16, 16, 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Invalid JPEG data"):
        decode_image(many[2])


def test_what_follows_a_jpeg_is_not_counted_as_scans():
    """Such as the film behind a telephone's photo."""
    pillow = pytest.importorskip("PIL.Image")
    file = saved(pillow.new("RGB", (16, 16)), "JPEG")
    np.testing.assert_array_equal(decode_image(file + 200 * b"\xff\xda"), decode_image(file))


def test_transparent_png_is_white():
    np.testing.assert_array_equal(decode_image(png(np.zeros((3, 3, 4), np.uint8)), (3, 3)), 255)


def test_no_picture_is_an_error():
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_image(b"no picture", (4, 4))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"PNG, JPEG, GIF or BMP.* \[1\]"):
        DecodeImages(4, 4)(tf.constant([GIF, b""]))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"undamaged pictures.* \[0, 2\]"):
        DecodeImages(4, 4)(tf.constant([GIF[:30], GIF, GIF[:40]]))


def test_layer_decodes_each_row():
    pictures = [random_pixels(9, 4, channels) for channels in (1, 2, 3, 4)]
    files = tf.constant([png(picture) for picture in pictures] + [GIF])
    decoded = DecodeImages(6, 5)(files)
    assert decoded.shape == (5, 6, 5, 3)
    for row, picture in zip(decoded[:4], pictures, strict=True):
        np.testing.assert_allclose(row, expected(picture, 6, 5), atol=0.01)


def model_of(height, width):
    image_bytes = keras.Input((), dtype="string")
    return keras.Model(image_bytes, DecodeImages(height, width)(image_bytes))


@pytest.mark.slow
def test_layer_in_a_model():
    model = model_of(6, 5)
    assert model.output_shape == (None, 6, 5, 3)
    assert model.outputs[0].dtype == "float32"
    files = tf.constant([png(random_pixels(9, 4, 3, seed)) for seed in range(3)])
    np.testing.assert_array_equal(model.predict(files, verbose=0), DecodeImages(6, 5)(files))
    assert model(tf.zeros((0,), tf.string)).shape == (0, 6, 5, 3)


def test_layer_is_float32_under_mixed_precision():
    layer = DecodeImages(2, 2, dtype="mixed_bfloat16")
    assert layer(tf.constant([GIF])).dtype == tf.float32


def test_layer_round_trips(tmp_path):
    layer = DecodeImages.from_config(DecodeImages(6, 5, name="pixels").get_config())
    assert (layer.height, layer.width, layer.name) == (6, 5, "pixels")
    model_of(6, 5).save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded(tf.constant([GIF])).shape == (1, 6, 5, 3)


@pytest.mark.slow
def test_export_has_no_python_function(tmp_path):
    archive = keras.export.ExportArchive()
    model = model_of(6, 5)
    archive.track(model)
    archive.add_endpoint("decode", model, [tf.TensorSpec((None,), tf.string)])
    archive.write_out(tmp_path / "model", verbose=False)
    decode = tf.saved_model.load(tmp_path / "model").signatures["decode"]
    definition = decode.graph.as_graph_def()
    operations = {node.op for node in definition.node}
    for function in definition.library.function:
        operations |= {node.op for node in function.node_def}
    assert "DecodeImage" in operations
    assert not {operation for operation in operations if "PyFunc" in operation}
    files = tf.constant([png(random_pixels(9, 4, 4)), GIF])
    (decoded,) = decode(files).values()
    np.testing.assert_allclose(decoded, model(files), atol=1e-4)
    (nothing,) = decode(tf.zeros((0,), tf.string)).values()
    assert nothing.shape == (0, 6, 5, 3)


@pytest.mark.parametrize("value", [0, -1, 2.5, "4", None])
def test_sizes_are_checked(value):
    with pytest.raises(ValueError, match=r"`height` must be a positive int. Received: height="):
        DecodeImages(value, 4)
    with pytest.raises(ValueError, match=r"`width` must be a positive int. Received: width="):
        DecodeImages(4, value)


def test_rank_is_checked():
    with pytest.raises(ValueError, match="`inputs` must be a string tensor of shape"):
        DecodeImages(4, 4)(keras.Input((3,), dtype="string"))
